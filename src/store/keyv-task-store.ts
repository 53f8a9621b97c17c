import Keyv from 'keyv';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DamagedValueError, StoreError } from './task-store.ts';
import type { Batch, CommitResult, Stored, TaskStore } from './task-store.ts';
import { deepFreeze } from '../core/json.ts';
import { GroupCommit } from './group-commit.ts';
import type { Guard, Row } from './group-commit.ts';
import { RecentValues } from './recent-values.ts';
import { SqliteTable } from './sqlite.ts';
import { decodeValue } from './value-codec.ts';
import type { Decoded } from './value-codec.ts';

/** Written by `probe`: by whom, and the how manyeth time. */
const PROBE_KEY = 'probe';

export interface KeyvTaskStoreOptions {
  /** See `SqliteTable.open`. */
  readonly busyTimeoutMs?: number;
  /** Which values are asked for as soon as they have been written: they are kept in memory. */
  readonly readSoon?: (key: string) => boolean;
}

/**
 * Tasks in a Keyv store on SQLite. Reads go through Keyv with a serialisation of our own (checksum and mark); writes go
 * through the adapter's guarded group commit, because Keyv itself has neither transactions nor conditional writes. Many
 * processes may open the same file.
 */
export class KeyvTaskStore implements TaskStore {
  readonly #table: SqliteTable;
  readonly #keyv: Keyv<string>;
  readonly #commits: GroupCommit;
  readonly #recent: RecentValues<Decoded>;
  #closing: Promise<void> | undefined;
  #probes = 0;

  private constructor(table: SqliteTable, readSoon: (key: string) => boolean) {
    this.#table = table;
    this.#recent = new RecentValues(table, (key, text) => deepFreeze(decodeValue(key, text)), readSoon);
    this.#commits = new GroupCommit(
      { write: (rows, guards) => this.#write(rows, guards), failing: (guards) => table.failing(guards) },
      () => nextTurn(),
    );
    this.#keyv = new Keyv<string>({
      store: table,
      useKeyPrefix: false,
      throwOnErrors: true,
      serialize: () => {
        throw new StoreError('io', 'write through commit');
      },
      deserialize: (text: string) => ({
        // Keyv lets the caller choose the type of the value; this Keyv is declared to hold texts.
        value: text as never,
      }),
    });
    this.#keyv.on('error', () => undefined);
  }

  /**
   * Opens or creates the database file at `path`. Rejects with `StoreError` when it cannot be used safely.
   */
  static async open(path: string, { busyTimeoutMs, readSoon }: KeyvTaskStoreOptions = {}): Promise<KeyvTaskStore> {
    return new KeyvTaskStore(await SqliteTable.open(path, busyTimeoutMs), readSoon ?? (() => false));
  }

  async get(key: string): Promise<Stored | undefined> {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return stored(key, recent);
    const before = this.#recent.before();
    const text = await this.#keyv.get<string>(key);
    if (text === undefined) return undefined;
    this.#recent.took(key, text, before);
    return stored(key, decodeValue(key, text));
  }

  async getMany(keys: readonly string[]): Promise<readonly (Stored | undefined)[]> {
    if (keys.length === 0) return [];
    const found = await this.#keyv.get<string>([...keys]);
    return keys.map((key, index) => {
      const text = found[index];
      return text === undefined ? undefined : stored(key, decodeValue(key, text));
    });
  }

  async range(query: {
    readonly from: string;
    readonly to: string;
    readonly limit: number;
    readonly reverse?: boolean;
  }): Promise<{ readonly items: readonly Stored[]; readonly damaged: readonly string[] }> {
    const items: Stored[] = [];
    const damaged: string[] = [];
    for (const row of await this.#table.rangeText(query.from, query.to, query.limit, query.reverse === true)) {
      const decoded = decodeValue(row.key, row.value);
      if ('damaged' in decoded) damaged.push(row.key);
      else items.push({ key: row.key, ...decoded });
    }
    return { items, damaged };
  }

  commit(batch: Batch): Promise<CommitResult> {
    return this.#commits.commit(batch);
  }

  async #write(rows: readonly Row[], guards: readonly Guard[]): Promise<boolean> {
    try {
      const written = await this.#table.write(rows, guards);
      this.#recent.wrote(rows, guards, written);
      return written;
    } catch (error) {
      this.#recent.forget();
      throw error;
    }
  }

  /** Bounds the size of the database file from now on; a commit that needs more rejects with `StoreError('full')`. */
  limitBytes(bytes: number): Promise<void> {
    return this.#table.limitBytes(bytes);
  }

  changeCounter(): Promise<number> {
    return this.#table.dataVersion();
  }

  async probe(): Promise<void> {
    // SQLite writes nothing where a row stays as it is, so the value has to change.
    this.#probes += 1;
    const value = { pid: process.pid, probes: this.#probes };
    await this.commit({ guards: [], puts: [{ key: PROBE_KEY, value }], deletes: [] });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#commits.close();
    await this.#table.disconnect();
  }
}

function stored(key: string, decoded: Decoded): Stored {
  if ('damaged' in decoded) throw new DamagedValueError(key, `${key}: ${decoded.damaged}`, decoded.mark);
  return { key, ...decoded };
}
