import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stepFailure } from '../../src/core/failure.ts';
import type { TaskView } from '../../src/tasks/task.ts';
import { TaskError } from '../../src/tasks/task.ts';
import { dose } from '../support/dose.ts';
import { aborted } from '../support/scripted-runner.ts';
import { TaskWorld } from '../support/task-world.ts';
import type { WorldProcess } from '../support/task-world.ts';

const me = 'local';

/** What the outside can do; numbers choose the process and the task. */
type Command =
  | { readonly do: 'create'; readonly at: number; readonly kind: number }
  | { readonly do: 'cancel' | 'answer' | 'read' | 'resume'; readonly at: number; readonly task: number }
  | { readonly do: 'kill' | 'stop'; readonly at: number }
  | { readonly do: 'pass'; readonly ms: number };

const at = fc.nat(1);
const task = fc.nat(5);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('create' as const), at, kind: fc.nat(3) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('cancel', 'answer', 'read', 'resume'), at, task }) },
  // Only a task that has failed is run again, and only one that asks is answered, so few of these do anything.
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('answer', 'resume'), at, task }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('kill', 'stop'), at }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 15_000 }) }) },
);

/** Everything that is known from outside about one task. */
interface Known {
  readonly id: string;
  readonly kind: string;
  last: TaskView;
  cancelAcked: boolean;
  answerAcked: boolean;
}

class Model {
  readonly world = new TaskWorld();
  readonly processes = new Map<number, WorldProcess>();
  readonly tasks: Known[] = [];
  /** Runs of each step's work, by task and path. */
  readonly ran = new Map<string, number>();
  readonly counts = { acked: 0, kills: 0, resumed: 0, answers: 0, cancels: 0 };

  constructor() {
    const { world } = this;
    const note = (id: string, path: string): number => {
      const key = `${id} ${path}`;
      this.ran.set(key, (this.ran.get(key) ?? 0) + 1);
      return 1;
    };
    world.define('quick', async ({ step, task: { taskId } }) => {
      await step('a', () => note(taskId, 'a'));
      return step('b', () => note(taskId, 'b'));
    });
    world.define('slow', async ({ step, ports, signal, task: { taskId } }) => {
      for (const path of ['a', 'b', 'c']) {
        await step(path, async () => {
          await ports.clock.sleep(4000, signal);
          return note(taskId, path);
        });
      }
      return 1;
    });
    world.define('asks', async ({ step, ports, signal, task: { taskId } }) => {
      await step('a', () => note(taskId, 'a'));
      const answer = await Promise.race([ports.input.ask('b', { method: 'roots/list', params: {} }), aborted(signal)]);
      return step('b', () => (answer === undefined ? 0 : note(taskId, 'b')));
    });
    world.define('fails', async ({ step, task: { taskId } }) => {
      await step('a', () => note(taskId, 'a'));
      return step('b', () => {
        if (note(taskId, 'b') === 1 && (this.ran.get(`${taskId} b`) ?? 0) < 2) throw stepFailure('tool_error', 'first');
        return 1;
      });
    });
  }

  async process(index: number): Promise<WorldProcess> {
    const found = this.processes.get(index);
    if (found !== undefined) return found;
    const made = await this.world.started();
    this.processes.set(index, made);
    return made;
  }

  async run(one: Command): Promise<void> {
    switch (one.do) {
      case 'pass':
        return this.world.clock.advance(one.ms);
      case 'kill':
      case 'stop': {
        const process = this.processes.get(one.at);
        if (process === undefined) return;
        this.counts.kills += 1;
        if (one.do === 'kill') process.kill();
        else await process.tasks.close();
        this.processes.delete(one.at);
        return;
      }
      case 'create': {
        const kind = ['quick', 'slow', 'asks', 'fails'][one.kind] ?? 'quick';
        const { tasks } = await this.process(one.at);
        const last = await tasks.create({ workflow: kind, arguments: {}, principal: me });
        this.tasks.push({ id: last.taskId, kind, last, cancelAcked: false, answerAcked: false });
        this.counts.acked += 1;
        return;
      }
      default: {
        const known = this.tasks[one.task % Math.max(1, this.tasks.length)];
        if (known !== undefined) await this.touch(one.do, await this.process(one.at), known);
      }
    }
  }

