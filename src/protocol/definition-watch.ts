import type { ProtocolDeps } from './deps.ts';
import { findWorkflow } from './tools.ts';

/**
 * Calls `changed` whenever this definition reads differently, and not when another one of the folder does. Gives what
 * stops it, and
 * `undefined` when it is not published.
 */
export function watchDefinition(
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
