import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ENTRIES } from '../cases/entries.ts';
import { entriesCitedIn } from '../support/test-titles.ts';

const cases = new URL('../cases/', import.meta.url);
const files = readdirSync(cases, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && file !== 'entries.ts',
);

const cited = new Set(files.flatMap((file) => entriesCitedIn(`test/cases/${file}`)));

describe('the entries of test/cases/entries.ts', () => {
  it.each(Object.entries(ENTRIES))('%s has a test that cites it: %s', (id) => {
    expect([...cited]).toContain(id);
  });

  it('are all that titles of test/cases cite', () => {
    expect([...cited].filter((id) => !Object.hasOwn(ENTRIES, id))).toEqual([]);
  });
});
