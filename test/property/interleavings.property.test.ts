import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TaskError } from '../../src/tasks/task.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import { dose } from '../support/dose.ts';
import { aborted } from '../support/scripted-runner.ts';
import { TaskWorld } from '../support/task-world.ts';
import type { WorldProcess } from '../support/task-world.ts';

const me = 'local';
const TTL_MS = 20_000;
/** Longer than the ttl, and than what lies between two full sweeps. */
const REST_MS = 90_000;

const ACTIONS = [
  'cancel by the runner',
  'cancel by another',
  'answer 1',
  'answer 2 by another',
  'time out',
  'kill the runner',
  'stop the runner',
  'a stranger cancels',
  'a stranger answers',
  'time is over',
] as const;
type Action = (typeof ACTIONS)[number];

/**
 * What happens at the same time, each after some turns of the event loop; and how many turns each call to the store
 * takes.
 */
const schedule = fc.record({
  actions: fc.uniqueArray(fc.record({ what: fc.constantFrom(...ACTIONS), after: fc.nat(40) }), {
    minLength: 2,
    maxLength: 6,
    selector: ({ what }) => what,
  }),
  delays: fc.array(fc.nat(9), { minLength: 5, maxLength: 60 }),
});

/** A store whose calls take turns: what is asked first is not always done first. */
function slow(inner: TaskStore, turns: () => number): TaskStore {
  const later = async <T>(act: () => Promise<T>): Promise<T> => {
    await pass(turns());
    const result = await act();
    await pass(turns());
    return result;
  };
  return {
    get: (key) => later(() => inner.get(key)),
    getMany: (keys) => later(() => inner.getMany(keys)),
    range: (query) => later(() => inner.range(query)),
    commit: (batch) => later(() => inner.commit(batch)),
    changeCounter: () => inner.changeCounter(),
    probe: () => later(() => inner.probe()),
    close: () => inner.close(),
  };
}

async function pass(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    await new Promise<void>((next) => {
      setImmediate(next);
    });
  }
}

interface Seen {
  /** Times each step's work began, and whether the runner had acknowledged a cancel by then. */
  readonly begun: { readonly path: string; readonly afterCancel: boolean }[];
  cancelAcked: boolean;
  cancelByRunner: boolean;
  readonly accepted: number[];
  readonly strangers: string[];
}

/** Plays one schedule and gives what was seen and how the task stands at the end. */
async function play({ actions, delays }: { actions: { what: Action; after: number }[]; delays: number[] }) {
  const world = new TaskWorld();
  const seen: Seen = { begun: [], cancelAcked: false, cancelByRunner: false, accepted: [], strangers: [] };
  let rest = false;
  let next = 0;
  const turns = (): number => (rest ? 0 : (delays[(next += 1) % delays.length] ?? 0));
  world.define('w', async ({ step, ports, signal }) => {
    const work = (path: string, value: number | null): number | null => {
      seen.begun.push({ path, afterCancel: seen.cancelByRunner });
      return value;
    };
    await step('a', () => work('a', 1));
    const question = { method: 'roots/list', params: {} };
    const answer = await Promise.race([ports.input.ask('q', question, { timeoutSeconds: 5 }), aborted(signal)]);
    const roots = (answer as { readonly roots?: readonly { readonly n: number }[] } | undefined)?.roots;
    const given = await step('b', () => work('b', roots?.[0]?.n ?? null));
    await step('c', () => work('c', 1));
    return given;
  });
  const open = (): Promise<WorldProcess> => world.started({ store: slow(world.store.another(), turns) });
  const [runner, other] = [await settle(world, open()), await settle(world, open())];
  const limited = actions.some(({ what }) => what === 'time is over');
  const create = runner.tasks.create({
    workflow: 'w',
    arguments: {},
    principal: me,
    ...(limited && { ttl: TTL_MS }),
  });
  const { taskId } = await settle(world, create);

  const answerBy = async ({ tasks }: WorldProcess, n: number): Promise<void> => {
    const verdict = await tasks.respond(taskId, me, 'in-1', { roots: [{ uri: 'file:///x', n }] });
    if (verdict === 'accepted') seen.accepted.push(n);
  };
  const cancelBy = async ({ tasks }: WorldProcess): Promise<void> => {
    const view = await tasks.cancel(taskId, me);
    expect(view.status).toBe('cancelled');
    seen.cancelAcked = true;
    seen.cancelByRunner ||= tasks === runner.tasks;
  };
  const acts: Readonly<Record<Action, () => Promise<unknown>>> = {
    'cancel by the runner': () => cancelBy(runner),
    'cancel by another': () => cancelBy(other),
    'answer 1': () => answerBy(runner, 1),
    'answer 2 by another': () => answerBy(other, 2),
    'time out': () => world.clock.advance(5000),
    'kill the runner': () => Promise.resolve(runner.kill()),
    'stop the runner': () => runner.tasks.close(),
    'a stranger cancels': () => other.tasks.cancel(taskId, 'stranger'),
    'a stranger answers': () => other.tasks.respond(taskId, 'stranger', 'in-1', { roots: [] }),
    'time is over': () => world.clock.advance(TTL_MS),
  };
  const done = Promise.all(
    actions.map(async ({ what, after }) => {
      await pass(after);
      try {
        await acts[what]();
        if (what.startsWith('a stranger')) seen.strangers.push('let in');
      } catch (error) {
        if (!(error instanceof TaskError)) throw error;
        if (what.startsWith('a stranger')) seen.strangers.push(error.code);
        else expect(['already_terminal', 'not_found']).toContain(error.code);
      }
    }),
  );
  // What a dead process was asked is never answered.
  await Promise.race([done, pass(600)]);
  rest = true;
  const last = await settle(world, world.started());
  await world.clock.advance(REST_MS);
  await pass(50);
  const view = await last.tasks.get(taskId, me);
  const outcome = view === undefined ? undefined : await last.tasks.outcome(taskId, me);
  const journal = view === undefined ? [] : await last.tasks.journal(taskId, me);
  const left = [...world.store.data.texts.keys()].filter((key) => /^(?:open|clean|bell):/.test(key));
  await world.clock.during(world.dispose());
  return { seen, view, outcome, journal, left, limited };
}

