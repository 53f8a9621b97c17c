import type { JsonObject } from '../core/json.ts';
import type { Definition } from '../definition/model.ts';
import type { TaskContext } from './context.ts';
import { keys, savedName, under } from './keys.ts';

const MAX_SAVED = 1000;

/**
 * What earlier runs of a workflow have saved for a principal; nothing where the definition reads none of it. Rejects
 * with `StoreError`.
 */
export async function savedValues(
  { store, reportDamage, runner }: Pick<TaskContext, 'store' | 'reportDamage' | 'runner'>,
  { principal, workflow }: { readonly principal: string; readonly workflow: string },
  definition: Definition,
): Promise<JsonObject> {
  if (!runner.mayReadSaved(definition)) return {};
  const { items, damaged } = await store.range({ ...under(keys.allSaved(principal, workflow)), limit: MAX_SAVED });
  for (const key of damaged) reportDamage(key, 'a saved variable is damaged');
  return Object.fromEntries(items.map(({ key, value }) => [savedName(key), value]));
}
