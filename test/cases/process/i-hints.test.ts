import { beforeAll, describe, expect, it } from 'vitest';
import { issueLines, validateFolder, type FoundIssue } from '../../support/checked-folder.ts';

interface Case {
  readonly what: string;
  /** Definition without its name. */
  readonly yaml: string;
  /** Where the issue stands. */
  readonly path: string;
  /** What message and hint say between them. */
  readonly says: RegExp;
}

const INPUT = 'variables: { input: { tool: a, x: a, ok: true } }\n';
const one = (keys: string): string => `${INPUT}steps:\n  - { id: s, ${keys} }\n`;

const NEVER_RENDERED: readonly Case[] = [
  {
    what: 'action of a tool',
    yaml: one("server: s, action: '{{input.tool}}'"),
    path: '/steps/0/action',
    says: /action/u,
  },
  {
    what: 'part of an action',
    yaml: one("server: s, action: 'get_{{input.tool}}'"),
    path: '/steps/0/action',
    says: /action/u,
  },
  {
    what: 'expression as action',
    yaml: one("server: s, action: '{% input.tool %}'"),
    path: '/steps/0/action',
    says: /action/u,
  },
  {
    what: 'server of a tool',
    yaml: one("server: '{{input.tool}}', action: a"),
    path: '/steps/0/server',
    says: /server/u,
  },
  {
    what: 'server of a resource',
    yaml: one("type: resource, server: '{{input.tool}}', uri: 'a://b'"),
    path: '/steps/0/server',
    says: /server/u,
  },
  {
    what: 'server of a prompt',
    yaml: one("type: prompt, server: '{{input.tool}}', action: a"),
    path: '/steps/0/server',
    says: /server/u,
  },
  {
    what: 'name of a prompt',
    yaml: one("type: prompt, server: s, prompt_name: '{{input.tool}}'"),
    path: '/steps/0/prompt_name',
    says: /prompt/u,
  },
  {
    what: 'action inside a block',
    yaml: `${INPUT}steps:\n  - { id: g, type: group, steps: [{ id: s, server: s, action: '{{input.tool}}' }] }\n`,
    path: '/steps/0/steps/0/action',
    says: /action/u,
  },
];

/** `HERE` stands where the path is read. */
const BLOCKS: Readonly<Record<string, string>> = {
  parallel: `  - { id: both, type: parallel, tasks: [{ id: left, type: set, values: { a: 1 } }, { id: right, type: set, values: { b: 2 } }] }\n`,
  branches: `  - { id: both, type: parallel, branches: { left: [{ id: l, type: set, values: { a: 1 } }], right: [{ id: r, type: set, values: { b: 2 } }] } }\n`,
  group: `  - { id: both, type: group, steps: [{ id: left, type: set, values: { a: 1 } }, { id: right, type: set, values: { b: 2 } }] }\n`,
  foreach: `  - { id: both, type: foreach, items: [1], steps: [{ id: one, type: set, values: { a: 1 } }] }\n`,
};
const reads = (block: string, path: string): string =>
  `steps:\n${BLOCKS[block] ?? ''}  - { id: after, type: set, values: { v: '{{${path}}}' } }\n`;

const DEAD_ENDS: readonly Case[] = (
  [
    ['parallel', 'both.output.lefft', /lefft[^]*left/u],
    ['parallel', 'both.output.left.b', /'b'/u],
    ['branches', 'both.output.rihgt', /rihgt[^]*right/u],
    ['branches', 'both.output.right.a', /'a'/u],
    ['group', 'both.output.middle', /middle[^]*left/u],
    ['group', 'both.output.left.a.x', /'x'/u],
    ['foreach', 'both.output.a', /'a'/u],
    ['foreach', 'both.output[0].b', /'b'/u],
    ['foreach', 'both.items[0].otput', /otput[^]*output/u],
    ['foreach', 'both.items.output', /'output'/u],
  ] as const
).map(([block, path, says]) => ({
  what: `${path} of a ${block}`,
  yaml: reads(block, path),
  path: '/steps/1/values/v',
  says,
}));

const LEADS = [
  ['parallel', 'both.output.left.a'],
  ['branches', 'both.output.right.b'],
  ['group', 'both.output'],
  ['foreach', 'both.output[0].a'],
  ['foreach', 'both.items[0].output.a'],
  ['foreach', 'both.failed'],
] as const;

