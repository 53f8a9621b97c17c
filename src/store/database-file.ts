import { statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { lstat, mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../core/failure.ts';
import { StoreError } from './task-store.ts';

const DATABASE_HEADER = 'SQLite format 3\0';

/**
 * The file behind a connection. SQLite goes on writing into a file that has been removed, where nobody will ever find
 * the tasks again, so every write asks whether the name still leads to the file that was opened (D13).
 */
export class DatabaseFile {
  readonly path: string;
  readonly #opened: BigIntStats;

  private constructor(path: string, opened: BigIntStats) {
    this.path = path;
    this.#opened = opened;
  }

  /**
   * Opens or creates the file (0600) and its folder (0700). Rejects with `StoreError`, also when something else has the
   * name.
   */
  static async open(path: string): Promise<DatabaseFile> {
    try {
      await makeFolder(dirname(path));
      // Before anything is opened or changed: a pipe would wait for a writer, and a device is not ours.
      if (!(await isFileOrNothing(path))) throw new Error('something that is not a file has this name');
      await refuseLogAlone(path);
      const handle = await openOrMake(path);
      try {
        return new DatabaseFile(path, await handle.stat({ bigint: true }));
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw new StoreError('io', `cannot open or create ${path}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Microseconds. @throws StoreError when the file was removed or another one took its place. */
  check(): void {
    const now = statSync(this.path, { bigint: true, throwIfNoEntry: false });
    if (now?.ino === this.#opened.ino && now.dev === this.#opened.dev) return;
    throw new StoreError(
      'io',
      `${this.path} was ${now === undefined ? 'removed' : 'replaced'} while it was in use; put it back, or start again with what is there`,
    );
  }
}

/**
 * Nothing of somebody else's is changed: a file is made private only when we made it, or it is a database and no link
 * to one.
 */
async function openOrMake(path: string): Promise<FileHandle> {
  const made = await open(path, 'wx+', 0o600).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined;
    throw error;
  });
  if (made !== undefined) return made;
  const handle = await open(path, 'r+');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(DATABASE_HEADER.length), 0, DATABASE_HEADER.length, 0);
    if (bytesRead > 0 && buffer.toString('latin1', 0, bytesRead) !== DATABASE_HEADER) {
      throw new Error('it is not a SQLite database');
    }
    if (!(await lstat(path)).isSymbolicLink()) await handle.chmod(0o600);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * SQLite would throw a log away that belongs to no database, and begin with nothing (D14). It writes the first page of
 * a database before the log.
 */
async function refuseLogAlone(path: string): Promise<void> {
  const log = `${path}-wal`;
  // In this order: another process may be making both just now.
  if ((await sizeOf(log)) === 0 || (await sizeOf(path)) > 0) return;
  throw new Error(
    `the database is missing or empty, but its log ${log} is there: put the database back, or move the log away to begin with nothing`,
  );
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}

async function isFileOrNothing(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true;
    throw error;
  }
}

/**
 * Creates a folder and what is missing above it, for the owner alone. Not node's `recursive`: that one never returns
 * where a file system refuses with ENOENT, as /proc does.
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
