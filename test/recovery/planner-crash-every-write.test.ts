import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import { Planner } from '../../src/planner/planner.ts';
import { PlannerRefusal } from '../../src/planner/refusal.ts';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { MemoryTaskStore } from '../../src/store/memory-task-store.ts';
import { StoreError } from '../../src/store/task-store.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import { DyingStore, FaultDirector, WRITE_FAULTS } from '../support/dying-store.ts';
import type { FaultPlan } from '../support/dying-store.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { ME, TWO_TASKS } from '../support/planner-world.ts';
import { tempDir } from '../support/temp-dir.ts';

/** One call of the life of a plan; `adds`: without its key a second time would add again. */
interface Step {
  readonly tool: string;
  readonly args: JsonObject;
  readonly adds?: true;
}

const of = (taskId: string): JsonObject => ({ requestId: 'req-1', taskId });
const finish = (taskId: string): readonly Step[] => [
  { tool: 'mark_task_done', args: { ...of(taskId), completedDetails: `${taskId} is done` } },
  { tool: 'approve_task_completion', args: of(taskId) },
];

/** Every tool that writes, in one life. */
const LIFE: readonly Step[] = [
  { tool: 'request_planning', args: { originalRequest: 'first', tasks: TWO_TASKS }, adds: true },
  { tool: 'update_task', args: { ...of('task-1'), title: 'Gather Q2 Data' } },
  { tool: 'add_tasks_to_request', args: { requestId: 'req-1', tasks: TWO_TASKS }, adds: true },
  { tool: 'delete_task', args: of('task-2') },
  ...finish('task-1'),
  { tool: 'request_planning', args: { originalRequest: 'second', tasks: TWO_TASKS }, adds: true },
  ...finish('task-3'),
  ...finish('task-4'),
  { tool: 'approve_request_completion', args: { requestId: 'req-1' } },
];

/**
 * A planner in a process that may die, and its client: who was not answered, or was told that the store fails, comes
 * back and asks again.
 */
class Lives {
  readonly director: FaultDirector;
  readonly #open: () => Promise<TaskStore>;
  readonly #stores: TaskStore[] = [];
  #life: { readonly planner: Planner; readonly died: Promise<'died'> } | undefined;
  processes = 0;

  constructor(open: () => Promise<TaskStore>, plan?: FaultPlan) {
    this.#open = open;
    this.director = new FaultDirector(plan);
  }

  /** `keyed`: with an idempotency key, so that it may be asked again whatever it is. */
  async call({ tool, args, adds }: Step, key: string | undefined): Promise<JsonObject> {
    for (let asked = 0; ; asked += 1) {
      const { planner, died } = (this.#life ??= await this.#start());
      try {
        const end = await Promise.race([died, planner.answer(tool, args, ME, key)]);
        if (end !== 'died') return end;
        this.#life = undefined;
      } catch (error) {
        if (asked > 0 && gone(error, tool)) return {};
        if (!(error instanceof StoreError)) throw error;
        // An operator makes room, or the disk works again by itself.
        this.director.heal();
      }
      if (adds === true && key === undefined && (await this.#wasDone(args))) return {};
    }
  }

  async requests(): Promise<JsonValue | undefined> {
    return (await this.call({ tool: 'list_requests', args: {} }, undefined))['requests'];
  }

  async dump(): Promise<readonly (readonly [string, JsonValue])[]> {
    const store = await this.#open();
    this.#stores.push(store);
    const { items, damaged } = await store.range({ from: 'plan:', to: 'plan;', limit: 10_000 });
    expect(damaged).toEqual([]);
    return items.map(({ key, value }) => [key, value]);
  }

  async close(): Promise<void> {
    for (const store of this.#stores) await store.close();
  }

  /** What a person does without a key: looks whether the last call came through. */
  async #wasDone(args: JsonObject): Promise<boolean> {
    const { planner } = (this.#life ??= await this.#start());
    const text = JSON.stringify(await planner.answer('list_requests', {}, ME));
    if ('originalRequest' in args) return text.includes(JSON.stringify(args['originalRequest']));
    return text.includes('"totalTasks":4');
  }

  async #start(): Promise<{ readonly planner: Planner; readonly died: Promise<'died'> }> {
    this.processes += 1;
    const inner = await this.#open();
    this.#stores.push(inner);
    let die = (): void => undefined;
    const died = new Promise<'died'>((resolve) => {
      die = (): void => resolve('died');
    });
    const store = new DyingStore(inner, this.director, () => die());
    const reportDamage = (key: string): void => expect(key).toBe('sound');
    return { planner: new Planner({ store, clock: new ManualClock(), reportDamage }), died };
  }
}

/** A delete that came through and was asked for again. */
function gone(error: unknown, tool: string): boolean {
  return tool === 'delete_task' && error instanceof PlannerRefusal && error.message === 'Task not found';
}

/**
 * One life with one fault. After every answer the plan is what it was without the fault: nothing is lost, nothing is
 * there twice.
 */
async function play(
  open: () => Promise<TaskStore>,
  keyed: boolean,
  plan?: FaultPlan,
  calm?: readonly JsonValue[],
): Promise<{ readonly lives: Lives; readonly seen: readonly JsonValue[]; readonly dump: JsonValue }> {
  const lives = new Lives(open, plan);
  const seen: JsonValue[] = [];
  try {
    for (const [index, step] of LIFE.entries()) {
      await lives.call(step, keyed ? `key-${index}` : undefined);
      const state = [(await lives.requests()) ?? null, plain(await lives.dump())];
      if (calm !== undefined) expect(state, `after ${step.tool}, call ${index}`).toEqual(calm[index]);
      seen.push(state);
    }
    return { lives, seen, dump: plain(await lives.dump()) };
  } finally {
    await lives.close();
  }
}

/** The rows as JSON. */
function plain(rows: readonly (readonly [string, JsonValue])[]): JsonValue {
  return rows.map(([key, value]) => [key, value]);
}

const inMemory = (): (() => Promise<TaskStore>) => {
  const first = new MemoryTaskStore();
  return () => Promise.resolve(first.another());
};

/** Each fault at each write. */
async function everywhere(keyed: boolean, world: () => () => Promise<TaskStore>): Promise<void> {
  const calm = await play(world(), keyed);
  const writes = calm.lives.director.commits;
  expect(writes).toBe(LIFE.length);
  for (let at = 0; at < writes; at += 1) {
    for (const fault of WRITE_FAULTS) {
      try {
        const { lives, dump } = await play(world(), keyed, { at, fault }, calm.seen);
        expect(dump).toEqual(calm.dump);
        // A run in which nothing went wrong proves nothing.
        expect(lives.director.fired).toBe(1);
        expect(lives.processes).toBe(fault.startsWith('die') ? 2 : 1);
      } catch (error) {
        const message = error instanceof Error ? error.message : '';
        throw new Error(`${fault} at write ${at} of ${writes}: ${message}`, { cause: error });
      }
    }
  }
}

describe('a fault at every write of a plan’s life: what was answered is there, once', () => {
  it('with idempotency keys, in memory', () => everywhere(true, inMemory));

  it('without keys, by a client that looks before it adds again', () => everywhere(false, inMemory));

  it('with idempotency keys, on SQLite', async () => {
    const folder = await tempDir();
    let files = 0;
    try {
      await everywhere(true, () => {
        const path = join(folder.path, String((files += 1)), 'tasks.sqlite');
        return () => KeyvTaskStore.open(path);
      });
    } finally {
      await folder.remove();
    }
  });
});
