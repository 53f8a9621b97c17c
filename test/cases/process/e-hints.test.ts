import { beforeAll, describe, expect, it } from 'vitest';
import { issueLines, validateFolder, type FoundIssue } from '../../support/checked-folder.ts';

const INPUT = 'variables: { input: { x: 1, name: a } }\n';
const STEP = 'steps:\n  - { id: s, type: set, values: {} }\n';

/** Definitions with a template that lacks its quotes. */
const UNQUOTED = [
  ['an argument', `${INPUT}steps:\n  - id: s\n    server: f\n    action: g\n    arguments:\n      path: {{input.x}}\n`],
  ['an argument in braces', `${INPUT}steps:\n  - { id: s, server: f, action: g, arguments: { path: {{input.x}} } }\n`],
  [
    'an entry of a list',
    `${INPUT}steps:\n  - id: s\n    type: foreach\n    items:\n      - {{input.x}}\n    steps: [{ id: t, type: set, values: {} }]\n`,
  ],
  ['a text that begins with one', `${INPUT}steps:\n  - id: s\n    type: emit\n    message: {{input.x}} and more\n`],
  [
    'a path that begins with one',
    `${INPUT}steps:\n  - id: s\n    server: f\n    action: g\n    arguments:\n      path: {{input.x}}/more\n`,
  ],
  ['a condition', `${INPUT}steps:\n  - id: s\n    when: {{input.x}} == 1\n    type: set\n    values: {}\n`],
  ['one with a filter', `${INPUT}steps:\n  - id: s\n    type: set\n    values:\n      n: {{input.x | default: 3}}\n`],
  ['the output', `${INPUT}${STEP}output: {{s.output}}\n`],
  ['an expression', `${INPUT}steps:\n  - id: s\n    type: set\n    values:\n      n: {% 1 + 1 %}\n`],
] as const;

/** Keys of other languages: where they stand, and what ours is called. */
const WORDS = [
  ['if', '/steps/0/if', /\bwhen\b/u, 'steps:\n  - { id: s, type: set, values: {}, if: x }\n'],
  ['needs', '/steps/0/needs', /\bdepends_on\b/u, 'steps:\n  - { id: s, type: set, values: {}, needs: [t] }\n'],
  ['uses', '/steps/0/uses', /\bserver\b[^]*\baction\b/u, 'steps:\n  - { id: s, uses: actions/checkout@v4 }\n'],
  ['with', '/steps/0/with', /\barguments\b/u, 'steps:\n  - { id: s, server: f, action: g, with: { a: 1 } }\n'],
  [
    'with on a child',
    '/steps/0/with',
    /\binput\b/u,
    'steps:\n  - { id: s, type: workflow, workflow: other, with: { a: 1 } }\n',
  ],
  ['name', '/steps/0/name', /\bid\b|\bdescription\b/u, 'steps:\n  - { id: s, type: set, values: {}, name: Set it }\n'],
  [
    'timeout-minutes',
    '/steps/0/timeout-minutes',
    /\btimeout_seconds\b/u,
    'steps:\n  - { id: s, type: set, values: {}, timeout-minutes: 5 }\n',
  ],
] as const;

/** Schedules as people write them first, and the `type` that they mean. */
const SCHEDULES = [
  ["{ cron: '0 9 * * *' }", /type: cron[^]*expression/u],
  ["'0 9 * * *'", /type: cron[^]*expression/u],
  ["[{ cron: '0 9 * * *' }]", /type: cron[^]*expression/u],
  ['{ interval: 60 }', /type: interval[^]*seconds/u],
  ["{ at: '2030-01-01T00:00:00Z' }", /type: once/u],
] as const;

const OTHERS = {
  open: `input_schema: { type: object, properties: { name: { type: string }, size: { type: integer } }, required: [name] }\n${STEP}`,
  closed: `input_schema: { type: object, properties: { name: { type: string }, size: { type: integer } }, required: [name], additionalProperties: false }\n${STEP}`,
  deep: `input_schema: { type: object, properties: { who: { type: object, properties: { name: { type: string } }, required: [name] } }, required: [who] }\n${STEP}`,
};
const calls = (workflow: string, input: string): string =>
  `steps:\n  - { id: s, type: workflow, workflow: ${workflow}, input: ${input} }\n`;

const WRONG_NAMES = [
  ['open', '{ nme: x }'],
  ['closed', '{ nme: x }'],
  ['deep', '{ who: { nmae: x } }'],
] as const;

