import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { JsonSchema } from './model.ts';

/**
 * The `input_schema` of a definition that has none: one optional property for each member of `variables.input`, with
 * the type of its default (of a list, also the type that all its items have) and the default itself; `null` means any
 * type and no default. Unknown arguments are refused.
 */
export function inferInputSchema(input: JsonObject): JsonSchema {
  const properties: [string, JsonObject][] = Object.entries(input).map(([name, value]) => [name, propertyOf(value)]);
  return { type: 'object', properties: Object.fromEntries(properties), additionalProperties: false };
}

function propertyOf(value: JsonValue): JsonObject {
  return value === null ? {} : { ...schemaOf(value), default: value };
}

/** Hosts refuse a list that does not say what its items are. */
function schemaOf(value: JsonValue): JsonObject {
  if (value === null) return {};
  if (!Array.isArray(value)) return { type: typeOf(value) };
  return { type: 'array', items: commonOf(value) };
}

/** What all items of a list have in common, as a schema. */
function commonOf(items: readonly JsonValue[]): JsonObject {
  const [type, ...others] = new Set(items.map((item) => (item === null ? null : typeOf(item))));
  if (type === undefined || type === null || others.length > 0) return {};
  return type === 'array' ? { type, items: commonOf(items.flat()) } : { type };
}

/** A whole number does not say that fractions are wrong. */
function typeOf(value: Exclude<JsonValue, null>): string {
  if (Array.isArray(value)) return 'array';
  return isJsonObject(value) ? 'object' : typeof value;
}
