import { messageOf } from '../core/failure.ts';
import { StoreError } from '../tasks/task-store.ts';

/** What the driver threw, as the contract of the store names it. */
export function storeErrorOf(error: unknown): StoreError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const kind = code === 'SQLITE_FULL' ? 'full' : code === 'SQLITE_BUSY' || code === 'SQLITE_LOCKED' ? 'busy' : 'io';
  return new StoreError(kind, messageOf(error), { cause: error });
}
