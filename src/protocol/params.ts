import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { invalidParams } from './errors.ts';

/** Deeper arguments are refused before anything recurses over them. */
const MAX_DEPTH = 64;

/** The `params` of a request as an object; absent means empty. Throws `invalidParams` for anything else. */
export function paramsOf(params: unknown): JsonObject {
  if (params === undefined) return {};
  if (!isJsonObject(params)) throw invalidParams('params: an object is expected');
  return params;
}

/** A text that has to be there. */
export function requiredText(params: JsonObject, name: string): string {
  const value = optionalText(params, name);
  if (value === undefined) throw invalidParams(`params/${name}: a string is expected`);
  return value;
}

/** A text, or nothing. */
export function optionalText(params: JsonObject, name: string): string | undefined {
  const value = params[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw invalidParams(`params/${name}: a string is expected`);
  return value;
}

/** For a list that is always one page: no cursor of ours exists, so every one is wrong. */
export function onePage(params: JsonObject): void {
  if (optionalText(params, 'cursor') !== undefined) throw invalidParams('params/cursor: not a cursor of this list');
}

/** An object, or nothing; not nested deeper than 64 levels. */
export function optionalObject(params: JsonObject, name: string): JsonObject | undefined {
  const value = params[name];
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) throw invalidParams(`params/${name}: an object is expected`);
  assertShallow(value, `params/${name}`);
  return value;
}

/** Refuses a value that is nested deeper than 64 levels; iterative, so that depth itself cannot hurt. */
export function assertShallow(value: JsonValue, where: string): void {
  let level: JsonValue[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) throw invalidParams(`${where}: nested deeper than ${MAX_DEPTH} levels`);
    level = level.flatMap(children);
  }
}

function children(value: JsonValue): readonly JsonValue[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).filter((member) => typeof member === 'object' && member !== null);
}
