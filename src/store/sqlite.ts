import { chmod, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KeyvSqlite } from '@keyv/sqlite';
import { messageOf } from '../core/failure.ts';
import { StoreError } from '../tasks/task-store.ts';
import type { Guard, GroupWriter, Row } from './group-commit.ts';
import { MARK_LENGTH } from './value-codec.ts';

const TABLE = 'tasks';
/** Version of the tables; a file with a higher one was written by a newer release and is refused. */
const SCHEMA_VERSION = 1;
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
 * Keyv's SQLite adapter with what tasks need beside get and set: WAL with one fsync a commit (`synchronous=FULL`), one guarded
 * atomic statement for a whole group of batches, ordered range reads, and a second connection for reads, so that a read
 * never waits for another's fsync. Never use `clear`, `iterator`, namespaces or TTL of it (they lose data or scan).
 */
export class SqliteTable extends KeyvSqlite implements GroupWriter {
  readonly #reader: KeyvSqlite;

  private constructor(path: string) {
    const options = { uri: `sqlite://${path}`, table: TABLE, busyTimeout: BUSY_TIMEOUT_MS };
    super(options);
    this.#reader = new KeyvSqlite(options);
    // Every failure also rejects the call that met it; without a listener the event would kill the process.
    this.on('error', () => undefined);
    this.#reader.on('error', () => undefined);
  }

  /**
   * Opens or creates the file (folder 0700, file 0600). Rejects with `StoreError` when it cannot be used as it must: not a database, written by
   * a newer release, no WAL, a SQLite that is too old.
   */
  static async open(path: string): Promise<SqliteTable> {
    try {
      await makeFolder(dirname(path));
      await (await open(path, 'a', 0o600)).close();
      await chmod(path, 0o600);
    } catch (error) {
      throw new StoreError('io', `cannot create ${path}: ${messageOf(error)}`, { cause: error });
    }
    const table = new SqliteTable(path);
    try {
      await table.#prepare(path);
    } catch (error) {
      await table.disconnect().catch(() => undefined);
      throw error;
    }
    return table;
  }

  async #prepare(path: string): Promise<void> {
    const version = String(await this.#scalar('SELECT sqlite_version()'));
    if (!isRecentEnough(version)) {
      throw new StoreError('io', `SQLite ${version} can damage ${path}; ${OLDEST_SQLITE.join('.')} or newer is needed`);
    }
    const mode = await this.#writeAheadLog();
    if (mode !== 'wal')
      throw new StoreError('io', `${path} cannot use a write-ahead log (journal mode ${String(mode)})`);
    await this.#all('PRAGMA synchronous=FULL');
    if ((await this.#scalar('PRAGMA synchronous')) !== 2)
      throw new StoreError('io', `${path}: synchronous is not FULL`);
    await this.#all('PRAGMA journal_size_limit=67108864');
    const schema = Number(await this.#scalar('PRAGMA user_version'));
    if (schema > SCHEMA_VERSION) {
      throw new StoreError(
        'io',
        `${path} was written by a newer release (schema ${schema}); this one reads ${SCHEMA_VERSION}`,
      );
    }
    // A removal is written as a row without value, so that a whole group is one statement; the triggers take such rows out.
    for (const change of ['INSERT', 'UPDATE']) {
      await this.#all(
        `CREATE TRIGGER IF NOT EXISTS ${TABLE}_${change.toLowerCase()} AFTER ${change} ON ${TABLE} WHEN NEW.value IS NULL BEGIN DELETE FROM ${TABLE} WHERE key = NEW.key; END`,
      );
    }
    if (schema < SCHEMA_VERSION) await this.#all(`PRAGMA user_version=${SCHEMA_VERSION}`);
    await rows(this.#reader.query('PRAGMA query_only=ON'));
  }

  /** The journal mode after asking for WAL. SQLite does not wait for another process that is just asking for it too, so we do. */
  async #writeAheadLog(): Promise<unknown> {
    for (let left = MODE_TRIES; ; left -= 1) {
      try {
        return await this.#scalar('PRAGMA journal_mode=WAL');
      } catch (error) {
        if (!(error instanceof StoreError) || error.kind !== 'busy' || left === 0) throw error;
        // This waits, up to the busy timeout, until the other one has let go of the file.
        await this.#all('BEGIN IMMEDIATE');
        await this.#all('COMMIT');
      }
    }
  }

  async write(puts: readonly Row[], guards: readonly Guard[]): Promise<boolean> {
    const guarded = guards.length === 0 ? 'true' : `NOT EXISTS (${failingGuards(guards.length)})`;
    const written = await this.#all(
      `INSERT INTO ${TABLE}(key, value) SELECT column1, column2 FROM (${pairs(puts.length)}) WHERE ${guarded} ON CONFLICT(key) DO UPDATE SET value = excluded.value RETURNING 1`,
      [...puts.flat(), ...guards.flat()],
    );
    return written.length > 0;
  }

  async failing(guards: readonly Guard[]): Promise<ReadonlySet<string>> {
    if (guards.length === 0) return new Set();
    const found = await this.#all(failingGuards(guards.length), guards.flat());
    return new Set(found.map((row) => String(row['key'])));
  }

  /** Rows with `from` ≤ key < `to`, ordered by key. Rejects with `StoreError`. */
  async rangeText(from: string, to: string, limit: number, reverse: boolean): Promise<readonly TextRow[]> {
    const found = await rows(
      this.#reader.query(
        `SELECT key, value FROM ${TABLE} WHERE key >= ? AND key < ? ORDER BY key ${reverse ? 'DESC' : 'ASC'} LIMIT ?`,
        [from, to, limit],
      ),
    );
    return found.map((row) => ({ key: String(row['key']), value: String(row['value']) }));
  }

