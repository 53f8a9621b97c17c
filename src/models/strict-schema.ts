import { isJsonObject, type JsonValue } from '../core/json.ts';

/**
 * Whether a schema keeps to what strict servers ask for: every object names all its members, needs each of them and
 * allows no other. Any other schema is sent as one that is not strict, since such a server would refuse the call.
 */
export function fitsStrictMode(schema: JsonValue): boolean {
  if (Array.isArray(schema)) return schema.every((item: JsonValue) => fitsStrictMode(item));
  if (!isJsonObject(schema)) return true;
  const { properties, type } = schema;
  const isObject = type === 'object' || isJsonObject(properties) || (Array.isArray(type) && type.includes('object'));
  if (isObject) {
    const names = Object.keys(isJsonObject(properties) ? properties : {});
    const required: readonly JsonValue[] = Array.isArray(schema['required']) ? schema['required'] : [];
    if (schema['additionalProperties'] !== false || names.some((name) => !required.includes(name))) return false;
  }
  return Object.entries(schema).every(([key, member]) => {
    if (key === 'enum' || key === 'const' || key === 'default' || key === 'examples') return true;
    // The members of `properties` are named by the author: a property called `type` is no keyword.
    return key === 'properties' && isJsonObject(member)
      ? Object.values(member).every(fitsStrictMode)
      : fitsStrictMode(member);
  });
}
