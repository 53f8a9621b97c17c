import { isJsonObject } from '../core/json.ts';
import type { JsonValue } from '../core/json.ts';
import { keys, under } from '../tasks/keys.ts';
import { DamagedValueError } from '../store/task-store.ts';
import type { Mark, Stored, TaskStore } from '../store/task-store.ts';

/** Layout of the row (D15). */
export const ROW_VERSION = 1;

/** An occurrence that did not become a task. Times are epoch milliseconds. */
export interface Missed {
  readonly time: number;
  /** When that was decided. */
  readonly at: number;
  /** For people. */
  readonly reason: string;
}

/** An occurrence that did. */
export interface Started {
  readonly time: number;
  readonly at: number;
  readonly taskId: string;
}

/** What is durable about one workflow's schedule. Times are epoch milliseconds, occurrences go by their time. */
export interface ScheduleRow {
  readonly version: typeof ROW_VERSION;
  readonly workflow: string;
  /** The rule the row is about; another one starts anew. */
  readonly trigger: string;
  /** Every occurrence up to here has been decided. The next one is the first after it. */
  readonly decidedUpTo: number;
  readonly paused: boolean;
  /** Occurrences that have been decided to begin and whose task is not yet known to exist. */
  readonly starting: readonly number[];
  /** Occurrences that wait until earlier ones have ended. */
  readonly waiting: readonly number[];
  /** Tasks of earlier occurrences that had not ended when last looked at. Empty with `overlap: allow`. */
  readonly active: readonly string[];
  readonly last?: Started;
  readonly missed?: Missed;
}

/** A row with the mark that guards its next write. */
export interface MarkedRow {
  readonly row: ScheduleRow;
  readonly mark: Mark;
}

/** A schedule that is seen for the first time, or with another rule: what was before `now` is none of its business. */
export function freshRow(workflow: string, trigger: string, now: number): ScheduleRow {
  return {
    version: ROW_VERSION,
    workflow,
    trigger,
    decidedUpTo: now,
    paused: false,
    starting: [],
    waiting: [],
    active: [],
  };
}

/**
 * The rows in the store of tasks: one per workflow, written under the guard of its mark, so that of two writers one
 * wins.
 */
export class ScheduleRows {
  readonly #store: TaskStore;

  constructor(store: TaskStore) {
    this.#store = store;
  }

  /** `undefined` = never seen. Rejects with `DamagedValueError` or `StoreError`. */
  async load(workflow: string): Promise<MarkedRow | undefined> {
    const stored = await this.#store.get(keys.schedule(workflow));
    return stored === undefined ? undefined : { row: rowOf(stored), mark: stored.mark };
  }

  /** All rows by workflow, and the keys of those that cannot be read. */
  async all(): Promise<{ readonly rows: ReadonlyMap<string, ScheduleRow>; readonly damaged: ReadonlySet<string> }> {
    const { from, to } = under(keys.allSchedules);
    const rows = new Map<string, ScheduleRow>();
    const damaged = new Set<string>();
    for (let next = from; ;) {
      const page = await this.#store.range({ from: next, to, limit: PAGE });
      for (const key of page.damaged) damaged.add(key);
      for (const stored of page.items) {
        try {
          const row = rowOf(stored);
          rows.set(row.workflow, row);
        } catch {
          damaged.add(stored.key);
        }
      }
      if (page.items.length + page.damaged.length < PAGE) return { rows, damaged };
      const last = [page.items.at(-1)?.key ?? '', ...page.damaged].sort().at(-1) ?? '';
      next = `${last}\0`;
    }
  }

  /**
   * The mark of the row as written; `undefined` when somebody else has written it since `mark`. Durable when it
   * resolves. Rejects with `StoreError`.
   */
  async save(row: ScheduleRow, mark: Mark): Promise<string | undefined> {
    const key = keys.schedule(row.workflow);
    const result = await this.#store.commit({ guards: [{ key, mark }], puts: [put(key, row)], deletes: [] });
    return result.ok ? result.marks[0] : undefined;
  }

  /** Writes over a row that cannot be read. */
  async overwrite(row: ScheduleRow): Promise<void> {
    await this.#store.commit({ guards: [], puts: [put(keys.schedule(row.workflow), row)], deletes: [] });
  }
}

const PAGE = 500;

function put(key: string, row: ScheduleRow): { readonly key: string; readonly value: JsonValue } {
  // A row is JSON by construction, which an interface cannot say; undefined members vanish on write.
  return { key, value: row as unknown as JsonValue };
}

/** The door for rows: the checksum has vouched for the bytes, the version is checked here. */
function rowOf(stored: Stored): ScheduleRow {
  if (!isJsonObject(stored.value) || stored.value['version'] !== ROW_VERSION) {
    throw new DamagedValueError(stored.key, `${stored.key}: not a schedule of version ${ROW_VERSION}`);
  }
  // Written by `put` and unchanged since (checksum), in the version we know.
  return stored.value as unknown as ScheduleRow;
}