/** Calls take turns, not time. */
async function settle<T>(world: TaskWorld, promise: Promise<T>): Promise<T> {
  return world.clock.during(promise);
}

/** The cancel falls between the claim of a dead runner's task and the reading of its journal. */
const CANCELLED_WHILE_CLAIMED: { actions: { what: Action; after: number }[]; delays: number[] } = {
  actions: [
    { what: 'cancel by another', after: 24 },
    { what: 'kill the runner', after: 1 },
    { what: 'time out', after: 5 },
    { what: 'cancel by the runner', after: 0 },
  ],
  delays: [0, 0, 3, 0, 0, 0, 6],
};

/** All clocks jump by more than a runner may be silent, while its beat is under way. */
const AWAY_TOGETHER: typeof CANCELLED_WHILE_CLAIMED = {
  actions: [
    { what: 'answer 2 by another', after: 12 },
    { what: 'a stranger cancels', after: 10 },
    { what: 'time out', after: 16 },
    { what: 'answer 1', after: 1 },
    { what: 'time is over', after: 2 },
  ],
  delays: [2, 0, 1, 4, 2, 6, 2, 9, 0, 0, 2, 1, 8, 5, 4, 2, 1, 0],
};

describe('cancel, completion, timeout, answers, sweep and recovery at the same time', () => {
  it('in any order give one outcome; what was acknowledged stays so; strangers are nobody (D2, D6, D8, D12)', async () => {
    const total = new Map<string, number>();
    const count = (what: string): Map<string, number> => total.set(what, (total.get(what) ?? 0) + 1);
    await fc.assert(
      fc.asyncProperty(schedule, async (plan) => {
        const { seen, view, outcome, journal, left, limited } = await play(plan);
        const tried = new Set(plan.actions.map(({ what }) => what));
        const died = tried.has('kill the runner');
        expect(left).toEqual([]);
        expect(seen.accepted.length).toBeLessThanOrEqual(1);
        expect(seen.strangers.every((code) => code === 'not_found')).toBe(true);
        expect(seen.begun.filter(({ afterCancel }) => afterCancel)).toEqual([]);
        for (const path of ['a', 'b', 'c']) {
          const runs = seen.begun.filter((one) => one.path === path).length;
          expect(runs).toBeLessThanOrEqual(died || tried.has('stop the runner') ? 2 : 1);
        }
        count(view?.status ?? 'gone');
        if (limited) {
          expect(view).toBeUndefined();
          return;
        }
        expect(journal.map(({ seq }) => seq)).toEqual(journal.map((_, index) => index + 1));
        if (seen.cancelAcked) expect(view?.status).toBe('cancelled');
        else if (view?.status === 'cancelled')
          expect([...tried].some((one) => one.startsWith('cancel')) && died).toBe(true);
        else {
          expect(view?.status).toBe('completed');
          const [given] = seen.accepted;
          const output = outcome?.kind === 'result' ? outcome.output : 'none';
          if (given !== undefined) expect(output).toBe(given);
          else expect(died ? [1, 2, null] : [null]).toContain(output);
          count(given === undefined ? 'timed out' : 'answered');
        }
      }),
      { numRuns: dose(500, 5000), examples: [[CANCELLED_WHILE_CLAIMED], [AWAY_TOGETHER]] },
    );
    for (const what of ['cancelled', 'completed', 'gone', 'timed out', 'answered'])
      expect(total.get(what), what).toBeGreaterThan(20);
  });
});
