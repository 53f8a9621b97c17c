import { isJsonObject } from '../../src/core/json.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import { Planner } from '../../src/planner/planner.ts';
import type { PlannerLimits } from '../../src/planner/limits.ts';
import { MemoryTaskStore } from '../../src/store/memory-task-store.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import { ManualClock } from './manual-clock.ts';

/** Somebody who is told apart from all others. */
export const caller = (principal: string): { readonly principal: string; readonly listsAll: true } => ({
  principal,
  listsAll: true,
});

export const ME = caller('local');

/** Two tasks to plan with. */
export const TWO_TASKS: readonly JsonObject[] = [
  { title: 'Gather Q1 Data', description: 'Extract sales figures from DB' },
  { title: 'Write it up', description: 'One page' },
];

/** Planners of several processes on one store in memory. */
export class PlannerWorld {
  readonly store: MemoryTaskStore = new MemoryTaskStore();
  readonly clock = new ManualClock();
  /** Keys of damaged values that were reported, by any of them. */
  readonly damaged: string[] = [];

  /** The planner of a further process. `over`: what lies between it and the store. */
  process(options: { readonly over?: (store: TaskStore) => TaskStore; readonly limits?: PlannerLimits } = {}): Planner {
    const { over = (store) => store, limits } = options;
    const reportDamage = (key: string): void => void this.damaged.push(key);
    const store = over(this.store.another());
    return new Planner({ store, clock: this.clock, reportDamage, ...(limits && { limits }) });
  }

  /** What the store holds under keys that begin so. */
  async stored(prefix = 'plan:'): Promise<ReadonlyMap<string, JsonValue>> {
    const { items } = await this.store.range({ from: prefix, to: `${prefix}\u007f`, limit: 100_000 });
    return new Map(items.map(({ key, value }) => [key, value]));
  }
}

/** A member that has to be a text. */
export function textIn(value: JsonValue | undefined, ...path: readonly string[]): string {
  const found = path.reduce<JsonValue | undefined>((at, name) => (isJsonObject(at) ? at[name] : undefined), value);
  if (typeof found !== 'string') throw new Error(`no text at ${path.join('.')} of ${JSON.stringify(value)}`);
  return found;
}

/** The tasks of the request in an answer. */
export function tasksIn(answer: JsonObject): readonly JsonObject[] {
  const request = answer['request'];
  const tasks = isJsonObject(request) ? request['tasks'] : undefined;
  if (!Array.isArray(tasks)) throw new Error(`no tasks in ${JSON.stringify(answer)}`);
  return (tasks as readonly JsonValue[]).filter(isJsonObject);
}
