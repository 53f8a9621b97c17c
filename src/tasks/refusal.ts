import { TaskError } from './task.ts';
import { DamagedValueError, StoreError } from './task-store.ts';

/** What a caller hears when the store cannot be written (D13). */
export function unavailable(reason: string | undefined): TaskError {
  return new TaskError(
    'store_unavailable',
    `the store cannot be written now${reason === undefined ? '' : `: ${reason}`}`,
  );
}

/** Unknown, expired or somebody else's: one answer for all three. */
export function notFound(): TaskError {
  return new TaskError('not_found', 'task not found');
}

/** What a caller hears whose request needs a value that is damaged (D14). */
export function damagedData(): TaskError {
  return new TaskError('store_unavailable', 'stored data of this task is damaged');
}

/** Turns what the store throws into what a caller understands: `store_unavailable`. */
export async function refusing<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof StoreError) throw unavailable(error.message);
    if (error instanceof DamagedValueError) throw damagedData();
    throw error;
  }
}
