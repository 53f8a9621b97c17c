import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { JsonSchema } from './model.ts';

/**
 * The `input_schema` of a definition that has none: one optional property for each member of `variables.input`, with the type of
 * its default (of a list, also the type that all its items have) and the default itself; `null` means any type and no default. Unknown arguments are refused.
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
  const list: readonly JsonValue[] = value;
  const kinds = new Map(list.map((item) => [JSON.stringify(schemaOf(item)), schemaOf(item)]));
  const [only] = kinds.values();
  return { type: 'array', items: kinds.size === 1 && only !== undefined ? only : {} };
}

/** A whole number does not say that fractions are wrong. */
function typeOf(value: Exclude<JsonValue, null>): string {
  if (Array.isArray(value)) return 'array';
  return isJsonObject(value) ? 'object' : typeof value;
}
