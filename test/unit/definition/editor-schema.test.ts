import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/core/json.ts';
import { definitionJsonSchema } from '../../../src/definition/json-schema.ts';
import { compileSchema } from '../../../src/definition/schema-validator.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';

/** What editors do with the schema: check, explain and complete. */
const schema = definitionJsonSchema(stepSyntaxes);
const check = compileSchema(schema);

function at(...path: readonly string[]): JsonObject {
  let value: JsonValue = schema;
  for (const key of path) value = isJsonObject(value) ? (value[key] ?? {}) : {};
  return isJsonObject(value) ? value : {};
}

const step = (keys: string): JsonValue => parse(`name: a\nsteps: [{ id: a, ${keys} }]`) as JsonValue;

describe('an editor rejects', () => {
  test.each([
    ['a key that does not exist', 'server: s, action: t, tiemout_seconds: 3'],
    ['a kind that does not exist', 'type: swich'],
    ['a key of another kind', 'type: set, items: []'],
    ['a choice that does not exist', 'server: s, action: t, on_interrupt: again'],
    ['a value of a wrong type', 'server: s, action: t, timeout_seconds: soon'],
    ['a number out of range', 'server: s, action: t, retry: { max_attempts: 0 }'],
    ['a step without what its kind needs', 'type: foreach, items: []'],
    ['a wrong step inside of another', 'type: group, steps: [{ id: b, type: nope }]'],
  ])('%s', (_, keys) => {
    expect(check(step(keys))).not.toEqual([]);
  });
});

describe('of a resource an editor wants', () => {
  const resource = (keys: string): JsonValue =>
    parse(`name: a\nsteps: [{ id: a, type: succeed }]\nresources: [{ name: n, ${keys} }]`) as JsonValue;

  test.each(['text: a', "uri: 'a:b'", "uri: 'a:b', uri_template: 'a:{b}', text: a", "uri: 'a:b', text: a, file: f"])(
    'one address and one content: not %s',
    (keys) => expect(check(resource(keys))).not.toEqual([]),
  );

  test.each(["uri: 'a:b', text: a", "uri_template: 'a:{b}', file: f"])('as in %s', (keys) => {
    expect(check(resource(keys))).toEqual([]);
  });
});

describe('an editor takes', () => {
  const folders = ['definitions/', 'docs/cookbook/', 'docs/reference-examples/'].flatMap((folder) => {
    const url = new URL(`../../../${folder}`, import.meta.url);
    const files = readdirSync(url).filter((file) => file.endsWith('.yaml'));
    return files.map((file) => ({ file, text: readFileSync(new URL(file, url), 'utf8') }));
  });
  test.each(folders)('$file', ({ text }) => {
    expect(check(parse(text) as JsonValue)).toEqual([]);
  });
  test('the key by which a file names its schema', () => {
    expect(check({ $schema: './workflow.schema.json', name: 'a', steps: [{ id: 'a', type: 'set' }] })).toEqual([]);
  });
});

describe('an editor completes', () => {
  test('kinds of steps, keys with what they mean, choices', () => {
    expect(at('$defs', 'step', 'properties', 'type')['enum']).toEqual([...stepSyntaxes.keys()]);
    for (const type of stepSyntaxes.keys()) {
      for (const [key, value] of Object.entries(at('$defs', `step_${type}`, 'properties'))) {
        if (key === 'type' || key === 'id') continue;
        expect(`${type}.${key} ${JSON.stringify(value)}`).toContain('"description"');
      }
    }
    expect(at('$defs', 'step_tool', 'properties', 'on_interrupt')['enum']).toEqual(['retry', 'fail', 'ask']);
  });

  test('defaults, as values', () => {
    expect(at('properties', 'task')['default']).toBe('optional');
    expect(at('properties', 'strict')['default']).toBe(false);
    expect(at('properties', 'concurrency', 'properties', 'on_conflict')['default']).toBe('queue');
    expect(at('$defs', 'step_foreach', 'properties', 'max_concurrency')['default']).toBe(1);
    expect(at('$defs', 'step_emit', 'properties', 'level')['default']).toBe('info');
  });

  test('no default is one that the schema refuses', () => {
    const wrong: string[] = [];
    const visit = (value: JsonValue, path: string): void => {
      if (Array.isArray(value))
        (value as readonly JsonValue[]).forEach((item, index) => visit(item, `${path}/${index}`));
      if (!isJsonObject(value)) return;
      const { default: given, ...rest } = value;
      // In a list of properties it is the key of `switch`, and its value a schema.
      const isSchema = !isJsonObject(given);
      if (given !== undefined && isSchema && compileSchema({ ...rest, $defs: at('$defs') })(given).length > 0)
        wrong.push(path);
      for (const [key, member] of Object.entries(value)) visit(member, `${path}/${key}`);
    };
    visit(schema, '');
    expect(wrong).toEqual([]);
  });
});
