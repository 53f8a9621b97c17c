import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../core/failure.ts';
import { FORBIDDEN_NAMES, isJsonObject, ownProperty } from '../core/json.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { decodeText } from '../core/text-file.ts';
import { nearest } from '../core/suggest.ts';
import type { JsonSchema } from '../definition/model.ts';
import { usageError } from './exit.ts';

/** Where the arguments of a workflow come from on the command line. */
export interface ArgumentFlags {
  /** JSON, `@file.json`, or `-` for standard input. */
  readonly input?: string | undefined;
  /** `key=value` pairs, typed by the schema; they win over `input`. */
  readonly set?: readonly string[] | undefined;
}

/**
 * The arguments object by `--input` and `--set`. Whether it fits the schema as a whole is for the one who takes it to
 * say.
 * @throws CommandError (2) naming the flag and what was expected
 */
export async function readArguments(
  flags: ArgumentFlags,
  schema: JsonSchema,
  cwd: string,
  readInput: () => Promise<string>,
): Promise<JsonObject> {
  const given = flags.input === undefined ? {} : await readJsonFlag('--input', flags.input, cwd, readInput);
  if (!isJsonObject(given)) throw usageError('--input: expected a JSON object such as {"url": "https://example.com"}');
  return { ...given, ...parseAssignments(flags.set ?? [], schema) };
}

/**
 * The value of a flag that takes JSON, `@file` or `-`.
 * @throws CommandError (2)
 */
export async function readJsonFlag(
  flag: string,
  value: string,
  cwd: string,
  readInput: () => Promise<string>,
): Promise<JsonValue> {
  const fromFile = value.startsWith('@') && value !== '@-';
  let text = value;
  if (value === '@') throw usageError(`${flag} @: expected the name of a file behind @`);
  try {
    if (fromFile) text = decodeText(readFileSync(resolve(cwd, value.slice(1))));
    else if (value === '-' || value === '@-') text = await readInput();
  } catch (error) {
    throw usageError(`${flag}: cannot read ${fromFile ? value.slice(1) : 'standard input'} (${messageOf(error)})`);
  }
  try {
    // Editors and shells write a byte order mark; it is no part of the text.
    return JSON.parse(text.replace(/^\uFEFF/u, '')) as JsonValue;
  } catch (error) {
    const hint = fromFile ? '' : `; quote it for the shell, or use ${flag} @file.json`;
    throw usageError(`${flag}: not JSON (${messageOf(error)})${hint}`);
  }
}

/**
 * `key=value` pairs as an object. The schema's type of the property decides how the text is read: `--set count=3` is a
 * number where a number is expected and a text where a text is. Without a type, JSON is JSON and anything else is text.
 * @throws CommandError (2) on a pair without `=`, an unknown key of a closed schema, or a text that cannot be of the
 *   type
 */
export function parseAssignments(pairs: readonly string[], schema: JsonSchema): JsonObject {
  const properties = propertiesOf(schema);
  return Object.fromEntries(
    pairs.map((pair) => {
      const cut = pair.indexOf('=');
      if (cut < 1) throw usageError(`--set ${pair}: expected key=value`);
      const key = pair.slice(0, cut);
      if (FORBIDDEN_NAMES.has(key)) throw usageError(`--set ${pair}: '${key}' cannot be a key`);
      const property = ownProperty(properties, key);
      if (property === undefined && schema['additionalProperties'] === false) throw unknownKey(key, properties);
      return [key, typedValue(`--set ${key}`, pair.slice(cut + 1), isJsonObject(property) ? property : {})];
    }),
  );
}

function propertiesOf(schema: JsonSchema): JsonObject {
  const properties = schema['properties'];
  return isJsonObject(properties) ? properties : {};
}

function unknownKey(key: string, properties: JsonObject): Error {
  const names = Object.keys(properties);
  const match = nearest(key, names);
  const known = names.length === 0 ? 'it takes no input' : `it takes ${names.join(', ')}`;
  return usageError(`--set: unknown input '${key}'; ${match === undefined ? known : `did you mean '${match}'?`}`);
}

/**
 * Reads a text as a value of one of the schema's types, the most specific first.
 * @throws CommandError (2)
 */
export function typedValue(key: string, text: string, schema: JsonSchema): JsonValue {
  const types = typesOf(schema);
  if (types.length === 0) return untyped(text, schema);
  for (const type of types) {
    const value = readAs(type, text);
    if (value !== undefined) return value;
  }
  throw usageError(`${key}: expected ${types.join(' or ')}, found ${JSON.stringify(text)}`);
}

const TYPE_ORDER = ['null', 'boolean', 'integer', 'number', 'object', 'array', 'string'];

function typesOf(schema: JsonSchema): readonly string[] {
  const declared = schema['type'];
  const types = Array.isArray(declared) ? declared : [declared];
  return TYPE_ORDER.filter((type) => types.includes(type));
}

/** With an `enum` of texts a text is meant, even where it looks like a number. */
function untyped(text: string, schema: JsonSchema): JsonValue {
  const choices = schema['enum'];
  if (Array.isArray(choices) && choices.includes(text)) return text;
  return parsed(text) ?? (text === 'null' ? null : text);
}

function readAs(type: string, text: string): JsonValue | undefined {
  switch (type) {
    case 'string':
      return text;
    case 'null':
      return text === 'null' || text === '' ? null : undefined;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'integer':
    case 'number': {
      const value = parsed(text);
      return typeof value === 'number' && (type === 'number' || Number.isInteger(value)) ? value : undefined;
    }
    case 'object': {
      const value = parsed(text);
      return isJsonObject(value) ? value : undefined;
    }
    case 'array': {
      const value = parsed(text);
      return Array.isArray(value) ? value : undefined;
    }
    default:
      return undefined;
  }
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
