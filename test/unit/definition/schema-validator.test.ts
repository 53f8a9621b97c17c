import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { applyDefaults, compileSchema, SchemaError } from '../../../src/definition/schema-validator.ts';
import { processorMsSince } from '../../support/machine-speed.ts';

function violations(schema: JsonObject, value: JsonValue): string[] {
  return compileSchema(schema)(value).map(({ path, message }) => `${path}: ${message}`);
}

describe('compileSchema', () => {
  const schema: JsonObject = {
    type: 'object',
    properties: {
      url: { type: 'string', format: 'uri' },
      count: { type: 'integer', minimum: 1 },
      mode: { enum: ['fast', 'slow'] },
      list: { type: 'array', items: { type: 'object', properties: { 'odd key': { type: 'string' } } } },
      either: { anyOf: [{ type: 'string' }, { type: 'number' }] },
    },
    required: ['url'],
    additionalProperties: false,
  };

  it('gives nothing for a value that fits', () => {
    expect(violations(schema, { url: 'https://x', count: 2, mode: 'fast', either: 1 })).toEqual([]);
  });

  it.each<[JsonValue, string]>([
    [{}, '$.url: missing; expected text'],
    [{ url: 3 }, '$.url: expected text, found number 3'],
    [{ url: 'no url' }, '$.url: expected a text of the format uri, found text "no url"'],
    [{ url: 'x:y', count: 0 }, '$.count: expected to be >= 1, found number 0'],
    [{ url: 'x:y', mode: 'fats' }, '$.mode: expected one of "fast", "slow", found text "fats"'],
    [{ url: 'x:y', list: [{ 'odd key': null }] }, '$.list[0]["odd key"]: expected text, found null'],
    [{ url: 'x:y', either: [] }, '$.either: expected one of text, number, found list of 0'],
    [{ url: 'x:y', cuont: 1 }, "$.cuont: unknown key 'cuont'; did you mean 'count'?"],
    [{ url: 'x:y', zzz: 1 }, "$.zzz: unknown key 'zzz'; known: url, count, mode, list, either"],
    [[], '$: expected object, found list of 0'],
  ])('names the path, what was expected and what was found: %j', (value, expected) => {
    expect(violations(schema, value)).toEqual([expected]);
  });

  it('names every violation, and at most twenty', () => {
    expect(violations(schema, { count: 'x', mode: 1 })).toHaveLength(3);
    const many = Array.from({ length: 100 }, () => 'x');
    expect(violations({ type: 'array', items: { type: 'number' } }, many)).toHaveLength(21);
  });

  it('sees own properties only', () => {
    expect(violations({ type: 'object', required: ['toString'] }, {})).toEqual(['$.toString: missing']);
  });

  it('remembers a schema by identity and by content', () => {
    expect(compileSchema({ type: 'string', minLength: 1 })).toBe(compileSchema({ minLength: 1, type: 'string' }));
  });

  it('keeps schemas with the same $id apart', () => {
    expect(violations({ $id: 'https://example.com/s', type: 'string' }, 1)).toHaveLength(1);
    expect(violations({ $id: 'https://example.com/s', type: 'number' }, 1)).toEqual([]);
  });

  it('takes # for the schema itself, at any depth', () => {
    const tree: JsonObject = { properties: { child: { $ref: '#' } }, additionalProperties: false };
    expect(violations(tree, { child: { child: {} } })).toEqual([]);
    expect(violations(tree, { child: { other: 1 } })).toEqual(["$.child.other: unknown key 'other'; known: child"]);
  });

  it('knows nothing of the names inside another schema', () => {
    const part = (type: string): JsonObject => ({ $defs: { part: { $id: 'https://example.com/part', type } } });
    expect(violations({ ...part('string'), $ref: 'https://example.com/part' }, 1)).toHaveLength(1);
    expect(violations({ ...part('number'), $ref: 'https://example.com/part' }, 1)).toEqual([]);
    expect(() => compileSchema({ $ref: 'https://example.com/part' })).toThrow('not inside this schema');
  });

  it('reads draft-07 where $schema says so', () => {
    const draft7 = { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }], type: 'array' };
    expect(violations(draft7, [1])).toEqual(['$[0]: expected text, found number 1']);
  });

  it.each<[JsonObject, string | RegExp]>([
    [{ type: 'strnig' }, 'not a valid JSON Schema'],
    [{ pattern: '(' }, 'not a valid JSON Schema'],
    [{ pattern: 'x'.repeat(2000) }, 'at most 1000 characters'],
    [{ $ref: 'http://127.0.0.1:1/x.json' }, 'never fetched'],
    [{ $ref: '#/$defs/nope' }, 'not inside this schema'],
    [{ $dynamicRef: '#x', $defs: { x: { $dynamicAnchor: 'x' } } }, '$dynamicRef is not supported'],
    [{ anyOf: Array.from({ length: 600 }, () => ({})) }, 'more than 500 alternatives'],
    [{ properties: Object.fromEntries(Array.from({ length: 2500 }, (_, i) => [`p${i}`, {}])) }, 'more than 2000 parts'],
    [nested(70), 'nested deeper than 64'],
    [{ properties: { a: 'text' } }, /^not a valid JSON Schema: \/properties\/a must be an object or a boolean$/],
  ])('refuses a schema that cannot be used: %#', (bad, reason) => {
    expect(() => compileSchema(bad)).toThrow(SchemaError);
    expect(() => compileSchema(bad)).toThrow(reason);
  });

  it.each([
    '^(a+)+$',
    '^(a|aa)+$',
    '(.*a){25}$',
    '^(\\w+\\s?)*$',
    '(x+x+)+y',
    '^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@)$',
  ])('stops the pattern %s before it blocks the process, and counts the value as not fitting', (pattern) => {
    const hostile = `${'a'.repeat(50)}${'x'.repeat(50)}!`;
    const validate = compileSchema({ type: 'array', items: { type: 'string', pattern } });
    const before = process.cpuUsage();
    expect(validate(Array.from({ length: 200 }, () => hostile)).length).toBeGreaterThan(0);
    // The budget is 40 ms for all 200 together; unbounded, each one takes hours.
    expect(processorMsSince(before)).toBeLessThan(2_000);
  });

  it('gives every validation a time budget of its own', () => {
    const validate = compileSchema({ type: 'string', pattern: '^(a+)+$' });
    expect(validate(`${'a'.repeat(60)}!`)).toHaveLength(1);
    expect(validate('aaa')).toEqual([]);
  });
});

describe('applyDefaults', () => {
  const schema: JsonObject = {
    properties: {
      a: { default: 1 },
      b: { properties: { c: { default: [] } } },
      l: { items: { properties: { d: { default: 'x' } } } },
    },
  };

  it('fills what is missing at any depth and keeps what is there, null too', () => {
    expect(applyDefaults(schema, { a: null, b: {}, l: [{}, { d: 'y' }], more: 1 })).toEqual({
      a: null,
      b: { c: [] },
      l: [{ d: 'x' }, { d: 'y' }],
      more: 1,
    });
  });

  it('does not change its argument', () => {
    const value = Object.freeze({ b: Object.freeze({}) });
    expect(applyDefaults(schema, value)).not.toBe(value);
    expect(value).toEqual({ b: {} });
  });
});

function nested(depth: number): JsonObject {
  let schema: JsonObject = {};
  for (let i = 0; i < depth; i += 1) schema = { not: schema };
  return schema;
}
