import type { Definition } from '../definition/model.ts';

const known = new WeakMap<Definition, boolean>();

/**
 * Whether a run of the definition could read what earlier runs have saved: by name, by the whole of `variables`, or by
 * an expression, which may go through all names. Yes when in doubt; a no spares every creation of a task a read.
 */
export function mayReadSaved(definition: Definition): boolean {
  const before = known.get(definition);
  if (before !== undefined) return before;
  const { saved, ...others } = definition.variables;
  const text = JSON.stringify([{ ...definition, variables: null }, Object.values(others)]);
  const read = Object.keys(saved).length > 0 || /saved|\{%|variables(?!\.(?:input|output|global)\b|":null)/u.test(text);
  known.set(definition, read);
  return read;
}
