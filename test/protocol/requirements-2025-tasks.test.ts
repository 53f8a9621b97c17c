import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REQUIREMENTS_2025_TASKS } from '../e2e/requirements-2025-tasks.ts';
import { SCENARIOS } from '../e2e/tasks-2025-scenarios.ts';

const INSIDE = 'test/integration/protocol';
/** What no client can bring about from outside; tests inside the process cite them as `[id]`. */
const ONLY_INSIDE = ['T25-ERR-3'];

const known = REQUIREMENTS_2025_TASKS.map(({ id }) => id);

function citedInside(): string[] {
  const texts = readdirSync(INSIDE, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => readFileSync(join(INSIDE, path), 'utf8'));
  return [...texts.join('\n').matchAll(/\[(T25-[A-Z]+-\d+)\]/gu)].map((match) => match[1] ?? '');
}

test('every requirement of the tasks page is cited by a scenario that runs against the built server', () => {
  const cited = new Set(SCENARIOS.flatMap(({ cites }) => cites));
  expect(known.filter((id) => !cited.has(id))).toEqual(ONLY_INSIDE);
});

test('what can only be seen inside the process is cited there, and nothing cites a requirement that is not there', () => {
  const inside = citedInside();
  expect(inside).toEqual(expect.arrayContaining(ONLY_INSIDE));
  const cited = [...inside, ...SCENARIOS.flatMap(({ cites }) => cites)];
  expect(cited.filter((id) => !known.includes(id))).toEqual([]);
});

test('requirement ids and scenario names are unique', () => {
  expect(new Set(known).size).toBe(known.length);
  expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(SCENARIOS.length);
});
