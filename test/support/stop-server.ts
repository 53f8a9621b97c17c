import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import type { Running } from './cli-process.ts';

/**
 * Stops a server (SIGSTOP) if it is, or is not, in the middle of a write at this moment; else lets it go on again. True
 * when it is stopped. A server that is stopped inside a commit holds the store, and nobody can write (G9).
 */
export async function stoppedWhen(folder: string, { child }: Running, isWriting: boolean): Promise<boolean> {
  child.kill('SIGSTOP');
  if ((await isLocked(join(folder, 'data', 'tasks.sqlite'))) === isWriting) return true;
  child.kill('SIGCONT');
  return false;
}

/** Whether a process holds the store's lock for writing. */
async function isLocked(file: string): Promise<boolean> {
  const database = await new Promise<sqlite3.Database>((resolve, reject) => {
    const opened: sqlite3.Database = new sqlite3.Database(file, (error) =>
      error === null ? resolve(opened) : reject(error),
    );
  });
  try {
    database.configure('busyTimeout', 0);
    return await new Promise((resolve) => {
      database.exec('BEGIN IMMEDIATE; ROLLBACK', (error) => resolve(error !== null));
    });
  } finally {
    await new Promise((resolve) => database.close(resolve));
  }
}
