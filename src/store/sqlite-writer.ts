import type sqlite3 from 'sqlite3';
import { storeErrorOf } from './failures.ts';
import type { Guard, GroupWriter, Row } from './group-commit.ts';
import { closeConnection } from './sqlite-connection.ts';
import { MARK_LENGTH } from './value-codec.ts';

/** Statements of these bounds are prepared once a shape and kept: preparing costs as much as running a small one. */
const MAX_KEPT_PAIRS = 64;
const MAX_KEPT_CHARS = 64 * 1024;
const MAX_KEPT = 64;

/** A prepared statement. A run that is given to one that cannot be prepared is never answered by the driver. */
interface Kept {
  readonly statement: Promise<sqlite3.Statement>;
  /** Once it is. */
  readonly prepared?: sqlite3.Statement;
}

/** A row as the driver gives it. */
export type Columns = Readonly<Record<string, unknown>>;

/**
 * The one connection that writes, with the driver that Keyv's adapter uses: the adapter prepares every statement anew
 * and cannot say how many rows one has changed, which doubles the price of a small commit. Every method rejects with
 * `StoreError`.
 */
export class SqliteWriter implements GroupWriter {
  readonly #database: sqlite3.Database;
  readonly #table: string;
  /** By numbers of rows and guards; the one used last is the last. */
  readonly #kept = new Map<string, Kept>();

  /** @param database closed by `close`. The caller sets up journal and tables. */
  constructor(database: sqlite3.Database, table: string) {
    this.#database = database;
    this.#table = table;
  }

  async write(rows: readonly Row[], guards: readonly Guard[]): Promise<boolean> {
    const pairs = rows.length + guards.length;
    let chars = 0;
    const values: (string | null)[] = [];
    for (const pair of rows) {
      values.push(pair[0], pair[1]);
      chars += pair[1]?.length ?? 0;
    }
    for (const pair of guards) values.push(pair[0], pair[1]);
    if (pairs > MAX_KEPT_PAIRS || chars > MAX_KEPT_CHARS) {
      return (await this.#runOnce(this.#writeStatement(rows.length, guards.length), values)) > 0;
    }
    const kept = this.#keep(rows.length, guards.length);
    return (await runKept(kept.prepared ?? (await kept.statement), values)) > 0;
  }

  async failing(guards: readonly Guard[]): Promise<ReadonlySet<string>> {
    if (guards.length === 0) return new Set();
    const found = await this.all(this.#failingGuards(guards.length), guards.flat());
    return new Set(found.map((row) => String(row['key'])));
  }

  /** The rows of a statement; for whatever is not a group of batches. */
  all(sql: string, values: readonly unknown[] = []): Promise<readonly Columns[]> {
    return new Promise((resolve, reject) => {
      this.#database.all<Columns>(sql, values, (error, found) => {
        if (error === null) resolve(found);
        else reject(storeErrorOf(error));
      });
    });
  }

  /** The first column of the first row. */
  async scalar(sql: string): Promise<unknown> {
    const [row] = await this.all(sql);
    return row === undefined ? undefined : Object.values(row)[0];
  }

  async close(): Promise<void> {
    const kept = [...this.#kept.values()];
    this.#kept.clear();
    await Promise.allSettled(kept.map(({ statement }) => statement));
    for (const { prepared } of kept) prepared?.finalize();
    await closeConnection(this.#database);
  }

  #writeStatement(rows: number, guards: number): string {
    const guarded = guards === 0 ? 'true' : `NOT EXISTS (${this.#failingGuards(guards)})`;
    return `INSERT INTO ${this.#table}(key, value) SELECT column1, column2 FROM (${placeholders(rows)}) WHERE ${guarded} ON CONFLICT(key) DO UPDATE SET value = excluded.value`;
  }

  #failingGuards(count: number): string {
    return `SELECT g.column1 AS key FROM (${placeholders(count)}) g LEFT JOIN ${this.#table} t ON t.key = g.column1 WHERE substr(t.value, 1, ${MARK_LENGTH}) IS NOT g.column2`;
  }

  #keep(rows: number, guards: number): Kept {
    const shape = `${rows}/${guards}`;
    const known = this.#kept.get(shape);
    const kept = known ?? this.#prepare(this.#writeStatement(rows, guards));
    if (known !== undefined) this.#kept.delete(shape);
    this.#kept.set(shape, kept);
    if (known === undefined) kept.statement.catch(() => this.#kept.delete(shape));
    const [oldest] = this.#kept;
    if (oldest !== undefined && this.#kept.size > MAX_KEPT) {
      this.#kept.delete(oldest[0]);
      oldest[1].statement.then(
        (unused) => unused.finalize(),
        () => undefined,
      );
    }
    return kept;
  }

  #prepare(sql: string): Kept {
    const kept: { statement: Promise<sqlite3.Statement>; prepared?: sqlite3.Statement } = {
      statement: new Promise((resolve, reject) => {
        const statement: sqlite3.Statement = this.#database.prepare(sql, (error: Error | null) => {
          if (error === null) {
            kept.prepared = statement;
            resolve(statement);
          } else reject(storeErrorOf(error));
        });
      }),
    };
    return kept;
  }

  /** Rows changed. */
  #runOnce(sql: string, values: readonly unknown[]): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#database.run(sql, values, function ended(this: sqlite3.RunResult, error: Error | null) {
        if (error === null) resolve(this.changes);
        else reject(storeErrorOf(error));
      });
    });
  }
}

/**
 * Rows changed. A statement that was refused as busy is only suspended until it is reset, and counts as a write that
 * goes on: SQLite would not commit the next one while it does, and say all the same that it went well.
 */
function runKept(statement: sqlite3.Statement, values: readonly unknown[]): Promise<number> {
  return new Promise((resolve, reject) => {
    statement.run(values, function ended(this: sqlite3.RunResult, error: Error | null) {
      if (error === null) resolve(this.changes);
      else statement.reset(() => reject(storeErrorOf(error)));
    });
  });
}

function placeholders(pairs: number): string {
  return `VALUES ${'(?,?),'.repeat(pairs).slice(0, -1)}`;
}
