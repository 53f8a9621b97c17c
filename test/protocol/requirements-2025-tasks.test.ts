import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REQUIREMENTS_2025_TASKS } from '../e2e/requirements-2025-tasks.ts';

const ROOTS = ['test/integration', 'test/e2e'];

function testTexts(): string {
  return ROOTS.flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.test.ts'))
      .map((path) => readFileSync(join(root, path), 'utf8')),
  ).join('\n');
}

test('every requirement of the tasks page is cited by a test, and no test cites one that is not there', () => {
  const cited = new Set([...testTexts().matchAll(/\[(T25-[A-Z]+-\d+)\]/gu)].map((match) => match[1] ?? ''));
  const known = new Set(REQUIREMENTS_2025_TASKS.map((requirement) => requirement.id));
  expect([...known].filter((id) => !cited.has(id))).toEqual([]);
  expect([...cited].filter((id) => !known.has(id))).toEqual([]);
});

test('requirement ids are unique', () => {
  expect(new Set(REQUIREMENTS_2025_TASKS.map(({ id }) => id)).size).toBe(REQUIREMENTS_2025_TASKS.length);
});
