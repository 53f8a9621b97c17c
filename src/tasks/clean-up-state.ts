import type { CleanUpReport } from '../engine/ports.ts';
import type { TaskContext } from './context.ts';
import { keys, lastPart, under } from './keys.ts';
import type { CleanUpState } from './task.ts';
import { DamagedValueError } from '../store/task-store.ts';
import { scan } from '../store/scan.ts';

/** How often a clean-up that somebody waits for is looked at. */
const LOOK_MS = 100;

/** Where the clean-up of a task stands. `undefined`: there was nothing to clean up. */
export async function cleanUpState(
  { store, reportDamage }: TaskContext,
  id: string,
): Promise<CleanUpState | undefined> {
  let rows;
  try {
    rows = await store.getMany([keys.clean(id), keys.cleaned(id)]);
  } catch (error) {
    if (!(error instanceof DamagedValueError)) throw error;
    // The task itself is sound, and is to be read all the same.
    reportDamage(error.key, error.message);
    return {
      status: 'done',
      undone: [],
      warnings: ['what was cleaned up after this task is not known: the data is damaged'],
    };
  }
  const [open, done] = rows;
  if (open !== undefined) return { status: 'working', undone: [], warnings: [] };
  // Written by `CleanUpJournal` and unchanged since (checksum).
  return done === undefined ? undefined : { status: 'done', ...(done.value as unknown as CleanUpReport) };
}

/**
 * Resolves when nothing is left to clean up after a task and those it has started, by whatever process. Rejects on
 * abort.
 */
export async function cleanedUp(context: TaskContext, id: string, signal: AbortSignal): Promise<void> {
  const { store, clock } = context;
  while ((await store.get(keys.clean(id))) !== undefined) await clock.sleep(LOOK_MS, signal);
  for await (const { key } of scan(store, under(keys.children(id)))) await cleanedUp(context, lastPart(key), signal);
}
