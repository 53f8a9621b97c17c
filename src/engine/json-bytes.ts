import type { JsonValue } from '../core/json.ts';

/**
 * Bytes of a value as JSON text in UTF-8, without making the text; escapes count as one. Stops counting above `limit`,
 * so that measuring something huge costs no more than the limit.
 */
export function jsonBytes(value: JsonValue, limit = Number.POSITIVE_INFINITY): number {
  if (typeof value === 'string') return value.length > limit ? value.length : Buffer.byteLength(value) + 2;
  if (typeof value === 'number') return String(value).length;
  if (typeof value !== 'object' || value === null) return 5;
  let bytes = 2;
  if (Array.isArray(value)) {
    for (const item of value) {
      bytes += jsonBytes(item, limit) + 1;
      if (bytes > limit) break;
    }
    return bytes;
  }
  for (const [name, member] of Object.entries(value)) {
    bytes += name.length + 4 + jsonBytes(member, limit);
    if (bytes > limit) break;
  }
  return bytes;
}
