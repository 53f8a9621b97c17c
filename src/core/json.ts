/** A JSON value. Everything that is stored, sent or rendered by a template is one. */
export type JsonValue = string | number | boolean | null | JsonArray | JsonObject;
export type JsonArray = readonly JsonValue[];
export type JsonObject = { readonly [key: string]: JsonValue };

/**
 * Names that would reach a prototype. They are refused wherever a name is written (rule 6 of the definition language).
 */
export const FORBIDDEN_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** True for a JSON object: not an array, not null, and nothing but an object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * True when a value from outside holds a number that JSON cannot write again: `JSON.parse` reads 1e309 as Infinity, and
 * what is kept of it would be null. Walks with a stack of its own.
 */
export function hasUnwritableNumber(value: unknown): boolean {
  const stack = [value];
  while (stack.length > 0) {
    const item = stack.pop();
    if (typeof item === 'number' && !Number.isFinite(item)) return true;
    if (typeof item !== 'object' || item === null) continue;
    for (const member of Object.values(item)) {
      if (typeof member === 'object' || typeof member === 'number') stack.push(member);
    }
  }
  return false;
}

/** Reads an own property; an inherited one is `undefined`, so `toString` and friends are never reachable. */
export function ownProperty(value: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

/** JSON text with object keys sorted at every depth: equal values give equal text, so it can be hashed. */
export function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`);
  return `{${members.join(',')}}`;
}

/** An object as it is; anything else as one without members. */
export function objectOrEmpty(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** Deep freeze in place; returns its argument. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) deepFreeze(member);
  return value;
}
