import Keyv from 'keyv';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DamagedValueError, StoreError } from '../task-store.ts';
import type { Batch, CommitResult, Stored, TaskStore } from '../task-store.ts';
import { GroupCommit } from '../group-commit.ts';
import { decodeValue } from '../value-codec.ts';
import { parseAddress } from './address.ts';
import { ChangeNotices } from './change-notices.ts';
import { connected } from './connections.ts';
import type { ConnectionDeps, Connections } from './connections.ts';
import { migrate, versionOf } from './schema.ts';
import { PostgresTable } from './table.ts';

/** Written by `probe`: by whom, and the how manyeth time. */
const PROBE_KEY = 'probe';
/** A process that has written nothing for so long is gone, or is counted anew. */
const FORGOTTEN = '7 days';

/** What a store on PostgreSQL needs from outside. */
export interface PostgresDeps extends ConnectionDeps {
  readonly ids: () => string;
}

/**
 * Tasks in a Keyv store on PostgreSQL 14 or newer. Reads go through Keyv with our checksums and marks; writes go
 * through the adapter's guarded group commit. Many processes on many machines may open the same database; each sees a
 * commit as soon as it has resolved.
 *
 * Durability: `commit` resolves after the server has the transaction on its disk, and on each standby that
 * `synchronous_standby_names` asks for. When the server is lost, reads and commits wait for a moment, then reject; once
 * it is back, they go on by themselves. A commit that was rejected does not take effect later, unless on a server that
 * nobody can reach any more.
 */
export class PostgresTaskStore implements TaskStore {
  readonly #table: PostgresTable;
  readonly #keyv: Keyv<string>;
  readonly #commits: GroupCommit;
  readonly #notices: ChangeNotices;
  readonly #id: string;
  #closing: Promise<void> | undefined;
  #probes = 0;

  private constructor(connections: Connections, deps: PostgresDeps) {
    this.#id = deps.ids();
    this.#table = new PostgresTable(connections, this.#id, (rows) => this.#notices.wrote(rows));
    this.#notices = new ChangeNotices(connections, this.#table, { ...deps, id: this.#id });
    this.#commits = new GroupCommit(this.#table, () => nextTurn());
    this.#keyv = new Keyv<string>({
      store: this.#table,
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
   * Opens the database at an address and makes or updates our tables. Rejects with `PostgresError` when it cannot be
   * used safely.
   */
  static open(address: string, deps: PostgresDeps): Promise<PostgresTaskStore> {
    return connected(address, deps, async (connections) => {
      await migrate(connections);
      const store = new PostgresTaskStore(connections, deps);
      await store.#table.forgetWriters(FORGOTTEN);
      return store;
    });
  }

  /** The same for somebody who only looks: `undefined`, and nothing is made, where there are no tables yet. */
  static async openIfThere(address: string, deps: PostgresDeps): Promise<PostgresTaskStore | undefined> {
    const { schema } = parseAddress(address);
    const version = await connected(address, deps, async (connections) => {
      const found = await connections.together((client) => versionOf(client, schema));
      await connections.close();
      return found;
    });
    return version === undefined ? undefined : await PostgresTaskStore.open(address, deps);
  }

  async get(key: string): Promise<Stored | undefined> {
    const text = await this.#keyv.get<string>(key);
    return text === undefined ? undefined : stored(key, text);
  }

  async getMany(keys: readonly string[]): Promise<readonly (Stored | undefined)[]> {
    if (keys.length === 0) return [];
    const found = await this.#keyv.get<string>([...keys]);
    return keys.map((key, index) => {
      const text = found[index];
      return text === undefined ? undefined : stored(key, text);
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

  changeCounter(): Promise<number> {
    return this.#table.commitsOfOthers();
  }

  /**
   * Calls `listener` when another process may have changed something below a prefix; also when it has not, but never
   * too rarely. Gives the way to end it. Told by LISTEN/NOTIFY, or by counting where a pooler lets no notification
   * through.
   */
  onChange(prefix: string, listener: () => void): () => void {
    return this.#notices.onChange(prefix, listener);
  }

  /** How changes are noticed now. `off`: nobody has asked. */
  get changesBy(): ChangeNotices['mode'] {
    return this.#notices.mode;
  }

  async probe(): Promise<void> {
    this.#probes += 1;
    const value = { by: this.#id, probes: this.#probes };
    await this.commit({ guards: [], puts: [{ key: PROBE_KEY, value }], deletes: [] });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#commits.close();
    await this.#notices.close();
    // A row that is left is taken out by a later start.
    await this.#table.forgetWriters(FORGOTTEN).catch(() => undefined);
    await this.#table.disconnect();
  }
}

function stored(key: string, text: string): Stored {
  const decoded = decodeValue(key, text);
  if ('damaged' in decoded) throw new DamagedValueError(key, `${key}: ${decoded.damaged}`, decoded.mark);
  return { key, ...decoded };
}
