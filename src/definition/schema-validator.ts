/** JSON Schema 2020-12 by Ajv: bounded, closed to the network, with messages for people. */
import { Ajv, type FuncKeywordDefinition, type Options, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import { messageOf } from '../core/failure.ts';
import { canonicalJson, isJsonObject, type JsonValue } from '../core/json.ts';
import type { JsonSchema } from './model.ts';
import { boundedPattern, PatternLimit, watched } from './schema-pattern.ts';
import { describeViolations, type SchemaViolation } from './schema-violation.ts';

export type { SchemaViolation } from './schema-violation.ts';

/**
 * Bounds of a schema: characters of its JSON, depth of nesting, objects in it, members of all `anyOf` / `oneOf` /
 * `allOf` together.
 */
export const SCHEMA_LIMITS = { length: 262_144, depth: 64, parts: 2_000, branches: 500 } as const;

/** A schema that cannot be used: it is not a valid schema, refers to something outside itself, or passes a limit. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

/** Returns what is wrong with a value, at most 20 entries; an empty list when it fits. Never throws. */
export type Validator = (value: JsonValue) => readonly SchemaViolation[];

const OPTIONS: Options = {
  strict: false,
  strictNumbers: true,
  allErrors: true,
  verbose: true,
  logger: false,
  ownProperties: true,
  // A schema that is written into itself where it is referred to grows with its square, and takes gigabytes.
  inlineRefs: false,
  $data: false,
  code: { regExp: Object.assign(boundedPattern, { code: 'boundedPattern' }) },
};

/** Room for the schemas of a large installation; a full cache starts afresh. */
const MAX_CACHED = 500;
const byIdentity = new WeakMap<JsonSchema, Validator>();
const byText = new Map<string, Validator>();

/**
 * The validator of a schema, remembered by identity and by content. A schema whose `$schema` names draft-06/07 or
 * 2019-09 is read as such, any other as 2020-12. An external `$ref` is never fetched.
 * @throws SchemaError
 */
export function compileSchema(schema: JsonSchema): Validator {
  const known = byIdentity.get(schema);
  if (known !== undefined) return known;
  checkBounds(schema);
  const text = canonicalJson(schema);
  if (text.length > SCHEMA_LIMITS.length) {
    throw new SchemaError(`the schema is larger than ${SCHEMA_LIMITS.length} characters`);
  }
  const validator = byText.get(text) ?? compile(schema);
  if (byText.size >= MAX_CACHED) byText.clear();
  byText.set(text, validator);
  byIdentity.set(schema, validator);
  return validator;
}

/**
 * A copy of `value` in which members that are missing have the `default` their schema gives, at any depth of
 * `properties` and `items`.
 */
export function applyDefaults(schema: JsonSchema, value: JsonValue): JsonValue {
  const { properties, items } = schema as { readonly properties?: JsonValue; readonly items?: JsonValue };
  if (Array.isArray(value)) {
    return isJsonObject(items) ? value.map((item: JsonValue) => applyDefaults(items, item)) : value;
  }
  if (!isJsonObject(value) || !isJsonObject(properties)) return value;
  const filled = new Map(Object.entries(value));
  for (const [key, member] of Object.entries(properties)) {
    if (!isJsonObject(member)) continue;
    const given = filled.get(key) ?? (filled.has(key) ? null : member['default']);
    if (given !== undefined) filled.set(key, applyDefaults(member, given));
  }
  return Object.fromEntries(filled);
}

function compile(schema: JsonSchema): Validator {
  // Ajv may mark schemas it has seen; ours are frozen.
  const own = structuredClone(schema);
  let validate: ValidateFunction;
  try {
    void checker(draftOf(schema)).validateSchema(own, true);
    // An instance keeps every schema for ever, and the names inside one schema are known to the next: each gets its
    // own.
    validate = newAjv(draftOf(schema), { validateSchema: false }).compile(own);
  } catch (error) {
    throw new SchemaError(compileProblem(messageOf(error)), { cause: error });
  }
  const short = !JSON.stringify(schema).includes('"$ref"');
  const wide = widestRequired(schema);
  // Made with the first value for which it is needed: most values are small or fit.
  let first: ValidateFunction | undefined;
  const check = (value: JsonValue, size: 'small' | 'large'): readonly SchemaViolation[] => {
    first ??= size === 'large' ? newAjv(draftOf(schema), FIRST_ONLY).compile(structuredClone(schema)) : undefined;
    const checking = size === 'large' && first !== undefined ? first : validate;
    try {
      return checking(value) ? [] : describeViolations(checking.errors ?? [], value);
    } finally {
      checking.errors = null;
    }
  };
  return (value) => {
    const size = sizeOf(value, wide);
    try {
      if (size === 'small' && short) return check(value, size);
      return (
        watched(() => check(value, size), VALIDATION_MS) ?? [
          { path: '$', message: `checking it took too long (limit ${VALIDATION_MS} ms of processor time)` },
        ]
      );
    } catch (error) {
      const why = error instanceof PatternLimit ? error.message : `it cannot be checked (${messageOf(error)})`;
      return [{ path: '$', message: why }];
    }
  };
}

/** Milliseconds of processor time that checking one value may take: every keyword, format and pattern together. */
const VALIDATION_MS = 120;
/**
 * Of a large value only the first thing that is wrong is looked for: a list of all of them could be larger than itself.
 */
const FIRST_ONLY: Options = { validateSchema: false, allErrors: false };
/**
 * Values, characters of a text, and members that may be missing in all, with which no keyword and no format takes long.
 */
const SMALL = { values: 500, text: 1_000, missing: 20_000 } as const;

/** A value is small where a check that grows with its square is short all the same. Looks at no more than it needs. */
function sizeOf(value: JsonValue, required: number): 'small' | 'large' {
  let left: number = SMALL.values;
  const stack: JsonValue[] = [value];
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    left -= 1;
    if (left < 0 || (typeof item === 'string' && item.length > SMALL.text)) return 'large';
    if (typeof item !== 'object' || item === null) continue;
    const members: readonly JsonValue[] = Array.isArray(item) ? item : Object.values(item);
    if (members.length > left) return 'large';
    stack.push(...members);
  }
  return (SMALL.values - left) * required > SMALL.missing ? 'large' : 'small';
}

