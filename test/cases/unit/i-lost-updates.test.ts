import { describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/core/json.ts';
import type { Definition } from '../../../src/definition/model.ts';
import { EngineWorld } from '../../support/engine-world.ts';
import { Crash } from '../../support/memory-journal.ts';
import { yamlDefinition } from '../../support/yaml-definition.ts';

const LETTERS = ['a', 'b', 'c', 'd', 'e'];

async function outputOf(definition: Definition, at: EngineWorld = new EngineWorld()): Promise<JsonObject> {
  const { outcome } = await at.run(definition);
  if (outcome.kind !== 'result' || outcome.failure !== undefined) throw new Error(JSON.stringify(outcome));
  return isJsonObject(outcome.output) ? outcome.output : {};
}

/** A list or a text without the order of its entries: which branch comes first is nobody's promise. */
function sorted(value: JsonValue | undefined): JsonValue {
  if (typeof value === 'string') return value.split('').toSorted().join('');
  return Array.isArray(value) ? value.toSorted((a, b) => (String(a) < String(b) ? -1 : 1)) : (value ?? null);
}

function unordered(output: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(output).map(([key, value]) => [key, sorted(value)]));
}

const COLLECT = `{ id: s, type: set, assign: { variables.global.all: '{% $append(variables.global.all, [item]) %}', variables.global.n: '{% variables.global.n + 1 %}' } }`;
const GROW = `{ id: s, type: set, assign: { variables.global.text: '{{variables.global.text}}{{item}}' } }`;
const FROM = 'variables: { global: { all: [], n: 0, text: "" } }\n';
const GIVES = 'output: { all: "{{variables.global.all}}", n: "{{variables.global.n}}" }\n';
const GIVES_TEXT = 'output: { text: "{{variables.global.text}}" }\n';

const up = (id: string): string =>
  `{ id: ${id}, type: set, assign: { variables.global.n: '{% variables.global.n + 1 %}', variables.global.text: '{{variables.global.text}}${id}' } }`;
const foreach = (steps: string, more = ''): string =>
  `  - { id: each, type: foreach, items: [a, b, c, d, e], max_concurrency: 5, ${more} steps: [${steps}] }\n`;

