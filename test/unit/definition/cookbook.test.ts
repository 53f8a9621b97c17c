import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { describe, expect, test } from 'vitest';
import { cookbook } from '../../../src/definition/cookbook.ts';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { runDefinitionTests } from '../../../src/rehearsal/definition-test.ts';
import { stepKinds, stepSyntaxes } from '../../../src/steps/index.ts';

const DOCS = new URL('../../../docs/', import.meta.url);
const recipes = readdirSync(new URL('cookbook/', DOCS))
  .filter((file) => file.endsWith('.yaml'))
  .sort()
  .map((file) => ({ file, text: readFileSync(new URL(`cookbook/${file}`, DOCS), 'utf8') }));

test('docs/cookbook.md is what the recipes say (else: npm run build && npm run reference)', async () => {
  const file = fileURLToPath(new URL('cookbook.md', DOCS));
  const options = { ...(await resolveConfig(file)), parser: 'markdown' };
  expect(readFileSync(file, 'utf8')).toBe(await format(cookbook(recipes, stepSyntaxes), options));
});

describe('recipes', () => {
  test('there are at least twenty', () => {
    expect(recipes.length).toBeGreaterThanOrEqual(20);
  });

  test.each(recipes)(
    '$file is valid without a warning, passes its tests, and they reach every step',
    async (recipe) => {
      const { loaded, issues } = parseDefinition(recipe.text, recipe.file, stepSyntaxes);
      expect(issues).toEqual([]);
      if (loaded === undefined) throw new Error('not loaded');
      const { results, coverage } = await runDefinitionTests(loaded.definition, stepKinds);
      expect(results.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`))).toEqual([]);
      expect([...coverage.steps.missing, ...coverage.branches.missing]).toEqual([]);
    },
  );
});
