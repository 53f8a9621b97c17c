import { TaskError } from './task.ts';
import { DamagedValueError, StoreError } from '../store/task-store.ts';

/** What a caller hears when the store cannot be written (D13). */
export function unavailable(reason: string | undefined, cause?: StoreError): TaskError {
  return refusalFor(`the store cannot be written now${reason === undefined ? '' : `: ${reason}`}`, cause);
}

/** What a caller hears when a write of its request failed: a disk that says no may have kept it all the same. */
export function outcomeUnknown(cause: StoreError, whatToDo: string): TaskError {
  return refusalFor(`the store cannot be written, and the outcome is not known: ${cause.message}; ${whatToDo}`, cause);
}

function refusalFor(message: string, cause: StoreError | undefined): TaskError {
  return new TaskError('store_unavailable', message, undefined, cause && { cause });
}

/**
 * The failure of the store that an error is, or was refused for: what then failed may be done again once the store
 * works.
 */
export function storeFailureIn(error: unknown): StoreError | undefined {
  const failure = error instanceof TaskError ? error.cause : error;
  return failure instanceof StoreError ? failure : undefined;
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
      if (error instanceof StoreError) throw outcomeUnknown(error, 'look at the task before you try again');
      throw error;
    }
  });
}

/** Turns what the store throws into what a caller understands: `store_unavailable`. */
export async function refusing<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof StoreError) throw unavailable(error.message, error);
    if (error instanceof DamagedValueError) throw damagedData();
    throw error;
  }
}
