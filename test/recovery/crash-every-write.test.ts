import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { stepKinds } from '../../src/steps/index.ts';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { MemoryTaskStore } from '../../src/store/memory-task-store.ts';
import { LOCAL_PRINCIPAL, TaskError } from '../../src/tasks/task.ts';
import type { TaskView } from '../../src/tasks/task.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import { CANONICAL, prepare } from '../support/canonical-workflows.ts';
import type { Canonical } from '../support/canonical-workflows.ts';
import { DurableWorld } from '../support/durable-world.ts';
import { WRITE_FAULTS } from '../support/dying-store.ts';
import type { FaultPlan } from '../support/dying-store.ts';
import { EngineWorld } from '../support/engine-world.ts';
import { tempDir } from '../support/temp-dir.ts';

const me = LOCAL_PRINCIPAL;
const HEALED_AFTER_MS = 20_000;

interface Ended {
  readonly world: DurableWorld;
  readonly taskId: string;
  readonly view: TaskView;
  readonly outcome: Outcome | undefined;
  /** `path status output` of every checkpoint, sorted. */
  readonly checkpoints: readonly string[];
  /** By tool: for each idempotency key the number of calls, most first. */
  readonly calls: ReadonlyMap<string, readonly number[]>;
  /** Before the process was closed. */
  readonly writes: number;
}

function answer(method: string, params: JsonObject): JsonValue {
  if (method === 'roots/list') return { roots: [{ uri: 'file:///work' }] };
  if (method === 'sampling/createMessage')
    return { role: 'assistant', model: 'm', content: { type: 'text', text: 'seven' } };
  const asksWhatNow = JSON.stringify(params).includes('run_again');
  return { action: 'accept', content: asksWhatNow ? { action: 'run_again' } : { ok: true } };
}

async function cancelled(world: DurableWorld, taskId: string): Promise<void> {
  while (!world.downstream.calls.some(({ tool }) => tool === 'hang')) {
    await world.call((tasks) => tasks.get(taskId, me));
    await world.clock.sleep(100);
  }
  await world.call((tasks) =>
    tasks.cancel(taskId, me).catch((error: unknown) => {
      // Asked again because the first answer was lost.
      if (error instanceof TaskError && error.code === 'already_terminal') return undefined;
      throw error;
    }),
  );
  world.acknowledged.cancelled = true;
  const called = world.downstream.calls.length;
  await world.clock.sleep(10_000);
  const later = world.downstream.calls.slice(called).map(({ tool }) => tool);
  expect(later.filter((tool) => tool !== 'undo')).toEqual([]);
}

async function live(
  canonical: Canonical,
  world: DurableWorld,
  luck: { now: boolean },
): Promise<Omit<Ended, 'calls' | 'writes'>> {
  const request = {
    workflow: canonical.definitions[0]?.name ?? '',
    arguments: canonical.input ?? {},
    principal: me,
    idempotencyKey: 'once',
  };
  const { taskId } = await world.call((tasks) => tasks.create(request));
  world.acknowledged.taskId = taskId;
  if (canonical.client === 'cancels') await cancelled(world, taskId);
  let view = await world.untilEnded(taskId, answer);
  if (canonical.client === 'resumes') {
    expect(view.status).toBe('failed');
    luck.now = true;
    // A resume whose acknowledgement was lost finds the task running or done.
    await world.call((tasks) =>
      tasks.resume(taskId, me).catch((error: unknown) => {
        if (error instanceof TaskError && error.code === 'not_resumable') return undefined;
        throw error;
      }),
    );
    view = await world.untilEnded(taskId, answer);
  }
  // What was acknowledged is still so after everything has come to rest.
  await world.clock.sleep(30_000);
  const again = await world.call((tasks) => tasks.get(taskId, me));
  expect(again).toEqual(view);
  const journal = await world.journal(taskId);
  expect(journal.map(({ seq }) => seq)).toEqual(journal.map((_, index) => index + 1));
  const checkpoints = journal.flatMap((entry) =>
    entry.type === 'finished' ? [`${entry.path} ${entry.result.status} ${JSON.stringify(entry.result.output)}`] : [],
  );
  return { world, taskId, view, outcome: await world.outcome(taskId), checkpoints: checkpoints.toSorted() };
}

/** One life of a workflow from the call to its end, with one fault, however many processes that takes. */
async function play(
  canonical: Canonical,
  open: () => Promise<TaskStore>,
  plan?: FaultPlan,
  onDisk = false,
): Promise<Ended> {
  const world = new DurableWorld({ open, definitions: canonical.definitions, onDisk, ...(plan && { plan }) });
  const luck = { now: false };
  prepare(world.downstream, () => luck.now);
  const healing = (async (): Promise<void> => {
    if (plan?.fault !== 'fail for ever') return;
    while (!world.director.failing) await world.clock.sleep(500);
    await world.clock.sleep(HEALED_AFTER_MS);
    world.director.heal();
  })();
  try {
    const ended = await world.during(live(canonical, world, luck));
    await world.during(healing);
    const calls = new Map<string, readonly number[]>();
    for (const { tool } of world.downstream.calls) calls.set(tool, countsOf(world, tool));
    return { ...ended, calls, writes: world.director.commits };
  } finally {
    await world.dispose();
  }
}

