import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { digestOf } from '../../../src/definition/snapshot.ts';
import { DEFAULT_ENGINE_LIMITS } from '../../../src/engine/limits.ts';
import type { EngineLimits } from '../../../src/engine/limits.ts';
import { createWorkflowRunner } from '../../../src/engine/runner.ts';
import { stepKinds } from '../../../src/steps/index.ts';
import { DEFAULT_LIMITS } from '../../../src/tasks/limits.ts';
import type { TaskLimits } from '../../../src/tasks/limits.ts';
import { TaskError } from '../../../src/tasks/task.ts';
import type { TaskService } from '../../../src/tasks/task.ts';
import { definitionOf } from '../../support/engine-world.ts';
import type { PlainStep } from '../../support/engine-world.ts';
import { ended, TaskWorld } from '../../support/task-world.ts';

type Limits = Partial<TaskLimits> & Partial<EngineLimits>;

/** What a case may do with tasks; each `run` begins a world of its own with the limits. */
interface Bench {
  /** Calls workflows and gives `ok`, or the code of the first refusal or failure. */
  run(
    limits: Limits,
    workflows: Readonly<Record<string, readonly PlainStep[]>>,
    calls: readonly Call[],
  ): Promise<string>;
}

interface Call {
  readonly workflow?: string;
  readonly arguments?: JsonObject;
  readonly principal?: string;
  /** The task is left open. */
  readonly open?: true;
}

/** `size`: something of exactly this many units is done, with the limit at `limit`. */
type Case = (bench: Bench, size: number, limit: number) => Promise<string>;

const set: PlainStep = { id: 'a', type: 'set', values: {} };
const nap: PlainStep = { id: 'a', type: 'wait', seconds: 1_000_000 };
const list = (size: number): readonly number[] => Array.from({ length: size }, (_, index) => index);
const nested = (depth: number): JsonValue => (depth === 0 ? 1 : { a: nested(depth - 1) });
const object = (depth: number): JsonObject => ({ a: nested(depth - 1) });
const one = (steps: readonly PlainStep[]): { readonly w: readonly PlainStep[] } => ({ w: steps });
/** A workflow whose entries and result grow by a byte with every unit. */
const text = (size: number): readonly PlainStep[] => [{ id: 'a', type: 'set', values: { x: 'x'.repeat(size) } }];

/**
 * Bytes of what `text(0)` leaves: its entry, its result. Found by the limit itself, as what is around the text is not
 * ours to know.
 */
async function overhead(key: 'entryBytes' | 'outcomeBytes' | 'outputBytes', bench: Bench): Promise<number> {
  for (let limit = 1; limit < 2000; limit += 1)
    if ((await bench.run({ [key]: limit }, one(text(0)), [{}])) === 'ok') return limit;
  throw new Error(`${key} has no smallest value`);
}

