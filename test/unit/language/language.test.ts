import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { runDefinitionTests } from '../../../src/rehearsal/definition-test.ts';
import { stepKinds, stepSyntaxes } from '../../../src/steps/index.ts';

/**
 * The language line by line: small definitions with tests of their own, several in a file, one for each thing that the
 * language promises. They run on the real engine.
 */
const FOLDER = new URL('../../fixtures/language/', import.meta.url);

for (const file of readdirSync(FOLDER).sort()) {
  describe(file.replace(/^\d+-|\.yaml$/g, ''), () => {
    for (const text of readFileSync(new URL(file, FOLDER), 'utf8').split('\n---\n')) {
      const name = /^name: (\S+)$/m.exec(text)?.[1] ?? 'a document without a name';
      test(name.replaceAll('-', ' '), async () => {
        const { loaded, issues } = parseDefinition(text, file, stepSyntaxes);
        expect(issues.filter(({ severity }) => severity === 'error')).toEqual([]);
        if (loaded === undefined) throw new Error('no definition');
        const { results } = await runDefinitionTests(loaded.definition, stepKinds);
        expect(results.length).toBeGreaterThan(0);
        expect(results.flatMap((result) => result.problems.map((problem) => `${result.name}: ${problem}`))).toEqual([]);
      });
    }
  });
}
