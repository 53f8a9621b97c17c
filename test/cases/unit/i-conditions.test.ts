import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EngineWorld } from '../../support/engine-world.ts';
import { yamlDefinition } from '../../support/yaml-definition.ts';

/** Runs it and gives the warnings of the task. */
async function warningsOf(yaml: string): Promise<readonly string[]> {
  const end = await new EngineWorld().run(yamlDefinition(yaml));
  expect(end.outcome).toMatchObject({ kind: 'result' });
  expect(end.outcome.failure).toBeUndefined();
  return end.warnings;
}

const SKIPPED = `  - { id: maybe, type: set, when: 'false', values: { n: 1, inner: { deep: 1 } } }\n`;

describe('I8: a condition that reads a step that was skipped', () => {
  it.each([
    ['a member of its output', '{{maybe.output.n}} > 3'],
    ['deep inside of it', "{{maybe.output.inner.deep}} == 'x'"],
    ['as a bare path', 'maybe.output.n == 1'],
    ['alone', '{{maybe.output.n}}'],
    ['inside a text in quotes', "'{{maybe.output.n}}' == '1'"],
    ['by its other names', '{{steps.maybe.output.n}} == 1 or {{step_maybe.output.n}} == 1'],
  ])('I8: %s: takes it for null, without a warning', async (_what, when) => {
    expect(await warningsOf(`steps:\n${SKIPPED}  - { id: s, type: set, when: "${when}", values: {} }\n`)).toEqual([]);
  });

  it.each([
    ['a case of a switch', `  - { id: s, type: switch, cases: [{ when: '{{maybe.output.n}} > 3', steps: [] }] }\n`],
    [
      'the end of a loop',
      `  - { id: s, type: loop, max_iterations: 1, on_exhausted: continue, until: '{{maybe.output.n}} > 3', steps: [{ id: t, type: set, values: {} }] }\n`,
    ],
    [
      'each item of a foreach',
      `  - { id: s, type: foreach, items: [1, 2], steps: [{ id: u, type: set, when: 'false', values: { n: 1 } }, { id: t, type: set, when: '{{u.output.n}} == 1', values: {} }] }\n`,
    ],
    [
      'a conditional',
      `  - { id: s, type: set, values: {} }\nconditionals: { c: { condition: '{{maybe.output.n}} > 3 and {{s.status}} exists', if_true: [] } }\n`,
    ],
  ])('I8: %s as well', async (_what, steps) => {
    expect(await warningsOf(`steps:\n${SKIPPED}${steps}`)).toEqual([]);
  });

  it('I8: of one that a branch left out as well', async () => {
    const yaml = `steps:\n  - { id: w, type: switch, cases: [{ when: 'false', steps: [{ id: maybe, type: set, values: { n: 1 } }] }] }\n  - { id: s, type: set, when: '{{maybe.output.n}} == 1', values: {} }\n`;
    expect(await warningsOf(yaml)).toEqual([]);
  });

  it('I8: a step that ran and does not have it is still a warning', async () => {
    const yaml = `variables: { input: { o: {} } }\nsteps:\n  - { id: ran, type: set, values: { o: '{{input.o}}' } }\n  - { id: s, type: set, when: '{{ran.output.o.n}} == 1', values: {} }\n`;
    expect(await warningsOf(yaml)).toEqual(["step 's': '{{ran.output.o.n}}' resolves to nothing"]);
  });
});

/** Whether the condition holds where `input` is `{none: null, empty: '', list: ['', 'a']}`. */
async function holds(condition: string): Promise<boolean> {
  const world = new EngineWorld();
  const yaml = `variables: { input: { none: null, empty: '', list: ['', a], users: 'admin, guest' } }\nsteps:\n  - { id: s, type: set, when: "${condition}", values: {} }\n`;
  await world.run(yamlDefinition(yaml));
  return world.result('s')?.status === 'completed';
}

describe('I10: nothing is in no text', () => {
  it.each([
    ["'' in 'text'", false],
    ['{{input.empty}} in {{input.users}}', false],
    ["'{{input.none}}' in {{input.users}}", false],
    ["{{input.users}} contains ''", false],
    ["{{input.users}} not_contains ''", true],
    ["'admin' in {{input.users}}", true],
    ["'' in {{input.list}}", true],
    ["{{input.empty}} == ''", true],
  ])('I10: %s is %s', async (condition, value) => {
    expect(await holds(condition)).toBe(value);
  });
});

const LANGUAGE = readFileSync(new URL('../../../docs/definition-language.md', import.meta.url), 'utf8');

/** The paragraphs, table rows and list entries of the document that fit. */
function places(...words: readonly RegExp[]): readonly string[] {
  return LANGUAGE.split(/\n\n|\n(?=[-|])/u).filter((part) => words.every((word) => word.test(part)));
}

describe('I10: the language page says', () => {
  it.each([
    ['that conditions take bare paths', [/condition|`when`/iu, /bare path|without (?:the )?braces|path without/iu]],
    ['what error.data is', [/error\.data/u]],
    ['what error.step is', [/error\.step/u]],
    ['that a form may take its choices from a template', [/`?enum`?/u, /template/iu, /elicit|form/iu]],
    ['what a skip means for the steps that depend on it', [/dependents?\b|depends? on (?:it|a step|one)/iu, /skip/iu]],
    ['that catch and on_error run before compensate', [/catch/u, /on_error/u, /compensate/u, /before|then|first/u]],
    ["that a try's own timeout is not caught by its catch", [/`try`/u, /timeout/u, /catch/u]],
    ['that an empty text is in no text', [/empty text|`''`/iu, /\bin\b|contains/u, /no text|nothing|false/iu]],
  ] as const)('I10: %s', (_what, words) => {
    expect(places(...words)).not.toEqual([]);
  });

  it('I10: in its part on conditions that they take {% %} as well', () => {
    const [, part = ''] = LANGUAGE.split('\n## Conditions');
    expect(part.split('\n## ')[0]).toContain('{%');
  });
});
