import { KeyvSqlite } from '@keyv/sqlite';
import type sqlite3 from 'sqlite3';
import { StoreError } from './task-store.ts';
import { DatabaseFile } from './database-file.ts';
import { openingErrorOf, storeErrorOf, withAdvice } from './failures.ts';
import type { Guard, GroupWriter, Row } from './group-commit.ts';
import { ChangeSentinel } from './change-sentinel.ts';
import { GroupRead } from './group-read.ts';
import { closeConnection, openConnection, queryAll } from './sqlite-connection.ts';
import { SqliteWriter } from './sqlite-writer.ts';
import type { Columns } from './sqlite-writer.ts';

const TABLE = 'tasks';
/** Version of the tables; a file with a higher one was written by a newer release and is refused. */
const SCHEMA_VERSION = 2;
/** SQLite before this release can corrupt a WAL that two processes write. */
const OLDEST_SQLITE = [3, 51, 3] as const;
const BUSY_TIMEOUT_MS = 5000;
/** How often WAL is asked for again while others open the same new file. */
const MODE_TRIES = 100;

/** A row of a range read. */
export interface TextRow {
  readonly key: string;
  readonly value: string;
}

/**
 * Keyv's SQLite adapter with what tasks need beside get and set: WAL with one fsync a commit (`synchronous=FULL`), one
 * guarded atomic statement for a whole group of batches, and ordered range reads. The adapter's connection only reads
 * and a second one only writes, so that a read never waits for another's fsync. Never use `set`, `delete`, `clear`,
 * `iterator`, namespaces or TTL of it (the connection refuses to write; the others lose data or scan).
 */
export class SqliteTable extends KeyvSqlite implements GroupWriter {
  readonly #file: DatabaseFile;
  #writer: SqliteWriter | undefined;
  #sentinel: ChangeSentinel | undefined;
  readonly #reads = new GroupRead((keys) => this.#texts(keys));

  private constructor(file: DatabaseFile, reader: sqlite3.Database) {
    // The adapter brings a driver of its own. Where that is not ours (an installed package: `overrides` hold for this
    // repository only), a second SQLite in the process would break the file's locks and may be one that damages it: the
    // adapter never opens the file.
    super({ uri: 'sqlite://:memory:', table: TABLE });
    const closeAdapter = this.close;
    this.query = async (sql, ...values) => queryAll(reader, sql, ...values);
    this.close = async () => {
      await closeAdapter();
      await closeConnection(reader);
    };
    this.#file = file;
    // Every failure also rejects the call that met it; without a listener the event would kill the process.
    this.on('error', () => undefined);
  }

  /**
   * Opens or creates the file (folder 0700, file 0600). Rejects with `StoreError` when it cannot be used as it must:
   * not a database, written by a newer release, no WAL, a SQLite that is too old, not a file at all. `busyTimeoutMs`:
   * how long a write waits for that of another process.
   */
  static async open(path: string, busyTimeoutMs = BUSY_TIMEOUT_MS): Promise<SqliteTable> {
    try {
      return await SqliteTable.#open(path, busyTimeoutMs);
    } catch (error) {
      throw await openingErrorOf(error, path);
    }
  }

