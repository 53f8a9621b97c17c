import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SETTINGS } from '../../../src/settings.ts';

const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');

/** Rows of the first table: key → default as documented. */
const rows = new Map(
  [...(page.split('## Servers file')[0] ?? '').matchAll(/^\| `(?<key>[a-z_]+)` +\| (?<fallback>[^|]+?) +\|/gm)].map(
    (match) => [match.groups?.['key'], match.groups?.['fallback']],
  ),
);

describe('docs/configuration.md', () => {
  test('has a row for every setting, and no other', () => {
    expect([...rows.keys()]).toEqual(Object.keys(SETTINGS));
  });

  test.each(Object.entries(SETTINGS))('%s has the default that holds', (key, { fallback }) => {
    const shown = rows.get(key) ?? '';
    if (Array.isArray(fallback)) expect(['all', 'none', 'loopback']).toContain(shown);
    else if (typeof fallback === 'object') expect(shown).toBe('`127.0.0.1:3000`');
    else expect(shown).toMatch(new RegExp(`^\`${String(fallback).replaceAll('.', '\\.')}\``));
  });
});
