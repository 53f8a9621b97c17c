import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';

/** The generations whose messages can be checked. */
export type WireRevision = '2025-11-25' | '2026-07-28';

/** What is wrong with a value, or nothing. */
export type Check = (value: unknown) => string | undefined;

const SUITE = new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url);
/** How each of the two begins in that file; `definitions` is the key of older revisions. */
const BEGINNING = '{$schema:`https://json-schema.org/draft/2020-12/schema`,$defs:';

/**
 * The specification's own JSON Schema of a revision. The official conformance suite, a pinned dependency, carries it as
 * a literal of its one file, so that nothing is copied into this repository. With `MCP_SCHEMA_DIR`, a folder that has
 * it as `<revision>.json`, that copy instead.
 */
export function specSchema(revision: WireRevision): JsonObject {
  const folder = process.env['MCP_SCHEMA_DIR'];
  const found =
    folder === undefined
      ? literals().find(({ $defs }) => isJsonObject($defs) && 'DiscoverResult' in $defs === (revision === '2026-07-28'))
      : (JSON.parse(readFileSync(join(folder, `${revision}.json`), 'utf8')) as unknown);
  if (!isJsonObject(found)) throw new Error(`no JSON Schema of ${revision} in ${fileURLToPath(SUITE)}`);
  return corrected(found);
}

/** A check by the definition of that name in the revision's schema; `undefined` when it has none. */
export function specCheck(revision: WireRevision, name: string): Check | undefined {
  const validate = validatorOf(revision, name);
  if (validate === undefined) return undefined;
  return (value) => (validate(value) ? undefined : JSON.stringify(validate.errors));
}

/** The definition of an error with this code, where the revision has one of its own. */
export function specErrorName(revision: WireRevision, code: number): string | undefined {
  const { $defs } = document(revision).schema;
  const ofCode = (definition: unknown): boolean =>
    JSON.stringify(definition).includes(`"code":{"const":${code},"type":"integer"}`);
  return Object.entries(isJsonObject($defs) ? $defs : {}).find(
    ([name, definition]) =>
      name.endsWith('Error') && isJsonObject(definition) && 'error' in properties(definition) && ofCode(definition),
  )?.[0];
}

interface Document {
  readonly schema: JsonObject;
  readonly ajv: Ajv2020;
}

const documents = new Map<WireRevision, Document>();

function document(revision: WireRevision): Document {
  const known = documents.get(revision);
  if (known !== undefined) return known;
  const schema = specSchema(revision);
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (addFormatsModule as unknown as (ajv: Ajv2020) => void)(ajv); // its default export is the function
  ajv.addSchema(schema, 'spec');
  const made = { schema, ajv };
  documents.set(revision, made);
  return made;
}

function validatorOf(revision: WireRevision, name: string): ValidateFunction | undefined {
  return document(revision).ajv.getSchema(`spec#/$defs/${name}`);
}

function properties(definition: JsonObject): JsonObject {
  return isJsonObject(definition['properties']) ? definition['properties'] : {};
}

/** Every literal of the suite that begins like a schema of 2020-12, as data. */
function literals(): JsonObject[] {
  const text = readFileSync(SUITE, 'utf8');
  const found: JsonObject[] = [];
  for (let at = text.indexOf(BEGINNING); at >= 0; at = text.indexOf(BEGINNING, at + 1)) {
    const value: unknown = JSON.parse(runInNewContext(`JSON.stringify(${literalAt(text, at)})`) as string); // what stringify gives
    if (isJsonObject(value)) found.push(value);
  }
  return found;
}

/** The text of the object literal that begins at `at`. */
function literalAt(text: string, at: number): string {
  let depth = 0;
  let quote = '';
  for (let index = at; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (quote !== '') {
      if (character === '\\') index += 1;
      else if (character === quote) quote = '';
    } else if ('`\'"'.includes(character)) quote = character;
    else if (character === '{') depth += 1;
    else if (character === '}') {
      depth -= 1;
      if (depth === 0) return text.slice(at, index + 1);
    }
  }
  throw new Error('a literal without an end');
}

/**
 * An early copy of 2025-11-25 has integers as the bounds of a number in a form; the page and the released schema have
 * numbers.
 */
function corrected(schema: JsonObject): JsonObject {
  const { $defs } = schema;
  const form = isJsonObject($defs) && isJsonObject($defs['NumberSchema']) ? properties($defs['NumberSchema']) : {};
  const bounds = ['minimum', 'maximum', 'default'].map(
    (name) => [name, { ...asObject(form[name]), type: 'number' }] as const,
  );
  if (!isJsonObject($defs)) return schema;
  const number = { ...asObject($defs['NumberSchema']), properties: { ...form, ...Object.fromEntries(bounds) } };
  return { ...schema, $defs: { ...$defs, NumberSchema: number } };
}

function asObject(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}