const CASES: readonly { readonly where: string; readonly yaml: string; readonly output: JsonObject }[] = [
  {
    where: 'items of a foreach, with JSONata',
    yaml: `${FROM}steps:\n${foreach(COLLECT)}${GIVES}`,
    output: { all: LETTERS, n: 5 },
  },
  {
    where: 'items of a foreach, with plain templates',
    yaml: `${FROM}steps:\n${foreach(GROW)}${GIVES_TEXT}`,
    output: { text: 'abcde' },
  },
  {
    where: 'items of a foreach that come to it after calls',
    yaml: `${FROM}steps:\n${foreach(`{ id: c, server: s, action: call, arguments: { v: '{{item}}' } }, ${COLLECT}`)}${GIVES}`,
    output: { all: LETTERS, n: 5 },
  },
  {
    where: 'items of a foreach of which each writes several times',
    yaml: `${FROM}steps:\n${foreach(`${up('x')}, ${up('y')}, ${up('z')}`)}output: { n: '{{variables.global.n}}', text: '{{variables.global.text}}' }\n`,
    output: { n: 15, text: 'xxxxxyyyyyzzzzz' },
  },
  {
    where: 'tasks of a parallel',
    yaml: `${FROM}steps:\n  - { id: p, type: parallel, tasks: [${['v', 'w', 'x', 'y'].map(up).join(', ')}] }\noutput: { n: '{{variables.global.n}}', text: '{{variables.global.text}}' }\n`,
    output: { n: 4, text: 'vwxy' },
  },
  {
    where: 'branches of a parallel with several steps',
    yaml: `${FROM}steps:\n  - { id: p, type: parallel, branches: { one: [${up('a')}, ${up('b')}], two: [${up('c')}, ${up('d')}], three: [${up('e')}] } }\noutput: { n: '{{variables.global.n}}', text: '{{variables.global.text}}' }\n`,
    output: { n: 5, text: 'abcde' },
  },
  {
    where: 'steps of a group that is a graph',
    yaml: `${FROM}steps:\n  - { id: g, type: group, steps: [${['a', 'b', 'c', 'd'].map(up).join(', ')}, { id: last, type: set, values: {}, depends_on: [a, b, c, d] }] }\noutput: { n: '{{variables.global.n}}', text: '{{variables.global.text}}' }\n`,
    output: { n: 4, text: 'abcd' },
  },
  {
    where: 'steps of a workflow that is a graph',
    yaml: `${FROM}steps: [${['a', 'b', 'c', 'd'].map(up).join(', ')}, { id: last, type: set, values: {}, depends_on: [a, b, c, d] }]\noutput: { n: '{{variables.global.n}}', text: '{{variables.global.text}}' }\n`,
    output: { n: 4, text: 'abcd' },
  },
  {
    where: 'a foreach inside the branches of a parallel',
    yaml: `${FROM}steps:\n  - id: p\n    type: parallel\n    branches:\n      one: [{ id: e1, type: foreach, items: [1, 2, 3], max_concurrency: 3, steps: [${up('a')}] }]\n      two: [{ id: e2, type: foreach, items: [1, 2, 3], max_concurrency: 3, steps: [${up('b')}] }]\noutput: { n: '{{variables.global.n}}', text: '{{variables.global.text}}' }\n`,
    output: { n: 6, text: 'aaabbb' },
  },
  {
    where: 'items of a foreach whose set can be undone',
    yaml: `${FROM}steps:\n${foreach(COLLECT.replace(', assign', ', compensate: { id: undo, type: set, values: {} }, assign'))}${GIVES}`,
    output: { all: LETTERS, n: 5 },
  },
  {
    where: 'items of a foreach that write what the result of the task is, and what is kept for the next run',
    yaml: `variables: { output: { n: 0 }, saved: { n: 0 } }\nsteps:\n${foreach(`{ id: s, type: set, assign: { variables.output.n: '{% variables.output.n + 1 %}', variables.saved.n: '{% variables.saved.n + 1 %}' } }`)}output: { n: '{{variables.output.n}}', saved: '{{saved.n}}' }\n`,
    output: { n: 5, saved: 5 },
  },
  {
    where: 'items of a foreach that write through save_output_to',
    yaml: `variables: { global: { c: { n: 0 } } }\nsteps:\n${foreach(`{ id: s, type: set, values: { n: '{% variables.global.c.n + 1 %}' }, save_output_to: variables.global.c }`)}output: { n: '{{variables.global.c.n}}' }\n`,
    output: { n: 5 },
  },
];

describe('I1: a variable that a set reads and writes', () => {
  it.each(CASES.map(({ where, yaml, output }) => [where, yaml, output] as const))(
    'I1: %s: no update is lost',
    async (_where, yaml, output) => {
      expect(unordered(await outputOf(yamlDefinition(yaml)))).toEqual(output);
    },
  );

  it('I1: the values of a set are those that it wrote: every branch saw a number of its own', async () => {
    const step = `{ id: s, type: set, values: { n: '{% variables.global.n + 1 %}' }, assign: { variables.global.n: '{% variables.global.n + 1 %}' } }`;
    const yaml = `${FROM}steps:\n${foreach(step)}output: { seen: '{% each.output.n %}', n: '{{variables.global.n}}' }\n`;
    expect(unordered(await outputOf(yamlDefinition(yaml)))).toEqual({ seen: [1, 2, 3, 4, 5], n: 5 });
  });
});