  /** Keyv's read of one key, on the connection for reads. Rejects with `StoreError`. */
  override async get<Value>(key: string): Promise<Value | undefined> {
    const [row] = await rows(this.#reader.query(`SELECT value FROM ${TABLE} WHERE key = ?`, key));
    // Keyv decides what `Value` is; here it is the stored text.
    return row?.['value'] as Value | undefined;
  }

  /** Keyv's read of many keys, in their order, linear in their number. Rejects with `StoreError`. */
  override async getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    const found = await rows(
      this.#reader.query(
        `SELECT key, value FROM ${TABLE} WHERE key IN (SELECT value FROM json_each(?))`,
        JSON.stringify(keys),
      ),
    );
    const byKey = new Map(found.map((row) => [row['key'], row['value'] as Value | undefined]));
    return keys.map((key) => byKey.get(key));
  }

  /** SQLite's `data_version`: changes when another connection has committed. */
  async dataVersion(): Promise<number> {
    return Number(await this.#scalar('PRAGMA data_version'));
  }

  /** Bounds the size of the file; writes over it fail as a full disk does. */
  async limitBytes(bytes: number): Promise<void> {
    const pageSize = Number(await this.#scalar('PRAGMA page_size'));
    await this.#all(`PRAGMA max_page_count=${Math.ceil(bytes / pageSize)}`);
  }

  override async disconnect(): Promise<void> {
    await Promise.allSettled([this.#reader.disconnect()]);
    await super.disconnect();
  }

  async #scalar(sql: string): Promise<unknown> {
    const [row] = await this.#all(sql);
    return row === undefined ? undefined : Object.values(row)[0];
  }

  #all(sql: string, parameters: readonly unknown[] = []): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return rows(this.query(sql, parameters));
  }
}

/**
 * Creates a folder and what is missing above it, for the owner alone. Not node's `recursive`: that one never returns where a file system
 * refuses with ENOENT, as /proc does.
 */
async function makeFolder(path: string, parentsMade = false): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || parentsMade || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await makeFolder(path, true);
  }
}

function pairs(count: number): string {
  return `VALUES ${'(?,?),'.repeat(count).slice(0, -1)}`;
}

function failingGuards(count: number): string {
  return `SELECT g.column1 AS key FROM (${pairs(count)}) g LEFT JOIN ${TABLE} t ON t.key = g.column1 WHERE substr(t.value, 1, ${MARK_LENGTH}) IS NOT g.column2`;
}

/** The one door where rows of the driver come in: it gives objects of columns; what fails becomes a `StoreError`. */
async function rows(query: Promise<unknown>): Promise<readonly Readonly<Record<string, unknown>>[]> {
  try {
    return (await query) as readonly Readonly<Record<string, unknown>>[];
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const kind = code === 'SQLITE_FULL' ? 'full' : code === 'SQLITE_BUSY' || code === 'SQLITE_LOCKED' ? 'busy' : 'io';
    throw new StoreError(kind, messageOf(error), { cause: error });
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
