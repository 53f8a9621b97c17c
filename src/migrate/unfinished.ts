import { StoreError } from '../store/task-store.ts';
import type { TaskStore } from '../store/task-store.ts';

/** Stands in a store for as long as it is being filled; says from where. */
export const UNFINISHED_KEY = 'migration';

/** Rejects with `StoreError` where a migration has not come to its end: half of the tasks are no store to serve. */
export async function refuseUnfinished(store: TaskStore): Promise<void> {
  if ((await store.get(UNFINISHED_KEY)) === undefined) return;
  throw new StoreError(
    'io',
    'it was filled by "store migrate", which has not come to its end: run the same command again',
  );
}