describe('I1: append, add and merge', () => {
  it('I1: append puts one entry at the end of a list, add counts, merge lays members over, among branches too', async () => {
    const step = `{ id: s, type: set, append: { variables.global.all: '{{item}}' }, add: { variables.global.n: 2 }, merge: { variables.global.by: '{% { item: item_index } %}' } }`;
    const yaml = `variables: { global: { all: [first], n: 0.5, by: { a: old, z: kept } } }\nsteps:\n${foreach(step)}output: { all: '{{variables.global.all}}', n: '{{variables.global.n}}', by: '{{variables.global.by}}' }\n`;
    expect(unordered(await outputOf(yamlDefinition(yaml)))).toEqual({
      all: [...LETTERS, 'first'],
      n: 10.5,
      by: { a: 0, b: 1, c: 2, d: 3, e: 4, z: 'kept' },
    });
  });

  it('I1: they begin with an empty list, zero and an empty object where there is nothing yet', async () => {
    const step = `{ id: s, type: set, append: { variables.output.all: '{{item}}' }, add: { variables.output.n: '{{item_index}}' }, merge: { variables.output.by: { x: '{{item_index}}' } } }`;
    const yaml = `steps:\n${foreach(step).replace('max_concurrency: 5, ', '')}`;
    expect(await outputOf(yamlDefinition(yaml))).toEqual({ all: LETTERS, n: 10, by: { x: 4 } });
  });

  it('I1: a value of append that is a list is one entry', async () => {
    const yaml = `steps:\n  - { id: s, type: set, append: { variables.output.rows: [1, 2] } }\n  - { id: t, type: set, append: { variables.output.rows: [3] } }\n`;
    expect(await outputOf(yamlDefinition(yaml))).toEqual({ rows: [[1, 2], [3]] });
  });

  it('I1: values read what was there before the set, whatever the set writes', async () => {
    const yaml = `variables: { global: { n: 1 } }\nsteps:\n  - { id: s, type: set, values: { before: '{{variables.global.n}}' }, add: { variables.global.n: 4 } }\noutput: { before: '{{s.output.before}}', n: '{{variables.global.n}}' }\n`;
    expect(await outputOf(yamlDefinition(yaml))).toEqual({ before: 1, n: 5 });
  });

  it.each([
    ['append to what is no list', `append: { variables.global.text: x }`],
    ['add to what is no number', `add: { variables.global.all: 1 }`],
    ['add what is no number', `add: { variables.global.n: [] }`],
    ['merge into what is no object', `merge: { variables.global.all: { x: 1 } }`],
    ['merge what is no object', `merge: { variables.global.new: 7 }`],
  ])('I1: %s fails the step, and nothing of it is written', async (_what, wrong) => {
    const yaml = `variables: { global: { all: [], n: 0, text: hello } }\nsteps:\n  - { id: s, type: set, assign: { variables.global.other: written }, ${wrong}, on_error: after }\n  - { id: after, type: set, values: {} }\noutput: { status: '{{s.status}}', other: "{{variables.global.other | default: 'nothing'}}", n: '{{variables.global.n}}' }\n`;
    expect(await outputOf(yamlDefinition(yaml))).toEqual({ status: 'failed', other: 'nothing', n: 0 });
  });
});

/** The outcome after a crash at every append of a calm run, before and after it was applied. */
async function afterEveryCrash(definition: Definition): Promise<readonly JsonObject[]> {
  const calm = new EngineWorld();
  await calm.run(definition);
  const outputs: JsonObject[] = [];
  for (let at = 1; at <= calm.journal.appends; at += 1) {
    for (const when of ['before', 'after'] as const) {
      const made = new EngineWorld();
      await expect(made.run(definition, { crash: { at, when } })).rejects.toThrow(Crash);
      outputs.push(unordered(await outputOf(definition, made)));
    }
  }
  return outputs;
}

describe('I1: over a crash', () => {
  const call = `{ id: c, server: s, action: call, arguments: { v: '{{item}}' } }`;
  it.each([
    ['a set between calls', `${call}, ${COLLECT}, { id: d, server: s, action: call, arguments: { v: '{{item}}' } }`],
    [
      'a set that can be undone',
      `${call}, ${COLLECT.replace(', assign', ', compensate: { id: undo, type: set, values: {} }, assign')}`,
    ],
    [
      'append and add',
      `${call}, { id: s, type: set, append: { variables.global.all: '{{item}}' }, add: { variables.global.n: 1 } }`,
    ],
  ])('I1: %s counts once for each item, wherever the process died', async (_what, steps) => {
    const outputs = await afterEveryCrash(yamlDefinition(`${FROM}steps:\n${foreach(steps)}${GIVES}`));
    expect(outputs.length).toBeGreaterThan(4);
    for (const output of outputs) expect(output).toEqual({ all: LETTERS, n: 5 });
  });
});
