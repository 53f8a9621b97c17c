import { watchDefinition } from '../definition-watch.ts';
import type { ProtocolDeps } from '../deps.ts';
import { watchOwnResource } from '../own-resources.ts';
import { parseUri } from '../resource-uris.ts';
import { watchSchedules } from '../schedules.ts';

/**
 * Calls `changed` whenever the resource may read differently. Resolves with what stops it, and with `undefined` when
 * there is no such resource for this principal or when it never changes.
 */
export async function watchResource(
  uri: string,
  principal: string,
  changed: () => void,
  deps: Pick<ProtocolDeps, 'tasks' | 'definitions' | 'settings'>,
): Promise<(() => void) | undefined> {
  const ref = parseUri(uri);
  if (ref === undefined) return watchOwnResource(uri, changed, deps);
  if (ref.kind === 'schema') return undefined;
  if (ref.kind === 'schedules') return watchSchedules(changed, deps);
  if (ref.kind === 'definition') return watchDefinition(ref.name, changed, deps);
  if ((await deps.tasks.get(ref.taskId, principal)) === undefined) return undefined;
  return deps.tasks.subscribe((event) => {
    if (event.type === 'changed') changed();
  }, ref.taskId);
}
