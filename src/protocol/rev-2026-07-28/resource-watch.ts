import type { ProtocolDeps } from '../deps.ts';
import { watchOwnResource } from '../own-resources.ts';
import { parseUri } from '../resource-uris.ts';
import { watchSchedules } from '../schedules.ts';
import { findWorkflow } from '../tools.ts';

/**
 * Calls `changed` whenever the resource may read differently. Resolves with what stops it, and with `undefined` when there is no
 * such resource for this principal or when it never changes.
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

function watchDefinition(
  name: string,
  changed: () => void,
  deps: Pick<ProtocolDeps, 'definitions' | 'settings'>,
): (() => void) | undefined {
  let digest = findWorkflow(name, deps)?.digest;
  if (digest === undefined) return undefined;
  return deps.definitions.onChange(() => {
    const now = findWorkflow(name, deps)?.digest;
    if (now === digest) return;
    digest = now;
    changed();
  });
}
