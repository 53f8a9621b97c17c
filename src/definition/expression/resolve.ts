import { isJsonObject, ownProperty, type JsonValue } from '../../core/json.ts';
import type { NameLookup } from './contract.ts';
import type { Path } from './scanner.ts';

/** Where results keep a failure, null where there was none. */
const FAILURES: ReadonlySet<unknown> = new Set(['error', 'caught']);
const OF_A_FAILURE: ReadonlySet<unknown> = new Set(['code', 'message', 'step', 'data']);

/**
 * What a path names, or `undefined` when it resolves to nothing. Own properties and list indexes only. `.error.code` of
 * what has not failed is null as `.error` is: results offer both, and a strict definition may ask.
 */
export function resolvePath(path: Path, names: NameLookup): JsonValue | undefined {
  let value = names.lookup(path[0]);
  for (let at = 1; at < path.length && value !== undefined; at += 1) {
    const segment = path[at] ?? '';
    const noFailure = value === null && FAILURES.has(path[at - 1]) && OF_A_FAILURE.has(segment);
    value = noFailure ? null : memberOf(value, segment);
  }
  return value;
}

/** One member of a value: an own property of an object, or an item of a list (`items.0` and `items[0]` alike). */
export function memberOf(value: JsonValue, segment: string | number): JsonValue | undefined {
  if (Array.isArray(value)) {
    const index = typeof segment === 'number' || /^\d{1,9}$/.test(segment) ? Number(segment) : -1;
    return index >= 0 && index < value.length ? (value[index] ?? null) : undefined;
  }
  return isJsonObject(value) ? ownProperty(value, String(segment)) : undefined;
}
