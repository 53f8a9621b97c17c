import type { JsonValue } from '../../src/core/json.ts';
import type { NameLookup } from '../../src/definition/expression/contract.ts';

/** Names for templates and conditions from a plain object. */
export function namesOf(values: { readonly [name: string]: JsonValue }): NameLookup {
  return {
    lookup: (name) => (Object.hasOwn(values, name) ? values[name] : undefined),
    names: () => Object.keys(values),
  };
}
