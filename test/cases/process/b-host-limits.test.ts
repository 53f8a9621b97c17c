import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/core/json.ts';
import { newCaseFolder, validated, type CaseFolder, type Found } from '../../support/case-folder.ts';
import { serveEngine, type ServedEngine } from '../../support/served-engine.ts';

const STEPS = 'steps: [{ id: a, type: set, values: { done: true } }]\n';

/** Defaults of `variables.input`, and the schema of the argument that is made of each. */
const INFERRED: Readonly<Record<string, readonly [JsonValue, JsonObject]>> = {
  empty: [[], { type: 'array', items: {} }],
  texts: [['a', 'b'], { type: 'array', items: { type: 'string' } }],
  numbers: [[1, 2.5], { type: 'array', items: { type: 'number' } }],
  flags: [[true], { type: 'array', items: { type: 'boolean' } }],
  mixed: [['a', 1], { type: 'array', items: {} }],
  objects: [[{ a: 1 }], { type: 'array', items: { type: 'object' } }],
  lists: [[['a'], ['b']], { type: 'array', items: { type: 'array', items: { type: 'string' } } }],
  empty_lists: [[[], []], { type: 'array', items: { type: 'array', items: {} } }],
  mixed_lists: [[['a'], [1]], { type: 'array', items: { type: 'array', items: {} } }],
  text: ['a', { type: 'string' }],
  object: [{ list: [] }, { type: 'object' }],
};

/** Schemas that hosts refuse. The line that says so is marked. */
const REFUSED: Readonly<Record<string, string>> = {
  array_without_items: 'input_schema:\n  type: object\n  properties:\n    tags: { type: array } # here\n',
  array_or_null: "input_schema:\n  type: object\n  properties:\n    tags: { type: [array, 'null'] } # here\n",
  array_in_an_object:
    'input_schema:\n  type: object\n  properties:\n    a:\n      type: object\n      properties:\n        tags: { type: array } # here\n',
  array_in_a_list:
    'input_schema:\n  type: object\n  properties:\n    a:\n      type: array\n      items: { type: array } # here\n',
  array_in_a_choice:
    'input_schema:\n  type: object\n  properties:\n    a:\n      anyOf:\n        - type: string\n        - type: array # here\n',
  array_in_defs:
    'input_schema:\n  type: object\n  properties: { a: { $ref: "#/$defs/list" } }\n  $defs:\n    list: { type: array } # here\n',
  name_with_a_space: 'input_schema:\n  type: object\n  properties:\n    two words: { type: string } # here\n',
  name_with_an_umlaut: 'input_schema:\n  type: object\n  properties:\n    größe: { type: string } # here\n',
  name_with_a_slash: 'input_schema:\n  type: object\n  properties:\n    a/b: { type: string } # here\n',
  name_with_a_dollar: 'input_schema:\n  type: object\n  properties:\n    $filter: { type: string } # here\n',
  name_too_long: `input_schema:\n  type: object\n  properties:\n    ${'x'.repeat(65)}: { type: string } # here\n`,
  name_empty: 'input_schema:\n  type: object\n  properties:\n    "": { type: string } # here\n',
  name_of_a_variable: 'variables:\n  input:\n    two words: a # here\n',
  one_of: 'input_schema:\n  type: object\n  properties: { a: { type: string } }\n  oneOf: [{ required: [a] }] # here\n',
  any_of: 'input_schema:\n  type: object\n  properties: { a: { type: string } }\n  anyOf: [{ required: [a] }] # here\n',
  all_of: 'input_schema:\n  type: object\n  properties: { a: { type: string } }\n  allOf: [{ required: [a] }] # here\n',
  all_of_any_of:
    'input_schema:\n  type: object\n  properties: { a: { type: string } }\n  allOf: # here\n    - anyOf: [{ required: [a] }]\n',
  reference:
    'input_schema:\n  type: object\n  $ref: "#/$defs/all" # here\n  $defs:\n    all: { properties: { a: { type: string } } }\n',
  no_type: 'input_schema:\n  type: object\n  properties:\n    a: {} # here\n',
  variable_null: 'variables:\n  input:\n    none: null # here\n',
  list_of_null: 'variables:\n  input:\n    list: [null] # here\n',
};

