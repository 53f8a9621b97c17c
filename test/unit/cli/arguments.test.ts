import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAssignments, readArguments } from '../../../src/cli/arguments.ts';

const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    count: { type: 'integer' },
    ratio: { type: 'number' },
    name: { type: 'string' },
    dry: { type: 'boolean' },
    sites: { type: 'array' },
    options: { type: 'object' },
    limit: { type: ['integer', 'null'] },
    id: { type: ['integer', 'string'] },
    anything: {},
    level: { enum: ['1', '2'] },
  },
};

const noInput = (): Promise<string> => Promise.reject(new Error('nothing on standard input'));

describe('--set is typed by the schema', () => {
  test.each([
    ['count=3', { count: 3 }],
    ['ratio=0.5', { ratio: 0.5 }],
    ['name=3', { name: '3' }],
    ['name=', { name: '' }],
    ['name=a=b', { name: 'a=b' }],
    ['dry=true', { dry: true }],
    ['sites=["a"]', { sites: ['a'] }],
    ['options={"a":1}', { options: { a: 1 } }],
    ['limit=null', { limit: null }],
    ['limit=4', { limit: 4 }],
    ['id=7', { id: 7 }],
    ['id=seven', { id: 'seven' }],
    ['anything=[1]', { anything: [1] }],
    ['anything=null', { anything: null }],
    ['anything=plain text', { anything: 'plain text' }],
    ['level=1', { level: '1' }],
  ])('%s', (pair, expected) => {
    expect(parseAssignments([pair], schema)).toEqual(expected);
  });

  test.each([
    ['count=three', 'expected integer'],
    ['count=1.5', 'expected integer'],
    ['dry=yes', 'expected boolean'],
    ['sites=a', 'expected array'],
    ['coun=1', "did you mean 'count'?"],
    ['=1', 'expected key=value'],
    ['count', 'expected key=value'],
    ['__proto__=1', 'cannot be a key'],
  ])('%s is wrong usage', (pair, message) => {
    expect(() => parseAssignments([pair], schema)).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining(message) }),
    );
  });

  test('an open schema takes unknown keys', () => {
    expect(parseAssignments(['x=1'], { type: 'object' })).toEqual({ x: 1 });
  });
});

describe('--input', () => {
  test('JSON, with --set on top', async () => {
    const flags = { input: '{"count":1,"name":"a"}', set: ['count=2'] };
    expect(await readArguments(flags, schema, '/', noInput)).toEqual({ count: 2, name: 'a' });
  });

  test('@file is read relative to the current folder', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mcp-workflow-input-'));
    writeFileSync(join(folder, 'input.json'), '{"count":5}');
    expect(await readArguments({ input: '@input.json' }, schema, folder, noInput)).toEqual({ count: 5 });
  });

  test('- is standard input', async () => {
    expect(await readArguments({ input: '-' }, schema, '/', () => Promise.resolve('{"count":6}'))).toEqual({
      count: 6,
    });
  });

  test.each([
    ['{', 'not JSON'],
    ['[]', 'expected a JSON object'],
    ['@missing.json', 'cannot read missing.json'],
  ])('%s is wrong usage', async (input, message) => {
    await expect(readArguments({ input }, schema, '/', noInput)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(message),
    });
  });
});
