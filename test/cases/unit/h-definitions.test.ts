import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { mermaidOf } from '../../../src/definition/graph/mermaid.ts';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';
import { definitionOf, EngineWorld, text } from '../../support/engine-world.ts';
import type { PlainStep } from '../../support/engine-world.ts';

/** `severity path message` of every issue of a definition with this step. */
function issuesOf(step: string): readonly string[] {
  const { issues } = parseDefinition(`name: t\nsteps:\n  - ${step}\n`, 't.yaml', stepSyntaxes);
  return issues.map(({ severity, path, message }) => `${severity} ${path} ${message}`);
}

describe('H3: the action of a step that reads a resource', () => {
  it.each(['write', 'subscribe', 'list', 'delete', 'READ', 'reed', '', "'{{input.how}}'"])(
    'H3: %s is an error that names the one there is, since the step reads',
    (action) => {
      const found = issuesOf(
        `{ id: r, type: resource, server: s, uri: 'memo://1', action: ${action === '' ? "''" : action} }`,
      );
      expect(found.filter((line) => line.startsWith('error /steps/0/action'))).toHaveLength(1);
      expect(found.join('\n')).toMatch(/\bread\b/u);
    },
  );

  it('H3: read, or none at all, is fine', () => {
    expect(issuesOf("{ id: r, type: resource, server: s, uri: 'memo://1', action: read }")).toEqual([]);
    expect(issuesOf("{ id: r, type: resource, server: s, uri: 'memo://1' }")).toEqual([]);
  });
});

/** Runs steps that each take a while, and gives the most that were under way at once. */
async function mostAtOnce(steps: readonly PlainStep[]): Promise<number> {
  const world = new EngineWorld();
  let running = 0;
  let most = 0;
  world.downstream.tools['t'] = async () => {
    running += 1;
    most = Math.max(most, running);
    await world.clock.sleep(300);
    running -= 1;
    return text('done');
  };
  const { outcome } = await world.run(definitionOf(steps));
  expect(outcome.kind === 'result' ? outcome.failure : outcome).toBeUndefined();
  return most;
}

/** As many steps as are asked for, each with this. */
function many(count: number, more: object): readonly PlainStep[] {
  return Array.from({ length: count }, (_, index) => ({ id: `s${index}`, action: 't', ...more }));
}

const group = (steps: readonly PlainStep[], more: object = {}): readonly PlainStep[] => [
  { id: 'g', type: 'group', steps, ...more },
];

describe('H4: a list in which a step says depends_on, if only an empty one', () => {
  const empty = many(3, { depends_on: [] });
  const [first, ...others] = many(3, {});

  it.each<readonly [string, readonly PlainStep[]]>([
    ['at the top', empty],
    ['in a group', group(empty)],
    ['in one step alone', [{ ...(first ?? { id: 's0' }), depends_on: [] }, ...others]],
  ])('H4: is a graph, whose steps without one begin at once: %s', async (_, steps) => {
    expect(await mostAtOnce(steps)).toBe(3);
  });

  it('H4: is drawn as the graph that it is', () => {
    const steps = ['a', 'b', 'c'].map((id) => `  - { id: ${id}, type: set, values: {}, depends_on: [] }\n`).join('');
    const { loaded } = parseDefinition(`name: t\nsteps:\n${steps}`, 't.yaml', stepSyntaxes);
    const lines = loaded === undefined ? [] : mermaidOf(loaded.definition, stepSyntaxes).split('\n');
    const arrows = lines.map((line) => line.trim()).filter((line) => line.startsWith('start -->'));
    expect(arrows.toSorted()).toEqual(['start --> n1', 'start --> n2', 'start --> n3']);
    expect(lines.filter((line) => /n\d --> n\d/u.test(line))).toEqual([]);
  });

  it('H4: a list in which no step says it stays a list', async () => {
    expect(await mostAtOnce(many(3, {}))).toBe(1);
    expect(await mostAtOnce(group(many(3, {})))).toBe(1);
  });
});

describe('H4: a graph without max_concurrency', () => {
  const wide = [...many(12, {}), { id: 'last', action: 't', depends_on: ['s0'] }];

  it.each<readonly [string, readonly PlainStep[]]>([
    ['at the top', wide],
    ['in a group', group(wide)],
  ])('H4: runs five steps at once: %s', async (_, steps) => {
    expect(await mostAtOnce(steps)).toBe(5);
  });

  it('H4: with it runs as many as it says, more or fewer', async () => {
    expect(await mostAtOnce(group(wide, { max_concurrency: 12 }))).toBe(12);
    expect(await mostAtOnce(group(wide, { max_concurrency: 2 }))).toBe(2);
  });

  it('H4: has its default in the documents', async () => {
    const reference = await readFile('docs/definition-reference.md', 'utf8');
    const rows = reference.split('\n').filter((line) => line.startsWith('| `max_concurrency`') && /graph/iu.test(line));
    expect(rows.map((row) => row.split('|')[3]?.trim())).toEqual(['5']);
    const language = await readFile('docs/definition-language.md', 'utf8');
    expect(language.split('\n').filter((line) => /graph/iu.test(line) && /\b(?:5|five)\b/iu.test(line))).not.toEqual(
      [],
    );
  });
});
