import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ENTRIES } from '../cases/entries.ts';
import { allTitlesOf } from '../support/test-titles.ts';

const cases = new URL('../cases/', import.meta.url);
const files = readdirSync(cases, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

/** `A3`, `G7, G8` and `A3 and C3` before the colon of a title. */
const cited = new Set(
  files
    .flatMap((file) => allTitlesOf(`test/cases/${file}`))
    .flatMap((title) => /^[A-Z]\d+(?:(?:, | and )[A-Z]\d+)*(?=:)/.exec(title)?.[0].split(/, | and /) ?? []),
);

describe('the entries of test/cases/entries.ts', () => {
  it.each(Object.entries(ENTRIES))('%s has a test that cites it: %s', (id) => {
    expect([...cited]).toContain(id);
  });

  it('are all that titles of test/cases cite', () => {
    expect([...cited].filter((id) => !Object.hasOwn(ENTRIES, id))).toEqual([]);
  });
});