/** Schemas that every host takes. */
const TAKEN: Readonly<Record<string, string>> = {
  plain_names:
    'input_schema:\n  type: object\n  properties:\n    a.b-c_1: { type: string }\n    A9: { type: array, items: { type: number } }\n',
  longest_name: `input_schema:\n  type: object\n  properties:\n    ${'x'.repeat(64)}: { type: string }\n`,
  choice_of_a_property:
    'input_schema:\n  type: object\n  properties:\n    a: { anyOf: [{ type: string }, { type: number }] }\n',
  reference_of_a_property:
    'input_schema:\n  type: object\n  properties: { a: { $ref: "#/$defs/t" } }\n  $defs: { t: { type: string } }\n',
  choice_of_values: 'input_schema:\n  type: object\n  properties:\n    a: { enum: [small, large] }\n',
  fixed_value: 'input_schema:\n  type: object\n  properties:\n    a: { const: small }\n',
  tuple:
    'input_schema:\n  type: object\n  properties:\n    a: { type: array, prefixItems: [{ type: string }], items: { type: string } }\n',
  no_arguments: '',
  names_of_the_output:
    'output_schema:\n  type: object\n  properties: { two words: { type: string } }\noutput: { "two words": a }\n',
};

let folder: CaseFolder;
let engine: ServedEngine;
let found: (file: string) => readonly Found[];
let client: Awaited<ReturnType<ServedEngine['connect']>>;
const schemas = new Map<JsonValue, JsonObject>();

beforeAll(async () => {
  const steps = [{ id: 'a', type: 'set', values: { done: true } }];
  const inferred = Object.entries(INFERRED).map(([key, [value]]) => {
    const name = `inferred_${key}`;
    return [`${name}.yaml`, JSON.stringify({ name, variables: { input: { value } }, steps })] as const;
  });
  const written = Object.entries({ ...REFUSED, ...TAKEN }).map(
    ([name, keys]) => [`${name}.yaml`, `name: ${name}\n${keys}${STEPS}`] as const,
  );
  folder = await newCaseFolder(Object.fromEntries([...inferred, ...written]));
  engine = serveEngine('stdio', folder.path);
  [found, client] = await Promise.all([validated(folder), engine.connect()]);
  const { tools } = await client.request({ method: 'tools/list' }, ResultSchema);
  for (const tool of tools as readonly JsonObject[]) {
    const { name, inputSchema } = tool;
    if (name !== undefined && isJsonObject(inputSchema)) schemas.set(name, inputSchema);
  }
});
afterAll(async () => {
  await engine.stop();
  await folder.remove();
});

describe('an argument that is made of a default', () => {
  it.each(Object.keys(INFERRED))('B1: has the type of the default, and a list says of what: %s', (name) => {
    const [value, expected] = INFERRED[name] ?? [null, {}];
    const properties = schemas.get(`inferred_${name}`)?.['properties'];
    const property = isJsonObject(properties) ? properties['value'] : undefined;
    const { default: given, ...rest } = isJsonObject(property) ? property : {};
    expect(given).toEqual(value);
    expect(rest).toEqual(expected);
  });

  it('B1: takes what it took: a list of anything where the default says nothing of its items', async () => {
    const params = { name: 'inferred_empty', arguments: { value: ['a', 1, { b: [] }] } };
    const { isError } = await client.request({ method: 'tools/call', params }, ResultSchema);
    expect(isError).not.toBe(true);
  });
});

describe('what hosts refuse', () => {
  it.each(Object.keys(REFUSED))('B2: is a warning where it stands, and no error: %s', (name) => {
    const line = `name: x\n${REFUSED[name] ?? ''}`.split('\n').findIndex((text) => text.endsWith('# here')) + 1;
    const issues = found(`${name}.yaml`);
    expect(issues).toContainEqual(expect.objectContaining({ severity: 'warning', line }));
    expect(issues.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(issues.map(({ hint }) => hint)).not.toContain(undefined);
  });

  it.each(Object.keys(TAKEN))('B2: is nothing of this: %s', (name) => {
    expect(found(`${name}.yaml`)).toEqual([]);
  });

  it.each(Object.keys(INFERRED))('B2: is nothing that we make ourselves of a default: %s', (name) => {
    expect(found(`inferred_${name}.yaml`).filter(({ severity }) => severity === 'error')).toEqual([]);
  });
});
