import { describe, expect, test } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { InputRelay, type Asker } from '../../src/protocol/input-relay.ts';
import { SharedQuestions } from '../../src/protocol/shared-questions.ts';
import { TaskError, type PendingInput, type TaskView } from '../../src/tasks/task.ts';
import { ManualClock } from '../support/manual-clock.ts';

function input(key: string): PendingInput {
  return { key, path: 's', request: { method: 'elicitation/create', params: {} }, requestedAt: 0 };
}

function view(...keys: readonly string[]): TaskView {
  return { inputs: keys.map(input) } as unknown as TaskView;
}

/** A relay whose client answers when the test says so. */
function relay(
  options: {
    can?: boolean;
    questions?: SharedQuestions;
    respond?: (response: JsonValue) => Promise<'accepted' | 'ignored'>;
  } = {},
): {
  relay: InputRelay;
  clock: ManualClock;
  asked: { key: string; signal: AbortSignal; answer: (value: JsonValue) => void; refuse: (error: Error) => void }[];
  responses: [string, JsonValue][];
  stuck: () => number;
} {
  const clock = new ManualClock();
  const asked: ReturnType<typeof relay>['asked'] = [];
  const responses: [string, JsonValue][] = [];
  let stuck = 0;
  const asker: Asker = {
    can: () => options.can ?? true,
    ask: (pending, signal) =>
      new Promise((resolve, reject) => {
        asked.push({ key: pending.key, signal, answer: resolve, refuse: reject });
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      }),
  };
  return {
    clock,
    asked,
    responses,
    stuck: () => stuck,
    relay: new InputRelay({
      asker,
      clock,
      logger: silentLogger,
      instantDeclineMs: 200,
      questions: options.questions ?? new SharedQuestions(),
      taskId: 'task-1',
      respond: async (key, response) => {
        responses.push([key, response]);
        return options.respond === undefined ? 'accepted' : options.respond(response);
      },
      onStuck: () => {
        stuck += 1;
      },
    }),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('questions to a client', () => {
  test('I1 a question is asked once, however often the task changes, and its answer is passed on', async () => {
    const r = relay();
    r.relay.offer(view('a'));
    r.relay.offer(view('a', 'b'));
    expect(r.asked.map(({ key }) => key)).toEqual(['a', 'b']);
    r.asked[0]?.answer({ action: 'accept' });
    await turn();
    expect(r.responses).toEqual([['a', { action: 'accept' }]]);
    expect(r.stuck()).toBe(0);
  });

  test('a question that was answered elsewhere is withdrawn', () => {
    const r = relay();
    r.relay.offer(view('a', 'b'));
    r.relay.offer(view('b'));
    expect(r.asked.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  });

  test('closing withdraws all questions and answers none', async () => {
    const r = relay();
    r.relay.offer(view('a'));
    r.relay.close();
    r.relay.offer(view('a', 'b'));
    await turn();
    expect(r.asked.map(({ signal }) => signal.aborted)).toEqual([true]);
    expect(r.responses).toEqual([]);
  });

  test('a client that cannot answer is not asked, and that is reported', () => {
    const r = relay({ can: false });
    r.relay.offer(view('a'));
    expect(r.asked).toEqual([]);
    expect(r.stuck()).toBe(1);
  });

  test('I2 a decline at once is not passed on; the same decline after a moment is', async () => {
    const instant = relay();
    instant.relay.offer(view('a'));
    instant.asked[0]?.answer({ action: 'decline' });
    await turn();
    expect(instant.responses).toEqual([]);
    expect(instant.stuck()).toBe(1);

    const considered = relay();
    considered.relay.offer(view('a'));
    await considered.clock.advance(200);
    considered.asked[0]?.answer({ action: 'decline' });
    await turn();
    expect(considered.responses).toEqual([['a', { action: 'decline' }]]);
  });

  test('an answer that does not fit is asked for again, three times in all', async () => {
    const r = relay({ respond: () => Promise.reject(new TaskError('invalid_input_response', 'no')) });
    r.relay.offer(view('a'));
    for (let attempt = 0; attempt < 3; attempt += 1) {
      r.asked[attempt]?.answer({ action: 'accept' });
      await turn();
    }
    expect(r.asked).toHaveLength(3);
    expect(r.stuck()).toBe(1);
  });

  test('a client that answers with an error leaves the question open', async () => {
    const r = relay();
    r.relay.offer(view('a', 'b'));
    r.asked[0]?.refuse(new Error('no such method'));
    await turn();
    expect(r.stuck()).toBe(0);
    r.asked[1]?.refuse(new Error('no such method'));
    await turn();
    expect(r.stuck()).toBe(1);
    expect(r.responses).toEqual([]);
  });
});

describe('I1 two requests of one connection that wait for the same task', () => {
  test('ask once, and the answer serves both', async () => {
    const questions = new SharedQuestions();
    const [one, two] = [relay({ questions }), relay({ questions })];
    one.relay.offer(view('a'));
    two.relay.offer(view('a'));
    await turn();
    expect([one.asked.length, two.asked.length]).toEqual([1, 0]);
    one.asked[0]?.answer({ action: 'accept' });
    await turn();
    expect([one.responses.length, two.responses.length, two.asked.length]).toEqual([1, 0, 0]);
  });

  test('the second asks when the first is withdrawn without an answer', async () => {
    const questions = new SharedQuestions();
    const [one, two] = [relay({ questions }), relay({ questions })];
    one.relay.offer(view('a'));
    two.relay.offer(view('a'));
    one.relay.close();
    await turn();
    expect(two.asked.map(({ key }) => key)).toEqual(['a']);
    two.asked[0]?.answer({ action: 'accept' });
    await turn();
    expect(two.responses).toEqual([['a', { action: 'accept' }]]);
  });

  test('what the host cannot show is unanswerable for both', async () => {
    const questions = new SharedQuestions();
    const [one, two] = [relay({ questions }), relay({ questions })];
    one.relay.offer(view('a'));
    two.relay.offer(view('a'));
    one.asked[0]?.refuse(new Error('no such method'));
    await turn();
    expect([one.stuck(), two.stuck(), two.asked.length]).toEqual([1, 1, 0]);
  });
});
