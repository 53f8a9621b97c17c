import { isJsonObject } from '../../src/core/json.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import type { StoredEntry } from '../../src/engine/journal.ts';
import { keys, lastPart, under } from '../../src/tasks/keys.ts';
import { recordOf } from '../../src/tasks/record.ts';
import type { TaskRecord } from '../../src/tasks/record.ts';
import { loadEntries } from '../../src/tasks/run-journal.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import { allSteps } from './step-tree.ts';
import type { PlainStep } from '../support/engine-world.ts';

/** A workflow of a round, with what matters of its steps. */
export interface Plan {
  readonly name: string;
  readonly steps: ReadonlyMap<string, PlainStep>;
  /** Ids of blocks inside of which what runs depends on timing, and of all that is inside. */
  readonly wildBlocks: ReadonlySet<string>;
  readonly wild: ReadonlySet<string>;
}

/** A task as it is on the disk when all is over. */
export interface Left {
  readonly taskId: string;
  readonly plan: Plan;
  readonly k: number;
  readonly record: TaskRecord;
  readonly status: string;
  readonly journal: readonly StoredEntry[];
  readonly output: JsonValue;
  /** What has to be the same in every run of the workflow with the same `k`. */
  readonly outcome: string;
  /** `path status` of every checkpoint outside of what depends on timing, sorted. */
  readonly checkpoints: readonly string[];
}

export function planOf(name: string, json: string): Plan {
  const definition: unknown = JSON.parse(json);
  const steps = allSteps(definition);
  const blocks = [...steps.values()].filter((step) => step['x-wild'] === true);
  return {
    name,
    steps,
    wildBlocks: new Set(blocks.map(({ id }) => id)),
    wild: new Set(blocks.flatMap((block) => [...allSteps(block).keys()])),
  };
}

/** Every task of a store. Rejects when one is of no known workflow. */
export async function leftIn(store: TaskStore, plans: ReadonlyMap<string, Plan>): Promise<readonly Left[]> {
  const { items, damaged } = await store.range({ ...under('task:'), limit: 100_000 });
  if (damaged.length > 0) throw new Error(`damaged: ${damaged.join(', ')}`);
  const left: Left[] = [];
  for (const stored of items) {
    const { record } = recordOf(stored);
    const plan = plans.get(record.workflow);
    if (plan === undefined) throw new Error(`${record.id} is of no known workflow: ${record.workflow}`);
    const journal = (await loadEntries(store, record.id)).entries;
    const args = objectAt((await store.get(keys.args(record.id)))?.value, 'arguments');
    const outcome = (await store.get(keys.outcome(record.id)))?.value;
    const taskId = lastPart(stored.key);
    left.push({
      taskId,
      plan,
      k: Number(args['k'] ?? 0),
      record,
      status: record.state.kind === 'ended' ? record.state.status : 'open',
      journal,
      output: isJsonObject(outcome) ? (outcome['output'] ?? null) : null,
      outcome: comparable(outcome),
      checkpoints: checkpointsOf(plan, journal),
    });
  }
  return left;
}

/** The ids of the steps that a path goes through, without what marks clean-up, iterations, attempts and places. */
export function idsIn(path: string): readonly string[] {
  return path.split('/').map((segment) => /^[^[@#!]*/u.exec(segment)?.[0] ?? segment);
}

function checkpointsOf(plan: Plan, journal: readonly StoredEntry[]): readonly string[] {
  return journal
    .flatMap((entry) =>
      entry.type === 'finished' &&
      !idsIn(entry.path)
        .slice(0, -1)
        .some((id) => plan.wildBlocks.has(id)) &&
      !plan.wild.has(entry.step.replace(/_undo$/u, ''))
        ? [`${entry.path} ${entry.result.status}`]
        : [],
    )
    .sort();
}

/** Which answer it was, what depends on timing, how many runs there were before, and which child. */
const UNLIKE: ReadonlySet<string> = new Set(['nonce', 'wild', 'runs', 'task_id']);

/**
 * An outcome without what differs from run to run: ids of tasks, the order in which branches that run at once put
 * entries into a list, and which answer it was.
 */
function comparable(outcome: JsonValue | undefined): string {
  if (!isJsonObject(outcome)) return 'none';
  const { kind, output, failure, code, message } = outcome;
  const result = objectAt(outcome, 'result');
  const told = {
    kind,
    failure: stripped(failure ?? null),
    code,
    message,
    isError: result['isError'],
    output: stripped(output ?? null),
  };
  return JSON.stringify(told).replaceAll(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/gu, 'ID');
}

function stripped(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(stripped);
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).filter(([key]) => !UNLIKE.has(key));
  return Object.fromEntries(
    members
      .map(([key, member]): [string, JsonValue] => [
        key,
        key === 'all' && Array.isArray(member) ? member.map((one) => JSON.stringify(one)).sort() : stripped(member),
      ])
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

function objectAt(value: JsonValue | undefined, key: string): JsonObject {
  const member = isJsonObject(value) ? value[key] : undefined;
  return isJsonObject(member) ? member : {};
}
