import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../../src/core/json.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { InputRequest } from '../../../src/engine/journal.ts';
import { DEFAULT_PROTOCOL_SETTINGS } from '../../../src/protocol/deps.ts';
import { InputRelay } from '../../../src/protocol/input-relay.ts';
import { SharedQuestions } from '../../../src/protocol/shared-questions.ts';
import type { FakeRun } from '../../support/fake-task-service.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { serveModern } from '../../support/modern-http.ts';
import { protocolDeps } from '../../support/protocol-deps.ts';
import { servePipe } from '../../support/scripted-client.ts';
import { taskView } from '../../support/task-view.ts';

const FORM: InputRequest = {
  method: 'elicitation/create',
  params: { mode: 'form', message: 'Name?', requestedSchema: { type: 'object', properties: {} } },
};
const LINK: InputRequest = {
  method: 'elicitation/create',
  params: { mode: 'url', message: 'Visit', url: 'https://example.com/', elicitationId: 'e' },
};
const ACTIONS = ['decline', 'cancel'] as const;
const QUESTIONS = { form: FORM, link: LINK };
type Question = keyof typeof QUESTIONS;
const CASES = ACTIONS.flatMap((action) =>
  (['form', 'link'] as const).map((question): readonly [string, Question] => [action, question]),
);

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A workflow that asks, served. An answer that takes less than `instantMs` is one that nobody gave. */
function asking(question: Question, instantMs: number) {
  const deps = protocolDeps({ settings: { ...DEFAULT_PROTOCOL_SETTINGS, instantDeclineMs: instantMs } });
  deps.publish('asks', async ({ ask }: FakeRun) => ({
    content: [{ type: 'text', text: JSON.stringify(await ask(QUESTIONS[question], 'ask')) }],
  }));
  return deps;
}

/** What a client of 2025-11-25 gets that answers every question at once in one way. */
async function called2025(action: string, question: Question, instantMs: number): Promise<JsonObject> {
  const served = await servePipe(asking(question, instantMs));
  closers.push(() => served.close());
  const connected = await served.connect({ elicitation: { form: {}, url: {} } });
  connected.client.setRequestHandler(ElicitRequestSchema, () => ({ action: action === 'cancel' ? action : 'decline' }));
  return (await connected.raw('tools/call', { name: 'asks', arguments: {} })) as JsonObject; // JSON-RPC is JSON
}

/** The same in 2026-07-28: the question is the answer to the first call, its answer comes with the second. */
async function called2026(action: string, question: Question, instantMs: number): Promise<JsonObject> {
  const http = await serveModern(asking(question, instantMs));
  closers.push(() => http.close());
  const capabilities = { elicitation: { form: {}, url: {} } };
  const { result: first } = await http.request('tools/call', { name: 'asks' }, { capabilities });
  const requestState = first?.['requestState'] ?? null;
  const params = { name: 'asks', requestState, inputResponses: { ask: { action } } };
  return (await http.request('tools/call', params, { capabilities })).result ?? {};
}

const GENERATIONS = { '2025-11-25': called2025, '2026-07-28': called2026 };

describe.each(['2025-11-25', '2026-07-28'] as const)('a host of %s that shows nothing', (revision) => {
  const called = GENERATIONS[revision];

  it.each(CASES)('A7: leaves the question open, however it says so: %s of a %s', async (action, question) => {
    const { structuredContent, isError } = await called(action, question, 60_000);
    expect(isError).not.toBe(true);
    expect(structuredContent).toMatchObject({ task: { status: 'input_required' } });
  });

  it.each(CASES)('A7: is not one whose person had the time to read it: %s of a %s', async (action, question) => {
    const { content } = await called(action, question, 0);
    expect(content).toEqual([{ type: 'text', text: JSON.stringify({ action }) }]);
  });
});

describe('questions to a host', () => {
  it.each(
    ACTIONS.flatMap(
      (action) =>
        [
          [action, 0, false],
          [action, 49, false],
          [action, 199, false],
          [action, 200, true],
          [action, 60_000, true],
        ] as const,
    ),
  )('A7: %s after %i ms is passed on: %s', async (action, ms, passedOn) => {
    const clock = new ManualClock();
    const passed: unknown[] = [];
    let stuck = 0;
    const relay = new InputRelay({
      asker: {
        can: () => true,
        ask: async () => {
          await clock.advance(ms);
          return { action };
        },
      },
      respond: (_, response) => Promise.resolve(passed.push(response)).then(() => 'accepted' as const),
      clock,
      logger: silentLogger,
      instantDeclineMs: 200,
      questions: new SharedQuestions(),
      taskId: 'task-1',
      onStuck: () => (stuck += 1),
    });
    relay.offer(taskView({ inputs: [{ key: 'a', path: 'ask', request: FORM, requestedAt: 0 }] }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(passed.map((response) => isJsonObject(response) && response['action'])).toEqual(passedOn ? [action] : []);
    expect(stuck).toBe(passedOn ? 0 : 1);
    relay.close();
  });
});
