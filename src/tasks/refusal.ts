import { TaskError } from './task.ts';
import { DamagedValueError, StoreError } from './task-store.ts';

/** What a caller hears when the store cannot be written (D13). */
export function unavailable(reason: string | undefined): TaskError {
  return new TaskError(
    'store_unavailable',
    `the store cannot be written now${reason === undefined ? '' : `: ${reason}`}`,
  );
}

/** What a caller hears when a write of its request failed: a disk that says no may have kept it all the same. */
export function outcomeUnknown(reason: string, whatToDo: string): TaskError {
  return new TaskError(
    'store_unavailable',
    `the store cannot be written, and the outcome is not known: ${reason}; ${whatToDo}`,
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

/** As `refusing`, for changes of a task: what was to be written may have been written. */
export async function refusingChange<T>(act: () => Promise<T>): Promise<T> {
  return refusing(async () => {
    try {
      return await act();
    } catch (error) {
      if (error instanceof StoreError) throw outcomeUnknown(error.message, 'look at the task before you try again');
      throw error;
    }
  });
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
