import sqlite3 from 'sqlite3';
import { storeErrorOf } from './failures.ts';

/** Opens an existing file for reading and writing; waits up to the timeout for a lock. Rejects with `StoreError`. */
export function openConnection(path: string, busyTimeoutMs: number): Promise<sqlite3.Database> {
  return new Promise((resolve, reject) => {
    const database: sqlite3.Database = new sqlite3.Database(path, sqlite3.OPEN_READWRITE, (error) => {
      if (error !== null) {
        reject(storeErrorOf(error));
        return;
      }
      database.configure('busyTimeout', busyTimeoutMs);
      resolve(database);
    });
  });
}

/** The rows of a statement, with its values as one list or one by one. Rejects with the driver's error. */
export function queryAll(database: sqlite3.Database, sql: string, ...values: readonly unknown[]): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    database.all(sql, ...values, (error: Error | null, rows: unknown[]) => {
      if (error === null) resolve(rows);
      else reject(error);
    });
  });
}

/** Lets go of the file. Rejects with `StoreError`. */
export function closeConnection(database: sqlite3.Database): Promise<void> {
  return new Promise((resolve, reject) => {
    database.close((error) => {
      if (error === null) resolve();
      else reject(storeErrorOf(error));
    });
  });
}