const HINTS: readonly Case[] = [
  {
    what: 'if on a step',
    yaml: one('type: set, values: {}, if: "{{input.ok}}"'),
    path: '/steps/0/if',
    says: /'?`?when\b/u,
  },
  {
    what: 'if on a case',
    yaml: one('type: switch, cases: [{ if: "{{input.ok}}", steps: [] }]'),
    path: '/steps/0/cases/0/if',
    says: /\bwhen\b/u,
  },
  { what: 'needs', yaml: one('type: set, values: {}, needs: [a]'), path: '/steps/0/needs', says: /\bdepends_on\b/u },
  {
    what: 'on_failure on a step',
    yaml: one('type: set, values: {}, on_failure: s'),
    path: '/steps/0/on_failure',
    says: /\bon_error\b/u,
  },
  {
    what: 'on_failure of the workflow',
    yaml: `on_failure: s\n${one('type: set, values: {}')}`,
    path: '/on_failure',
    says: /\bon_error\b/u,
  },
  {
    what: 'map as a key',
    yaml: one('map: "{{input.x}}", steps: [{ id: t, type: set, values: {} }]'),
    path: '/steps/0/map',
    says: /\bforeach\b/u,
  },
  {
    what: 'map as a type',
    yaml: one('type: map, items: [1], steps: [{ id: t, type: set, values: {} }]'),
    path: '/steps/0/type',
    says: /did you mean 'foreach'|\bforeach\b.{0,20}\bitems\b/u,
  },
  {
    what: 'while as a key',
    yaml: one('type: loop, max_iterations: 3, while: "{{input.ok}}", steps: [{ id: t, type: set, values: {} }]'),
    path: '/steps/0/while',
    says: /\buntil\b/u,
  },
];

const LISTS = ["['a', 'b']", '[1, 2]', "('a', 'b')"].map((list) => ({
  list,
  name: '',
  yaml: one(`type: set, values: {}, when: "{{input.x}} in ${list}"`),
}));

const ITSELF: readonly { readonly what: string; readonly yaml: string }[] = [
  { what: 'values', yaml: one("type: set, values: { a: '{{s.output.b}}', b: 1 }") },
  { what: 'when', yaml: one(`type: set, values: {}, when: "{{s.status}} == 'completed'"`) },
  { what: 'arguments', yaml: one("server: s, action: a, arguments: { a: '{{s.text}}' }") },
];

const DEFINITIONS: Record<string, string> = {};
const named = (prefix: string, index: number): string => `${prefix}_${index}`;
for (const [prefix, cases] of Object.entries({
  never: NEVER_RENDERED,
  dead: DEAD_ENDS,
  hint: HINTS,
  list: LISTS,
  itself: ITSELF,
})) {
  for (const [index, { yaml }] of cases.entries()) DEFINITIONS[named(prefix, index)] = yaml;
}
for (const [index, [block, path]] of LEADS.entries()) DEFINITIONS[named('leads', index)] = reads(block, path);

let issuesOf: (name: string) => readonly FoundIssue[];
beforeAll(async () => {
  issuesOf = await validateFolder(DEFINITIONS);
});

/** The texts of the issues that stand at a place. */
function at(name: string, path: string): string {
  return issueLines(issuesOf(name).filter((issue) => issue.path === path));
}

const titled = (cases: readonly Case[]) => cases.map((entry, index) => [entry.what, index, entry] as const);

describe('I6: a template where none is rendered', () => {
  it.each(titled(NEVER_RENDERED))('I6: %s: is an error', (_what, index, { path, says }) => {
    const text = at(named('never', index), path);
    expect(text).toContain(' error ');
    expect(text).toMatch(says);
  });
});

describe('I7: a path into the output of a block', () => {
  it.each(titled(DEAD_ENDS))(
    'I7: %s leads nowhere, and validate says what there is',
    (_what, index, { path, says }) => {
      expect(at(named('dead', index), path)).toMatch(says);
    },
  );

  it.each(LEADS.map(([block, path], index) => [path, block, index] as const))(
    'I7: %s of a %s leads somewhere',
    (_path, _block, index) => {
      expect(issuesOf(named('leads', index))).toEqual([]);
    },
  );
});

describe('I9: hints for what other languages write', () => {
  it.each(titled(HINTS))('I9: %s', (_what, index, { path, says }) => {
    const issue = issuesOf(named('hint', index)).find((found) => found.path === path);
    expect(issue?.hint ?? 'no hint').toMatch(says);
    // A list of all keys says nothing.
    expect((issue?.hint ?? '').length).toBeLessThan(160);
  });

  it.each(LISTS.map(({ list }, index) => [list, index] as const))(
    'I9: in %s: a condition has no lists of its own, and says what to do',
    (_list, index) => {
      const [issue, ...more] = issuesOf(named('list', index));
      expect(more).toEqual([]);
      expect(`${issue?.message} (${issue?.hint})`).toMatch(/\blists?\b/u);
    },
  );

  it.each(ITSELF.map(({ what }, index) => [what, index] as const))(
    'I9: a step whose %s reads its own result is not told to stand before itself',
    (_what, index) => {
      const text = issueLines(issuesOf(named('itself', index)));
      expect(text).toMatch(/\bitself\b|\bown\b/u);
      expect(text).not.toContain("before 's'");
    },
  );
});
