import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { expect, test } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { definitionReference, WORKFLOW_EXAMPLE } from '../../../src/definition/reference.ts';
import { runDefinitionTests } from '../../../src/rehearsal/definition-test.ts';
import { stepKinds, stepSyntaxes } from '../../../src/steps/index.ts';

const FILE = fileURLToPath(new URL('../../../docs/definition-reference.md', import.meta.url));

test('docs/definition-reference.md is what the schemas say (else: npm run build && npm run reference)', async () => {
  const fresh = await format(definitionReference(stepSyntaxes), {
    ...(await resolveConfig(FILE)),
    parser: 'markdown',
  });
  expect(readFileSync(FILE, 'utf8')).toBe(fresh);
});

test('every key says what it is for', () => {
  const rows = definitionReference(stepSyntaxes)
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  expect(rows.length).toBeGreaterThan(100);
  expect(rows.filter((row) => row.endsWith('|  |'))).toEqual([]);
});

test('the example of a whole definition is valid and passes its tests', async () => {
  const { loaded, issues } = parseDefinition(WORKFLOW_EXAMPLE, 'example.yaml', stepSyntaxes);
  expect(issues).toEqual([]);
  if (loaded === undefined) throw new Error('not loaded');
  const { results } = await runDefinitionTests(loaded.definition, stepKinds);
  expect(results.flatMap(({ problems }) => problems)).toEqual([]);
});
