import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../core/failure.ts';
import { StoreError } from './task-store.ts';
import { adviceOnLock } from './lock-holder.ts';

/** What a log and its index need at the least. */
const NEEDED_BYTES = 64 * 1024;

/** What the driver threw, as the contract of the store names it. */
export function storeErrorOf(error: unknown): StoreError {
  const code = codeOf(error);
  const kind = code === 'SQLITE_FULL' ? 'full' : code === 'SQLITE_BUSY' || code === 'SQLITE_LOCKED' ? 'busy' : 'io';
  return new StoreError(kind, messageOf(error), { cause: error });
}

/** The same failure with what an operator can do about a lock that another process does not let go. */
export function withAdvice(error: unknown, path: string): unknown {
  if (!(error instanceof StoreError) || error.kind !== 'busy' || error.advice !== undefined) return error;
  return new StoreError('busy', error.message, { cause: error.cause, advice: adviceOnLock(path) });
}

/**
 * What went wrong when the file at `path` was opened. On a full disk SQLite says no more than that a file could not be
 * written or opened, so the disk is asked. `bytesLeft` gives the bytes that a folder's disk has left.
 */
export async function openingErrorOf(
  thrown: unknown,
  path: string,
  bytesLeft: (folder: string) => Promise<number> = freeBytes,
): Promise<unknown> {
  if (!(thrown instanceof StoreError)) return thrown;
  if (thrown.kind === 'busy') return withAdvice(thrown, path);
  const folder = dirname(path);
  if (thrown.kind !== 'full') {
    if (!/^(?:SQLITE_IOERR|SQLITE_CANTOPEN|ENOSPC)/u.test(codeOf(thrown.cause))) return thrown;
    // A folder that cannot be asked has another trouble.
    const left = await bytesLeft(folder).catch(() => NEEDED_BYTES);
    if (left >= NEEDED_BYTES) return thrown;
  }
  return new StoreError('full', `the disk of ${folder} is full (${thrown.message})`, { cause: thrown.cause });
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
