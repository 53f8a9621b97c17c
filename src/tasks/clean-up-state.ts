import type { CleanUpReport } from '../engine/ports.ts';
import type { TaskContext } from './context.ts';
import { keys, lastPart, under } from './keys.ts';
import type { CleanUpState } from './task.ts';

/** How often a clean-up that somebody waits for is looked at. */
const LOOK_MS = 100;

/** Where the clean-up of a task stands. `undefined`: there was nothing to clean up. */
export async function cleanUpState({ store }: TaskContext, id: string): Promise<CleanUpState | undefined> {
  const [open, done] = await store.getMany([keys.clean(id), keys.cleaned(id)]);
  if (open !== undefined) return { status: 'working', undone: [], warnings: [] };
  // Written by `CleanUpJournal` and unchanged since (checksum).
  return done === undefined ? undefined : { status: 'done', ...(done.value as unknown as CleanUpReport) };
}

/** Resolves when nothing is left to clean up after a task and those it has started, by whatever process. Rejects on abort. */
export async function cleanedUp(context: TaskContext, id: string, signal: AbortSignal): Promise<void> {
  const { store, clock } = context;
  while ((await store.get(keys.clean(id))) !== undefined) await clock.sleep(LOOK_MS, signal);
  const { items } = await store.range({ ...under(keys.children(id)), limit: 10_000 });
  for (const { key } of items) await cleanedUp(context, lastPart(key), signal);
}