/** The most members that one part of a schema requires: each of them can be missing in each value. */
function widestRequired(schema: JsonValue): number {
  if (typeof schema !== 'object' || schema === null) return 0;
  const members: readonly JsonValue[] = Array.isArray(schema) ? schema : Object.values(schema);
  const own = isJsonObject(schema) && Array.isArray(schema['required']) ? schema['required'].length : 0;
  return members.reduce<number>((most, member) => Math.max(most, widestRequired(member)), own);
}

function compileProblem(message: string): string {
  if (message.startsWith('Maximum call stack'))
    return 'its references lead to each other in a way that cannot be followed';
  const reference = /can't resolve reference (\S+)/.exec(message)?.[1];
  return reference === undefined
    ? `not a valid JSON Schema: ${complaints(message).join(', ')}`
    : `the reference ${reference} is not inside this schema (references to other documents are never fetched)`;
}

/** The parts of a message of Ajv, each once: every branch of the meta-schema says the same again. */
function complaints(message: string): readonly string[] {
  const parts = message.replace(/^schema is invalid: /, '').split(/, (?=data\/)/);
  return [
    ...new Set(parts.map((part) => part.replace(/^data\//, '/').replace('object,boolean', 'an object or a boolean'))),
  ];
}

type AjvLike = Pick<Ajv, 'compile' | 'validateSchema'>;

/** One for each draft, for the question whether a schema is one. */
const checkers = new Map<string, AjvLike>();

function checker(draft: string): AjvLike {
  const known = checkers.get(draft) ?? newAjv(draft, {});
  checkers.set(draft, known);
  return known;
}

function draftOf({ $schema: declared }: JsonSchema): string {
  return typeof declared === 'string' ? (/draft-0[67]|2019-09/.exec(declared)?.[0] ?? '2020-12') : '2020-12';
}

function newAjv(draft: string, more: Options): AjvLike {
  const options = { ...OPTIONS, ...more };
  const ajv =
    draft === '2020-12' ? new Ajv2020(options) : draft === '2019-09' ? new Ajv2019(options) : new Ajv(options);
  addFormatsModule.default(ajv);
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword(UNIQUE_ITEMS);
  return ajv;
}

/** The library's own check compares every item with every other one. */
const UNIQUE_ITEMS: FuncKeywordDefinition = {
  keyword: 'uniqueItems',
  type: 'array',
  schemaType: 'boolean',
  errors: false,
  error: { message: 'must NOT have duplicate items' },
  compile: (wanted: boolean) => (items: readonly JsonValue[]) => {
    if (!wanted) return true;
    const seen = new Set<string>();
    return items.every((item) => {
      const text = canonicalJson(item);
      const isNew = !seen.has(text);
      seen.add(text);
      return isNew;
    });
  },
};

/**
 * Ajv resolves it to other places than the standard does: a schema that is refused is better than one that says yes and
 * no at random.
 */
const NO_DYNAMIC_REF = '$dynamicRef is not supported; write $ref';

function checkBounds(schema: JsonSchema): void {
  let branches = 0;
  let parts = 0;
  const visit = (value: JsonValue, depth: number): void => {
    if (depth > SCHEMA_LIMITS.depth) throw new SchemaError(`the schema is nested deeper than ${SCHEMA_LIMITS.depth}`);
    if (Array.isArray(value)) value.forEach((item: JsonValue) => visit(item, depth + 1));
    if (!isJsonObject(value)) return;
    parts += 1;
    for (const [key, member] of Object.entries(value)) {
      if (key === '$dynamicRef' && typeof member === 'string') throw new SchemaError(NO_DYNAMIC_REF);
      if (Array.isArray(member) && (key === 'anyOf' || key === 'oneOf' || key === 'allOf')) branches += member.length;
      visit(member, depth + 1);
    }
  };
  visit(schema, 0);
  if (parts > SCHEMA_LIMITS.parts) throw new SchemaError(`the schema has more than ${SCHEMA_LIMITS.parts} parts`);
  if (branches > SCHEMA_LIMITS.branches) {
    throw new SchemaError(`the schema has more than ${SCHEMA_LIMITS.branches} alternatives`);
  }
}
