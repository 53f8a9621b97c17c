import { existsSync } from 'node:fs';
import { StoreError } from '../store/task-store.ts';
import type { Row } from '../store/group-commit.ts';
import { storeErrorOf } from '../store/failures.ts';
import { SqliteTable } from '../store/sqlite.ts';
import { closeConnection, openConnection, queryAll } from '../store/sqlite-connection.ts';
import { pageStatement } from './endpoint.ts';
import type { Endpoint, Entry, Hold } from './endpoint.ts';

const WAIT_MS = 5000;

/** A database file as one end of a migration. */
export class SqliteEndpoint implements Endpoint {
  readonly shown: string;
  readonly #path: string;
  readonly #table: SqliteTable;

  private constructor(path: string, table: SqliteTable) {
    this.#path = path;
    this.shown = path;
    this.#table = table;
  }

  /** `make`: also where there is no file yet. */
  static async open(path: string, make: boolean): Promise<SqliteEndpoint> {
    if (!make && !existsSync(path)) throw new StoreError('io', `${path} does not exist`);
    return new SqliteEndpoint(path, await SqliteTable.open(path));
  }

  async page(from: string): Promise<readonly Entry[]> {
    try {
      const found = (await this.#table.query(pageStatement('tasks', '?'), from)) as readonly Entry[]; // both are TEXT columns
      return found.map(({ key, value }) => ({ key, value }));
    } catch (error) {
      throw storeErrorOf(error);
    }
  }

  async write(rows: readonly Row[]): Promise<void> {
    await this.#table.write(rows, []);
  }

  async hold(): Promise<Hold> {
    const connection = await openConnection(this.#path, WAIT_MS);
    try {
      await queryAll(connection, 'BEGIN IMMEDIATE');
    } catch (error) {
      await closeConnection(connection);
      throw storeErrorOf(error);
    }
    // Closing gives the lock back.
    return { stands: () => Promise.resolve(true), release: () => closeConnection(connection) };
  }

  close(): Promise<void> {
    return this.#table.disconnect();
  }
}
