import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stepKinds } from '../../src/steps/index.ts';

const SRC = join(import.meta.dirname, '../../src');
/** They write definitions or the older form of one, which name kinds. */
const WRITERS = ['definition/starter/', 'definition/normalise.ts'];

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts') && !path.startsWith('steps/') && !WRITERS.some((one) => path.startsWith(one)));

/** `step.type === 'tool'`, `kind !== 'loop'`: what asks for one kind by its name. */
const kinds = [...stepKinds.keys()].join('|');
const ASKS = new RegExp(
  `\\b(?:step|kind|entry|syntax|node|owner)[\\w.?]*\\.?(?:type|kind)\\s*[!=]==\\s*'(?:${kinds})'|new Set\\(\\[\\s*'(?:${kinds})'`,
  'u',
);

describe('a step kind', () => {
  it.each(files)('is named in its own file only: src/%s asks for none', (path) => {
    const lines = readFileSync(join(SRC, path), 'utf8').split('\n');
    expect(lines.filter((line) => ASKS.test(line))).toEqual([]);
  });

  it('says what it does outside, and one of them is the kind of a step without a type', () => {
    expect([...stepKinds.values()].filter(({ isDefault }) => isDefault === true).map(({ type }) => type)).toEqual([
      'tool',
    ]);
    expect([...stepKinds.values()].map(({ effect }) => effect)).not.toContain(undefined);
  });
});
