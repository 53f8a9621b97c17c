import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { JsonSchema } from './model.ts';

/**
 * The `input_schema` of a definition that has none: one optional property for each member of `variables.input`, with the type of
 * its default and the default itself; `null` means any type and no default. Unknown arguments are refused.
 */
export function inferInputSchema(input: JsonObject): JsonSchema {
  const properties: [string, JsonObject][] = Object.entries(input).map(([name, value]) => [name, propertyOf(value)]);
  return { type: 'object', properties: Object.fromEntries(properties), additionalProperties: false };
}

function propertyOf(value: JsonValue): JsonObject {
  return value === null ? {} : { type: typeOf(value), default: value };
}

/** A whole number does not say that fractions are wrong. */
function typeOf(value: Exclude<JsonValue, null>): string {
  if (Array.isArray(value)) return 'array';
  return isJsonObject(value) ? 'object' : typeof value;
}