  static async #open(path: string, busyTimeoutMs: number): Promise<SqliteTable> {
    const file = await DatabaseFile.open(path);
    const table = new SqliteTable(file, await openConnection(path, busyTimeoutMs));
    try {
      await table.#prepare(path, busyTimeoutMs);
    } catch (error) {
      await table.disconnect().catch(() => undefined);
      throw error;
    }
    return table;
  }

  async #prepare(path: string, busyTimeoutMs: number): Promise<void> {
    const [version] = await rows(this.query('SELECT sqlite_version() AS version'));
    if (!isRecentEnough(String(version?.['version']))) {
      throw new StoreError(
        'io',
        `SQLite ${String(version?.['version'])} can damage ${path}; ${OLDEST_SQLITE.join('.')} or newer is needed`,
      );
    }
    const writer = new SqliteWriter(await openConnection(path, busyTimeoutMs), TABLE);
    this.#writer = writer;
    const mode = await writeAheadLog(writer);
    if (mode !== 'wal')
      throw new StoreError('io', `${path} cannot use a write-ahead log (journal mode ${String(mode)})`);
    await writer.all('PRAGMA synchronous=FULL');
    if ((await writer.scalar('PRAGMA synchronous')) !== 2)
      throw new StoreError('io', `${path}: synchronous is not FULL`);
    await writer.all('PRAGMA journal_size_limit=67108864');
    const schema = Number(await writer.scalar('PRAGMA user_version'));
    if (schema > SCHEMA_VERSION) {
      throw new StoreError(
        'io',
        `${path} was written by a newer release (schema ${schema}); this one reads ${SCHEMA_VERSION}`,
      );
    }
    await writer.all(`CREATE TABLE IF NOT EXISTS ${TABLE}(key VARCHAR(255) PRIMARY KEY, value TEXT )`);
    // A removal is written as a row without value, so that a whole group is one statement; the triggers take such rows
    // out.
    for (const change of ['INSERT', 'UPDATE']) {
      await writer.all(
        `CREATE TRIGGER IF NOT EXISTS ${TABLE}_${change.toLowerCase()} AFTER ${change} ON ${TABLE} WHEN NEW.value IS NULL BEGIN DELETE FROM ${TABLE} WHERE key = NEW.key; END`,
      );
    }
    if (schema < SCHEMA_VERSION) await writer.all(`PRAGMA user_version=${SCHEMA_VERSION}`);
    await rows(this.query('PRAGMA query_only=ON'));
    this.#sentinel = new ChangeSentinel(path);
  }

  /** The number of the last transaction that a read would see; `undefined` = cannot be told. */
  transaction(): number | undefined {
    return this.#sentinel?.transaction();
  }

  async write(puts: readonly Row[], guards: readonly Guard[]): Promise<boolean> {
    this.#file.check();
    try {
      return await this.#writes().write(puts, guards);
    } catch (error) {
      throw withAdvice(error, this.#file.path);
    }
  }

  failing(guards: readonly Guard[]): Promise<ReadonlySet<string>> {
    return this.#writes().failing(guards);
  }

  /** Rows with `from` ≤ key < `to`, ordered by key. Rejects with `StoreError`. */
  async rangeText(from: string, to: string, limit: number, reverse: boolean): Promise<readonly TextRow[]> {
    const found = await rows(
      this.query(
        `SELECT key, value FROM ${TABLE} WHERE key >= ? AND key < ? ORDER BY key ${reverse ? 'DESC' : 'ASC'} LIMIT ?`,
        [from, to, limit],
      ),
    );
    return found.map((row) => ({ key: String(row['key']), value: String(row['value']) }));
  }

  /** Keyv's read of one key, on the connection for reads. Rejects with `StoreError`. */
  override async get<Value>(key: string): Promise<Value | undefined> {
    // Keyv decides what `Value` is; here it is the stored text.
    return (await this.#reads.get(key)) as Value | undefined;
  }

  /** Keyv's read of many keys, in their order, linear in their number. Rejects with `StoreError`. */
  override async getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    return (await this.#texts(keys)) as (Value | undefined)[];
  }

  async #texts(keys: readonly string[]): Promise<readonly unknown[]> {
    const [only, ...more] = keys;
    if (only !== undefined && more.length === 0) {
      const [row] = await rows(this.query(`SELECT value FROM ${TABLE} WHERE key = ?`, only));
      return [row?.['value']];
    }
    const found = await rows(
      this.query(`SELECT key, value FROM ${TABLE} WHERE key IN (SELECT value FROM json_each(?))`, JSON.stringify(keys)),
    );
    const byKey = new Map(found.map((row) => [row['key'], row['value']]));
    return keys.map((key) => byKey.get(key));
  }

  /** SQLite's `data_version`: changes when another connection has committed. */
  async dataVersion(): Promise<number> {
    return Number(await this.#writes().scalar('PRAGMA data_version'));
  }

  /** Bounds the size of the file; writes over it fail as a full disk does. */
  async limitBytes(bytes: number): Promise<void> {
    const pageSize = Number(await this.#writes().scalar('PRAGMA page_size'));
    await this.#writes().all(`PRAGMA max_page_count=${Math.ceil(bytes / pageSize)}`);
  }

  override async disconnect(): Promise<void> {
    this.#sentinel = undefined;
    await Promise.allSettled([this.#writer?.close()]);
    await super.disconnect();
  }

  /** Absent only while the file is being opened. */
  #writes(): SqliteWriter {
    if (this.#writer === undefined) throw new StoreError('io', 'the store is not open');
    return this.#writer;
  }
}

/**
 * The journal mode after asking for WAL. SQLite does not wait for another process that is just asking for it too, so we
 * do.
 */
async function writeAheadLog(writer: SqliteWriter): Promise<unknown> {
  for (let left = MODE_TRIES; ; left -= 1) {
    try {
      return await writer.scalar('PRAGMA journal_mode=WAL');
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== 'busy' || left === 0) throw error;
      // This waits, up to the busy timeout, until the other one has let go of the file.
      await writer.all('BEGIN IMMEDIATE');
      await writer.all('COMMIT');
    }
  }
}

/** The one door where rows of the adapter come in: it gives objects of columns; what fails becomes a `StoreError`. */
async function rows(query: Promise<unknown>): Promise<readonly Columns[]> {
  try {
    return (await query) as readonly Columns[];
  } catch (error) {
    throw storeErrorOf(error);
  }
}

function isRecentEnough(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [index, needed] of OLDEST_SQLITE.entries()) {
    const part = parts[index] ?? 0;
    if (part !== needed) return part > needed;
  }
  return true;
}
