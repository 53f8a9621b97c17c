import type { TaskContext } from './context.ts';
import { isIndexRow, keys } from './keys.ts';
import { openRow } from './open-rows.ts';
import { recordOf, runnerOf } from './record.ts';
import type { MarkedRecord, TaskRecord } from './record.ts';
import { DamagedValueError } from '../store/task-store.ts';
import type { Batch, Mark, Stored } from '../store/task-store.ts';
import { scan } from '../store/scan.ts';

const PAGE = 200;
/** Rows that belong nowhere are looked at, each alone, up to so many at a start. */
const MAX_STRAYS = 1000;

type Put = Batch['puts'][number];

/**
 * Makes index rows again that are lost because a bit of their key or value has flipped (D14): all that they say stands
 * in the records. A key that has become that of nothing is found by a look at the first row of each kind, which costs
 * the same for a million tasks; only when something is damaged are all records read.
 */
export class IndexRepair {
  readonly #context: TaskContext;
  /** Damaged rows that say what the records say too. */
  #damaged = new Set<string>();
  #due = false;
  #looked = false;

  constructor(context: TaskContext) {
    this.#context = context;
  }

  /** A damaged value was met. */
  noticed(key: string): void {
    if (!isIndexRow(key)) return;
    this.#damaged.add(key);
    this.#due = true;
  }

  /**
   * Looks for strays once, and makes missing rows again when there is a reason to. True when tasks were found that no
   * recovery could have seen. Rejects with `StoreError`; the next round tries again.
   */
  async round(): Promise<boolean> {
    if (!this.#looked) await this.#findStrays();
    this.#looked = true;
    if (!this.#due) return false;
    const damaged = this.#damaged;
    this.#damaged = new Set();
    this.#due = false;
    try {
      const found = await this.#repair();
      for (const key of damaged) await this.#clear(key);
      return found;
    } catch (error) {
      this.#damaged = new Set([...damaged, ...this.#damaged]);
      this.#due = true;
      throw error;
    }
  }

  /** Goes from kind to kind: the first row of each that is sound shows that the kind is one of ours. */
  async #findStrays(): Promise<void> {
    const { store, reportDamage } = this.#context;
    let from = '';
    for (let strays = 0; strays < MAX_STRAYS;) {
      const { items, damaged } = await store.range({ from, to: '\u007f', limit: 1 });
      const [stray] = damaged;
      const [sound] = items;
      if (stray !== undefined) {
        reportDamage(stray, `${stray}: the key or the value is damaged`);
        this.#due = true;
        strays += 1;
        from = `${stray}\0`;
      } else if (sound !== undefined) {
        from = afterKind(sound.key);
      } else {
        return;
      }
    }
  }

  async #repair(): Promise<boolean> {
    const { store, logger } = this.#context;
    let open = false;
    let rows = 0;
    for await (const { stored } of scan(store, keys.allTasks, PAGE)) {
      const marked = stored && readable(stored);
      if (marked === undefined) continue;
      const missing = await this.#missing(marked.record);
      if (missing.length === 0) continue;
      const { guards, puts } = await this.#batch(marked, missing);
      if (!(await store.commit({ guards, puts, deletes: [] })).ok) continue;
      rows += puts.length;
      open ||= marked.record.state.kind === 'open';
    }
    if (rows > 0)
      logger.warn({ rows }, 'index rows were lost and have been made again from the records of their tasks');
    return open;
  }

  /** The index rows of a task that cannot be read. */
  async #missing(record: TaskRecord): Promise<readonly Put[]> {
    const rows = indexRows(record);
    const marks = await Promise.all(rows.map(({ key }) => this.#markOf(key)));
    return rows.filter((_row, index) => marks[index]?.sound !== true);
  }

  async #batch({ record, mark }: MarkedRecord, puts: readonly Put[]): Promise<Pick<Batch, 'guards' | 'puts'>> {
    const guards: { key: string; mark: Mark }[] = [{ key: keys.task(record.id), mark }];
    for (const { key } of puts) guards.push({ key, mark: (await this.#markOf(key)).mark });
    return { guards, puts };
  }

  async #markOf(key: string): Promise<{ readonly sound: boolean; readonly mark: Mark }> {
    try {
      const stored = await this.#context.store.get(key);
      return { sound: stored !== undefined, mark: stored?.mark ?? null };
    } catch (error) {
      if (!(error instanceof DamagedValueError)) throw error;
      return { sound: false, mark: error.mark ?? null };
    }
  }

  /** Removes a damaged index row that is of no use to anybody, as all that it could say is said elsewhere. */
  async #clear(key: string): Promise<void> {
    const { sound, mark } = await this.#markOf(key);
    if (sound || mark === null) return;
    await this.#context.store.commit({ guards: [{ key, mark }], puts: [], deletes: [key] });
  }
}

/** Every row that leads to a task and that its record can tell. */
function indexRows(record: TaskRecord): readonly Put[] {
  const { id, expiresAt, parent, root, state } = record;
  return [
    { key: keys.list(record), value: null },
    ...(state.kind === 'open' ? [openRow(record, runnerOf(record))] : []),
    ...(expiresAt === null ? [] : [{ key: keys.end(expiresAt, id), value: null }]),
    ...(parent === undefined ? [] : [{ key: keys.child(parent.taskId, id), value: null }]),
    ...(root === undefined ? [] : [{ key: keys.descendant(root, id), value: null }]),
  ];
}

/** A damaged record is reported by whoever needs it. */
function readable(stored: Stored): MarkedRecord | undefined {
  try {
    return recordOf(stored);
  } catch (error) {
    if (!(error instanceof DamagedValueError)) throw error;
    return undefined;
  }
}

/** The first key behind all that begin as this one does, up to its first `:`. */
function afterKind(key: string): string {
  const colon = key.indexOf(':');
  return colon === -1 ? `${key}\0` : `${key.slice(0, colon)};`;
}
