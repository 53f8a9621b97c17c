import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Mutant {
  readonly id: string;
  readonly guarantee: string;
  readonly file: string;
  readonly from: string;
  readonly test: string;
  readonly name: string;
}

const root = new URL('../../', import.meta.url);
const list = new URL('scripts/mutants-list.mjs', root).href;
// A script of ours without types; its shape stands in its own comment and what is read of it is compared below.
const { MUTANTS } = (await import(list)) as { readonly MUTANTS: readonly Mutant[] };
const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');

describe('the planted bugs of `npm run test:mutants`', () => {
  it('are one or more for every guarantee, and no two have one name', () => {
    const planted = new Set(MUTANTS.map(({ guarantee }) => guarantee));
    const guarantees = Array.from({ length: 16 }, (_, index) => `D${index + 1}`);
    expect(guarantees.filter((guarantee) => !planted.has(guarantee))).toEqual([]);
    expect(new Set(MUTANTS.map(({ id }) => id)).size).toBe(MUTANTS.length);
  });

  it.each(MUTANTS)('$id: its place is in the source once, and its test exists', ({ file, from, test }) => {
    expect(read(file).split(from)).toHaveLength(2);
    expect(existsSync(new URL(test, root))).toBe(true);
  });
});
