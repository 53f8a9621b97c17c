import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';

/** The step of a definition with one step, or the errors. */
function read(text: string, file = 'w.yaml') {
  const { loaded, issues } = parseDefinition(text, file, stepSyntaxes);
  const errors = issues.filter(({ severity }) => severity === 'error');
  return { step: loaded?.definition.steps[0], issues, errors };
}

/** The line of `text` that ends with the mark. */
function marked(text: string): number {
  return text.split('\n').findIndex((line) => line.includes('# here')) + 1;
}

const HEAD = 'name: w\nx-common: &c { a: 1, path: /old }\nx-more: &m { b: 2, path: /more }\n';
const call = (...lines: readonly string[]): string =>
  `${HEAD}steps:\n  - id: call\n    server: s\n    action: t\n${lines.map((line) => `    ${line}\n`).join('')}`;

/** A merge key, and what it means where it is followed. */
const MERGES: Readonly<Record<string, readonly [string, JsonValue]>> = {
  'in braces': [call('arguments: { <<: *c, path: /x } # here'), { a: 1, path: '/x' }],
  'in a block': [call('arguments:', '  <<: *c # here', '  path: /x'), { a: 1, path: '/x' }],
  'after the key that it does not touch': [call('arguments:', '  path: /x', '  <<: *c # here'), { a: 1, path: '/x' }],
  'of two, of which the first has the word': [call('arguments: { <<: [*c, *m] } # here'), { a: 1, b: 2, path: '/old' }],
  'of a map that stands there': [call('arguments: { <<: { a: 1 }, path: /x } # here'), { a: 1, path: '/x' }],
  'deeper inside': [call('arguments: { list: [{ <<: *c, path: /x }] } # here'), { list: [{ a: 1, path: '/x' }] }],
};

describe('a merge key of YAML', () => {
  it.each(Object.keys(MERGES))('A5: is an error that says what to do, or is followed: %s', (name) => {
    const [text, merged] = MERGES[name] ?? ['', null];
    const { step, errors } = read(text);
    if (step !== undefined) expect(step['arguments']).toEqual(merged);
    else expect(errors).toContainEqual(expect.objectContaining({ line: marked(text), hint: expect.any(String) }));
  });

  it('A5: is no key of a step either', () => {
    const text = 'name: w\nx-s: &s { server: s, action: t }\nsteps:\n  - <<: *s # here\n    id: call\n';
    const { step, errors } = read(text);
    if (step !== undefined) expect(step).toMatchObject({ id: 'call', server: 's', action: 't' });
    else expect(errors).toContainEqual(expect.objectContaining({ line: marked(text), hint: expect.any(String) }));
  });

  it('A5: is never what a tool is called with', () => {
    const all = Object.values(MERGES).map(([text]) => JSON.stringify(read(text).step ?? null));
    expect(all.filter((step) => step.includes('<<'))).toEqual([]);
  });

  it('A5: in quotes, and in JSON, is a key like any other', () => {
    expect(read(call(`arguments: { '<<': x, "y": 1 }`)).step?.['arguments']).toEqual({ '<<': 'x', y: 1 });
    const json = '{"name":"w","steps":[{"id":"call","server":"s","action":"t","arguments":{"<<":"x"}}]}';
    expect(read(json, 'w.json').step?.['arguments']).toEqual({ '<<': 'x' });
  });
});

const value = (text: string): string => call('arguments:', `  order: ${text} # here`);
const jsonWith = (text: string): string =>
  `{"name":"w","steps":[{"id":"call","server":"s","action":"t","arguments":\n{"order":${text}}}]}`;

describe('a whole number in a definition', () => {
  it.each([
    '12345678901234567890',
    '9007199254740993',
    '-9007199254740993',
    '+9007199254740993',
    '100000000000000000000000',
    '0x20000000000001',
    '0o400000000000000001',
  ])('A10: that would change silently is an error that says to quote it: %s', (number) => {
    const text = value(number);
    const { errors } = read(text);
    expect(errors).toContainEqual(
      expect.objectContaining({ line: marked(text), hint: expect.stringMatching(/quot/u) }),
    );
  });

  it.each(['12345678901234567890', '9007199254740993', '-9007199254740993'])(
    'A10: is held to the same in JSON: %s',
    (number) => {
      for (const file of ['w.json', 'w.yaml']) {
        const { errors } = read(jsonWith(number), file);
        expect(errors, file).toContainEqual(expect.objectContaining({ line: 2, hint: expect.stringMatching(/quot/u) }));
      }
    },
  );

  it.each([
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['-9007199254740991', Number.MIN_SAFE_INTEGER],
    ['1e300', 1e300],
    ['0.1', 0.1],
    ['12345678.5', 12_345_678.5],
  ])('A10: that is kept to the last digit, or has a point or an exponent, is read as ever: %s', (text, number) => {
    expect(read(value(text)).step?.['arguments']).toEqual({ order: number });
    expect(read(jsonWith(text), 'w.json').step?.['arguments']).toEqual({ order: number });
  });

  it('A10: in quotes is the text that stands there', () => {
    const order = '12345678901234567890';
    expect(read(value(`'${order}'`)).step?.['arguments']).toEqual({ order });
    expect(read(jsonWith(`"${order}"`), 'w.json').step?.['arguments']).toEqual({ order });
  });

  it('A10: as the name of a key is the text that stands there', () => {
    expect(read(call('arguments: { 12345678901234567890: x }')).step?.['arguments']).toEqual({
      '12345678901234567890': 'x',
    });
  });
});
