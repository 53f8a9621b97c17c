import type { NameLookup } from './contract.ts';

const SHOWN = 30;

/** `names here: check, input, variables, …`, for error texts. */
export function describeNames(names: NameLookup): string {
  const all = [...new Set(names.names())].sort();
  const shown = all.slice(0, SHOWN).join(', ');
  return `names here: ${shown}${all.length > SHOWN ? `, … (${all.length} in all)` : ''}`;
}
