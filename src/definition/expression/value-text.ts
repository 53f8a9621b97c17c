import type { JsonValue } from '../../core/json.ts';

/** A value as it stands inside a longer text: text as it is, `null` as nothing, lists and objects as JSON. */
export function textOf(value: JsonValue): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