/** Texts that are meant as a condition where none is evaluated. */
const MEANT = [
  [
    'a value',
    `${INPUT}steps:\n  - { id: s, type: set, values: { same: '{{input.x}} == 1' } }\n`,
    '/steps/0/values/same',
  ],
  [
    'a value against a word',
    `${INPUT}steps:\n  - { id: s, type: set, values: { same: '{{input.name}} == y' } }\n`,
    '/steps/0/values/same',
  ],
  [
    'what a variable becomes',
    `${INPUT}steps:\n  - { id: s, type: set, assign: { variables.global.ok: '{{input.x}} >= 3' } }\n`,
    '/steps/0/assign/variables.global.ok',
  ],
  [
    'an argument',
    `${INPUT}steps:\n  - { id: s, server: f, action: g, arguments: { force: '{{input.x}} != 0' } }\n`,
    '/steps/0/arguments/force',
  ],
  ['the output', `${INPUT}${STEP}output: { ok: "{{s.status}} == 'completed'" }\n`, '/output/ok'],
  ['whether the result is an error', `${INPUT}${STEP}result: { is_error: '{{input.x}} == 1' }\n`, '/result/is_error'],
] as const;

/** Texts with the same signs that are prose, or are evaluated. */
const PROSE = [
  [
    'a message that shows a comparison',
    `${INPUT}steps:\n  - { id: s, type: emit, message: 'Found {{input.x}} == {{input.name}} here' }\n`,
  ],
  ['an arrow', `${INPUT}steps:\n  - { id: s, type: set, values: { t: '{{input.x}} -> {{input.name}}' } }\n`],
  [
    'a mail address',
    `${INPUT}steps:\n  - { id: s, type: set, values: { t: '{{input.name}} <{{input.x}}@example.com>' } }\n`,
  ],
  ['words', `${INPUT}steps:\n  - { id: s, type: set, values: { t: '{{input.x}} in {{input.name}}' } }\n`],
  ['a condition', `${INPUT}steps:\n  - { id: s, type: set, when: '{{input.x}} == 1', values: {} }\n`],
] as const;

const DEFINITIONS: Record<string, string> = { ...OTHERS };
for (const [index, [, yaml]] of UNQUOTED.entries()) DEFINITIONS[`unquoted_${index}`] = yaml;
for (const [index, [, , , yaml]] of WORDS.entries()) DEFINITIONS[`word_${index}`] = yaml;
for (const [index, [schedule]] of SCHEDULES.entries())
  DEFINITIONS[`schedule_${index}`] = `schedule: ${schedule}\n${STEP}`;
for (const [index, [other, input]] of WRONG_NAMES.entries()) DEFINITIONS[`name_${index}`] = calls(other, input);
for (const [index, [, yaml]] of MEANT.entries()) DEFINITIONS[`meant_${index}`] = yaml;
for (const [index, [, yaml]] of PROSE.entries()) DEFINITIONS[`prose_${index}`] = yaml;

let issuesOf: (name: string) => readonly FoundIssue[];
beforeAll(async () => {
  issuesOf = await validateFolder(DEFINITIONS);
});

describe('E1: a template without quotes in YAML', () => {
  it.each(UNQUOTED.map(([what], index) => [what, index] as const))('E1: %s: put quotes around it', (_what, index) => {
    const issues = issuesOf(`unquoted_${index}`);
    expect(issueLines(issues)).toContain('quotes around it');
    // The text says where: the line of the template.
    const lines = `name: t\n${UNQUOTED[index]?.[1] ?? ''}`.split('\n');
    expect(issues.map(({ line }) => lines[line - 1])).toEqual([expect.stringMatching(/\{\{|\{%/u)]);
  });
});

describe('E2: words of GitHub Actions', () => {
  it.each(WORDS.map(([word, path, ours], index) => [word, path, ours, index] as const))(
    'E2: %s has a hint at ours',
    (_word, path, ours, index) => {
      const hint = issuesOf(`word_${index}`).find((issue) => issue.path === path)?.hint ?? 'no hint';
      expect(hint).toMatch(ours);
      expect(hint.length).toBeLessThan(160);
    },
  );

  it.each(SCHEDULES.map(([schedule, ours], index) => [schedule, ours, index] as const))(
    'E2: schedule: %s has a hint at the type',
    (_schedule, ours, index) => {
      const issues = issuesOf(`schedule_${index}`);
      expect(issues).toHaveLength(1);
      expect(issueLines(issues)).toMatch(ours);
    },
  );
});

describe('E3: a wrong name of an argument beside a missing one', () => {
  it.each(WRONG_NAMES.map(([other, input], index) => [other, input, index] as const))(
    'E3: of a child whose schema is %s: %s: did you mean',
    (_other, _input, index) => {
      const text = issueLines(issuesOf(`name_${index}`));
      expect(text).toMatch(/\bnme\b|\bnmae\b/u);
      expect(text).toContain("did you mean 'name'?");
    },
  );
});

describe('E4: a text that is meant as a condition', () => {
  it.each(MEANT.map(([what, , path], index) => [what, path, index] as const))(
    'E4: %s: is a warning that it stays text',
    (_what, path, index) => {
      const issues = issuesOf(`meant_${index}`).filter((issue) => issue.path === path);
      expect(issues.map(({ severity }) => severity)).toEqual(['warning']);
      expect(issueLines(issues)).toMatch(/condition|compar/iu);
    },
  );

  it.each(PROSE.map(([what], index) => [what, index] as const))('E4: %s: is none', (_what, index) => {
    expect(issuesOf(`prose_${index}`)).toEqual([]);
  });
});
