import { readdirSync, readFileSync } from 'node:fs';
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

test('docs/definition-language.md explains every code that validate can give', () => {
  const language = readFileSync(new URL('../../../docs/definition-language.md', import.meta.url), 'utf8');
  const folder = new URL('../../../src/definition/', import.meta.url);
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('expression'))
    .map((file) => readFileSync(new URL(file, folder), 'utf8'));
  // Codes of zod itself, which never reach an issue under this name.
  const internal = new Set(['custom', 'invalid_union']);
  const codes = sources
    .flatMap((source) => [
      ...source.matchAll(/(?:code: |(?:error|warning|finding)\(\s*|fileIssue\(\w+(?:\.\w+)?, )'(?<code>[a-z_]+)'/g),
    ])
    .map((match) => match.groups?.['code'] ?? '')
    .filter((code) => !internal.has(code));
  expect(codes.length).toBeGreaterThan(20);
  expect([...new Set(codes)].filter((code) => !language.includes(`\`${code}\``))).toEqual([]);
});