  async touch(what: 'cancel' | 'answer' | 'read' | 'resume', { tasks }: WorldProcess, known: Known): Promise<void> {
    try {
      if (what === 'cancel') {
        const view = await tasks.cancel(known.id, me);
        expect(view.status).toBe('cancelled');
        expect(known.cancelAcked).toBe(false);
        known.cancelAcked = true;
        this.counts.cancels += 1;
      } else if (what === 'answer') {
        const accepted = (await tasks.respond(known.id, me, 'in-1', { roots: [] })) === 'accepted';
        expect(accepted && known.answerAcked).toBe(false);
        known.answerAcked ||= accepted;
        if (accepted) this.counts.answers += 1;
      } else if (what === 'resume') {
        await tasks.resume(known.id, me);
        // An open task that nobody runs is taken up; of those that have ended only a failed one begins again.
        if (known.kind !== 'fails') expect(known.last.endedAt).toBeUndefined();
        else this.counts.resumed += 1;
      }
    } catch (error) {
      if (!(error instanceof TaskError)) throw error;
      expect(['already_terminal', 'not_resumable']).toContain(error.code);
    }
    await this.read(tasks, known);
  }

  /** D9: a read never goes back, and a terminal view never changes, but by a resume. */
  async read(tasks: WorldProcess['tasks'], known: Known): Promise<void> {
    const view = await tasks.get(known.id, me);
    expect(view).toBeDefined();
    if (view === undefined) return;
    expect(view.rev).toBeGreaterThanOrEqual(known.last.rev);
    if (view.rev === known.last.rev) expect(view).toEqual(known.last);
    if (known.last.endedAt !== undefined && known.kind !== 'fails') expect(view).toEqual(known.last);
    if (known.cancelAcked) expect(view.status).toBe('cancelled');
    known.last = view;
  }

  /** After everything has come to rest with one process alive: D2, D3, D8, D10. */
  async check(): Promise<void> {
    const { tasks } = await this.process(0);
    await this.world.clock.advance(120_000);
    for (const known of this.tasks) {
      await this.read(tasks, known);
      const { status } = known.last;
      const journal = await tasks.journal(known.id, me);
      const resumed = journal.some(({ type }) => type === 'resumed');
      if (known.kind === 'asks' && !known.answerAcked && !known.cancelAcked) expect(status).toBe('input_required');
      else if (known.cancelAcked) expect(status).toBe('cancelled');
      else if (known.kind === 'fails' && !resumed) expect(['failed', 'completed']).toContain(status);
      else expect(status).toBe('completed');
      expect(journal.map(({ seq }) => seq)).toEqual(journal.map((_, index) => index + 1));
      const finished = journal.flatMap((entry) =>
        entry.type === 'finished' && entry.result.status === 'completed' ? [entry.path] : [],
      );
      expect(new Set(finished).size).toBe(finished.length);
      const outcome = await tasks.outcome(known.id, me);
      expect(outcome === undefined).toBe(status === 'input_required');
    }
    expect([...this.world.store.data.texts.keys()].filter((key) => key.startsWith('clean:'))).toEqual([]);
  }
}

describe('the life of tasks with restarts and two processes on one store', () => {
  it('loses no acknowledged create, cancel or answer, goes never back, and ends every task once', async () => {
    const total = { acked: 0, kills: 0, resumed: 0, answers: 0, cancels: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40, size: 'max' }), async (commands) => {
        const model = new Model();
        try {
          for (const one of commands) await model.run(one);
          await model.check();
        } finally {
          await model.world.dispose();
        }
        for (const key of ['acked', 'kills', 'resumed', 'answers', 'cancels'] as const) total[key] += model.counts[key];
      }),
      { numRuns: dose(60, 2000) },
    );
    // A resume needs a failed task, which few sequences have ready.
    for (const [what, count] of Object.entries(total)) expect(count, what).toBeGreaterThan(what === 'resumed' ? 0 : 5);
  });
});