const CASES: Readonly<Record<string, Case>> = {
  openTasks: (bench, size, limit) =>
    bench.run(
      { openTasks: limit },
      one([nap]),
      list(size).map((n) => ({ principal: `p${String(n)}`, open: true })),
    ),
  openTasksPerPrincipal: (bench, size, limit) =>
    bench.run(
      { openTasksPerPrincipal: limit },
      one([nap]),
      list(size).map(() => ({ open: true })),
    ),
  argumentBytes: (bench, size, limit) =>
    bench.run({ argumentBytes: limit }, one([set]), [{ arguments: { x: 'x'.repeat(size - '{"x":""}'.length) } }]),
  argumentDepth: (bench, size, limit) => bench.run({ argumentDepth: limit }, one([set]), [{ arguments: object(size) }]),
  entryBytes: async (bench, size, limit) =>
    bench.run({ entryBytes: (await overhead('entryBytes', bench)) + limit }, one(text(size)), [{}]),
  outcomeBytes: async (bench, size, limit) =>
    // The text stands three times in an outcome: as output, as text and as structure.
    bench.run({ outcomeBytes: (await overhead('outcomeBytes', bench)) + 3 * limit }, one(text(size)), [{}]),
  entries: (bench, size, limit) =>
    bench.run({ entries: limit }, one(list(size).map((n) => ({ ...set, id: `s${String(n)}` }))), [{}]),
  depth: (bench, size, limit) => {
    const chain = list(size).map((n) => [
      `w${String(n)}`,
      [{ id: 'a', type: 'workflow', workflow: `w${String(n + 1)}` }],
    ]);
    return bench.run({ depth: limit }, { ...Object.fromEntries(chain), [`w${size}`]: [set] }, [{ workflow: 'w0' }]);
  },
  descendants: (bench, size, limit) => {
    const steps = [
      { id: 'a', type: 'foreach', items: list(size), steps: [{ id: 'c', type: 'workflow', workflow: 'c' }] },
    ];
    return bench.run({ descendants: limit }, { w: steps, c: [set] }, [{}]);
  },
  stepsPerTask: (bench, size, limit) =>
    bench.run({ stepsPerTask: limit }, one(list(size).map((n) => ({ ...set, id: `s${String(n)}` }))), [{}]),
  fanOut: (bench, size, limit) =>
    bench.run({ fanOut: limit }, one([{ id: 'each', type: 'foreach', items: list(size), steps: [set] }]), [{}]),
  loopIterations: (bench, size, limit) =>
    bench.run({ loopIterations: limit }, one([{ id: 'l', type: 'loop', max_iterations: size, steps: [set] }]), [{}]),
  outputBytes: async (bench, size, limit) =>
    bench.run({ outputBytes: (await overhead('outputBytes', bench)) + limit }, one(text(size)), [{}]),
};

/** Not reached but held, each with its own test. */
const HELD = ['ttlDefault', 'ttlMax', 'pollInterval', 'lanes', 'warnings', 'crashes'];

let worlds: TaskWorld[];
beforeEach(() => {
  worlds = [];
});
afterEach(() => Promise.all(worlds.map((world) => world.dispose())));

const bench: Bench = {
  run: async (limits, workflows, calls) => {
    const world = new TaskWorld();
    worlds.push(world);
    for (const [name, steps] of Object.entries(workflows)) {
      const definition = definitionOf(steps, { name });
      world.definitions.set(name, { definition, digest: digestOf(definition), file: `${name}.yaml` });
    }
    const { tasks } = await world.started({ limits, workflows: createWorkflowRunner(stepKinds, limits) });
    for (const call of calls) {
      const end = await endOf(tasks, call, world);
      if (end !== 'ok') return end;
    }
    return 'ok';
  },
};

async function endOf(tasks: TaskService, call: Call, world: TaskWorld): Promise<string> {
  const { workflow = 'w', arguments: given = {}, principal = 'local' } = call;
  try {
    const { taskId } = await tasks.create({ workflow, arguments: given, principal });
    if (call.open === true) return 'ok';
    const view = await world.clock.during(ended(tasks, taskId, principal));
    return view.status === 'completed' ? 'ok' : `${view.failure?.code ?? view.status}: ${view.failure?.message ?? ''}`;
  } catch (error) {
    if (error instanceof TaskError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

describe('the published limits', () => {
  it('are all here: one that is added without a case fails', () => {
    const published = [...new Set([...Object.keys(DEFAULT_LIMITS), ...Object.keys(DEFAULT_ENGINE_LIMITS)])];
    expect([...Object.keys(CASES), ...HELD].toSorted()).toEqual(published.toSorted());
  });

  it.each(Object.entries(CASES))(
    '%s: one less and exactly as many are taken, one more is refused with a code',
    async (_, act) => {
      const limit = 24;
      expect([await act(bench, limit - 1, limit), await act(bench, limit, limit)]).toEqual(['ok', 'ok']);
      expect(await act(bench, limit + 1, limit)).toContain('limit_exceeded');
    },
  );
});
