import { isJsonObject, type JsonValue } from '../../core/json.ts';
import { textOf } from './value-text.ts';

/**
 * A filter never fails: a value it has no meaning for comes out as its doc says. `default` is handled by the caller.
 */
type Filter = (value: JsonValue, argument: JsonValue | undefined) => JsonValue;

/** Characters of a text, members of a list or an object; 0 for null. */
const length: Filter = (value) => {
  if (typeof value === 'string') return Array.from(value).length;
  if (Array.isArray(value)) return value.length;
  return isJsonObject(value) ? Object.keys(value).length : value === null ? 0 : textOf(value).length;
};

const onText =
  (change: (text: string) => string): Filter =>
  (value) =>
    value === null ? null : change(textOf(value));

const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ['json', (value) => JSON.stringify(value)],
  ['length', length],
  [
    'join',
    (value, separator) =>
      Array.isArray(value)
        ? value.map((item: JsonValue) => textOf(item)).join(separator === undefined ? ', ' : textOf(separator))
        : textOf(value),
  ],
  ['first', (value) => (Array.isArray(value) || typeof value === 'string' ? (value[0] ?? null) : null)],
  ['last', (value) => (Array.isArray(value) || typeof value === 'string' ? (value.at(-1) ?? null) : null)],
  ['keys', (value) => (isJsonObject(value) ? Object.keys(value) : [])],
  ['upper', onText((text) => text.toUpperCase())],
  ['lower', onText((text) => text.toLowerCase())],
  ['trim', onText((text) => text.trim())],
]);

/** Every filter name, `default` included. */
export const FILTER_NAMES: readonly string[] = ['default', 'omit', ...FILTERS.keys()];

/**
 * What `omit` makes of nothing: the key or entry that it is the value of is left out. Nothing else is this very object.
 */
export const OMITTED: JsonValue = Object.freeze({ omitted: true });

/** Filters that take an argument; `default` needs it. */
export const FILTERS_WITH_ARGUMENT: ReadonlySet<string> = new Set(['default', 'join']);

/** The filter of a name; `undefined` for an unknown one, and for `default` and `omit`. */
export function filterNamed(name: string): Filter | undefined {
  return FILTERS.get(name);
}