/** Calls of a tool by idempotency key, most first. */
function countsOf(world: DurableWorld, tool: string): readonly number[] {
  const counts = new Map<string, number>();
  for (const call of world.downstream.calls) {
    if (call.tool === tool) counts.set(call.key, (counts.get(call.key) ?? 0) + 1);
  }
  return [...counts.values()].toSorted((one, other) => other - one);
}

/** The downtime counts in the seconds that were used. */
function withoutTime(outcome: Outcome | undefined): unknown {
  return JSON.parse(JSON.stringify(outcome ?? null), (key: string, value: unknown) => (key === 'seconds' ? 0 : value));
}

/** D2, D3, D4, D8, D9, D10: what holds whatever went wrong with one write. */
function check(canonical: Canonical, calm: Ended, ended: Ended, plan: FaultPlan): void {
  const died = plan.fault.startsWith('die');
  expect(ended.world.director.fired, 'the fault fired').toBe(1);
  const interrupted = ended.view.failure?.code === 'interrupted';
  if (interrupted)
    expect(canonical.mayBeInterrupted === true && died, 'interrupted only where that is said').toBe(true);
  else {
    expect(ended.view.status).toBe(calm.view.status);
    expect(withoutTime(ended.outcome)).toEqual(withoutTime(calm.outcome));
    expect(ended.checkpoints).toEqual(calm.checkpoints);
  }
  for (const [tool, counts] of ended.calls) {
    const usual = calm.calls.get(tool) ?? [];
    // A call more only where the process died, and not of a step that says `on_interrupt: fail`.
    const again = died && !(canonical.mayBeInterrupted === true && tool === 'pay') ? 1 : 0;
    // One key a step, whatever happens (D5).
    if (tool === canonical.mayCallAnew) expect(counts.length, `steps that called ${tool}`).toBeLessThanOrEqual(2);
    else expect(counts.length, `steps that called ${tool}`).toBe(usual.length);
    for (const [index, count] of counts.entries())
      expect(count, `calls of ${tool}`).toBeLessThanOrEqual((usual[index] ?? 1) + again);
  }
  const { death } = ended.world;
  expect(death !== undefined, 'it died exactly when it was told to').toBe(died);
  if (death === undefined) return;
  const committed = new Set(
    [...death.committed].map((place) => {
      const [taskId = '', path = ''] = place.split(' ');
      return EngineWorld.keyOf(taskId, path);
    }),
  );
  // A resumed task runs its failed step again; that is asked for.
  const wanted = canonical.client === 'resumes' ? 'repaired' : '';
  const repeated = ended.world.downstream.calls
    .slice(death.calls)
    .filter(({ key, tool }) => committed.has(key) && tool !== wanted);
  expect(repeated, 'a committed step was called again').toEqual([]);
}

const inMemory = (): (() => Promise<TaskStore>) => {
  const first = new MemoryTaskStore();
  return () => Promise.resolve(first.another());
};

const tally = { runs: 0, fired: 0 };

it('the canonical workflows use every step kind', () => {
  const types = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('id' in value && 'type' in value && typeof value.type === 'string') types.add(value.type);
    for (const member of Object.values(value)) visit(member);
  };
  visit(CANONICAL.map(({ definitions }) => definitions.map(({ steps }) => steps)));
  expect([...types].toSorted()).toEqual([...stepKinds.keys()].toSorted());
  expect(CANONICAL.length).toBeGreaterThanOrEqual(12);
});

describe('a fault at every write of a task’s life (D2, D3, D4, D8, D10)', () => {
  it.each(CANONICAL)('$name ends as if nothing had happened', async (canonical) => {
    const calm = await play(canonical, inMemory());
    const { writes } = calm;
    for (let at = 0; at < writes; at += 1) {
      for (const fault of WRITE_FAULTS) {
        const plan = { at, fault };
        try {
          const ended = await play(canonical, inMemory(), plan);
          check(canonical, calm, ended, plan);
          tally.fired += ended.world.director.fired;
        } catch (error) {
          throw new Error(`${fault} at write ${at} of ${writes}: ${error instanceof Error ? error.message : ''}`, {
            cause: error,
          });
        }
        tally.runs += 1;
      }
    }
  });

  it.each(CANONICAL.filter(({ name }) => ['chain', 'asks', 'parent', 'cancelled'].includes(name)))(
    '$name on SQLite, a sample of its writes',
    async (canonical) => {
      const folder = await tempDir();
      let files = 0;
      const onDisk = (): (() => Promise<TaskStore>) => {
        const path = join(folder.path, String((files += 1)), 'tasks.sqlite');
        return () => KeyvTaskStore.open(path);
      };
      try {
        const calm = await play(canonical, onDisk(), undefined, true);
        for (const [index, at] of [2, 4, 5, 7].entries()) {
          const plan = { at, fault: WRITE_FAULTS[index % 4] ?? 'die after' };
          check(canonical, calm, await play(canonical, onDisk(), plan, true), plan);
        }
      } finally {
        await folder.remove();
      }
    },
  );
});

afterAll(() => {
  // A run in which nothing went wrong proves nothing.
  expect(tally.fired).toBe(tally.runs);
  expect(tally.runs).toBeGreaterThan(500);
});
