import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { expect, test } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { definitionReference, WORKFLOW_EXAMPLE } from '../../../src/definition/reference.ts';
import { runDefinitionTests } from '../../../src/rehearsal/definition-test.ts';
import { stepKinds, stepSyntaxes } from '../../../src/steps/index.ts';

const FILE = fileURLToPath(new URL('../../../docs/definition-reference.md', import.meta.url));

const FOLDER = new URL('../../../docs/reference-examples/', import.meta.url);
const examples = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.yaml'))
  .sort()
  .map((file) => ({ file, text: readFileSync(new URL(file, FOLDER), 'utf8') }));

/** The cells of each row of each table. */
function tableRows(): readonly (readonly string[])[] {
  return definitionReference(stepSyntaxes, examples)
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(/(?<!\\)\|/u).map((cell) => cell.trim()));
}

test('docs/definition-reference.md is what the schemas say (else: npm run build && npm run reference)', async () => {
  const fresh = await format(definitionReference(stepSyntaxes, examples), {
    ...(await resolveConfig(FILE)),
    parser: 'markdown',
  });
  expect(readFileSync(FILE, 'utf8')).toBe(fresh);
});

test('every key says what it is for, and has an example', () => {
  const rows = tableRows();
  expect(rows.length).toBeGreaterThan(100);
  expect(rows.filter((cells) => cells[5] === '').map((cells) => cells[1])).toEqual([]);
  expect(rows.filter((cells) => cells[6] === '').map((cells) => cells[1])).toEqual([]);
});

test.each(examples)(
  'the definition of $file, from which examples are, is valid without a warning and passes its tests',
  async ({ file, text }) => {
    const { loaded, issues } = parseDefinition(text, file, stepSyntaxes);
    expect(issues).toEqual([]);
    if (loaded === undefined) throw new Error('not loaded');
    const { results } = await runDefinitionTests(loaded.definition, stepKinds);
    expect(results.length).toBeGreaterThan(0);
    expect(results.flatMap(({ problems }) => problems)).toEqual([]);
  },
);

test('the example of a whole definition is valid and passes its tests', async () => {
  const { loaded, issues } = parseDefinition(WORKFLOW_EXAMPLE, 'example.yaml', stepSyntaxes);
  expect(issues).toEqual([]);
  if (loaded === undefined) throw new Error('not loaded');
  const { results } = await runDefinitionTests(loaded.definition, stepKinds);
  expect(results.flatMap(({ problems }) => problems)).toEqual([]);
});
