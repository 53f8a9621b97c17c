import { describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/core/json.ts';
import type { InputRequest } from '../../../src/engine/journal.ts';
import { EngineWorld, structured, toolError } from '../../support/engine-world.ts';
import { Crash } from '../../support/memory-journal.ts';
import { yamlDefinition } from '../../support/yaml-definition.ts';

const INPUT = 'variables: { input: { o: { a: 1, b: [2] }, none: null, empty: "", no: false, zero: 0, list: [1] } }\n';

/** What the one call of a tool got, and the warnings of the task. */
async function callOf(yaml: string): Promise<{ readonly args: JsonValue; readonly warnings: readonly string[] }> {
  const world = new EngineWorld();
  const end = await world.run(yamlDefinition(`${INPUT}${yaml}`));
  expect(end.outcome.failure).toBeUndefined();
  return { args: world.downstream.calls[0]?.args ?? null, warnings: end.warnings };
}
const call = (args: string): string => `steps:\n  - { id: s, server: s, action: c, arguments: ${args} }\n`;

describe('E7: the input of a child as one template', () => {
  it.each([
    ['a template', "'{{input.o}}'", { a: 1, b: [2] }],
    ['an expression', `"{% $merge([input.o, {'a': 3}]) %}"`, { a: 3, b: [2] }],
    ["a step's output", "'{{made.output}}'", { x: 1 }],
  ])('E7: %s: passes the object on', async (_what, input, expected) => {
    const world = new EngineWorld();
    const end = await world.run(
      yamlDefinition(
        `${INPUT}steps:\n  - { id: made, type: set, values: { x: 1 } }\n  - { id: sub, type: workflow, workflow: child, input: ${input} }\n`,
      ),
    );
    expect(end.outcome.failure).toBeUndefined();
    expect(world.children.map((child) => child.input)).toEqual([expected]);
  });

  it.each([
    ['a list', "'{{input.list}}'"],
    ['nothing', "'{{input.none}}'"],
    ['a text', "'{{input.empty}}'"],
  ])('E7: one that turns out to be %s fails the step and starts no child', async (_what, input) => {
    const world = new EngineWorld();
    const end = await world.run(
      yamlDefinition(`${INPUT}steps:\n  - { id: sub, type: workflow, workflow: child, input: ${input} }\n`),
    );
    expect(end.outcome).toMatchObject({ failure: { code: 'invalid_arguments', step: 'sub' } });
    expect(world.children).toEqual([]);
  });
});

describe('E7: omit', () => {
  it.each([
    ['a path that leads to nothing', "{ a: '{{input.o.x | omit}}', b: 1 }", { b: 1 }],
    ['an argument without a value', "{ a: '{{input.none | omit}}', b: 1 }", { b: 1 }],
    ['at any depth', "{ in: { a: '{{input.none | omit}}', b: 1 } }", { in: { b: 1 } }],
    ['inside a list', "{ l: ['{{input.none | omit}}', { a: '{{input.none | omit}}' }, 3] }", { l: [{}, 3] }],
    ['beside an expression', "{ a: '{{input.none | omit}}', b: '{% 1 + 1 %}' }", { b: 2 }],
    ['after another filter', "{ a: '{{input.none | upper | omit}}', b: 1 }", { b: 1 }],
    ['a value that is there', "{ a: '{{input.o.a | omit}}' }", { a: 1 }],
    [
      'false, zero and an empty text, which are values',
      "{ a: '{{input.no | omit}}', b: '{{input.zero | omit}}', c: '{{input.empty | omit}}' }",
      { a: false, b: 0, c: '' },
    ],
    ['after a default', "{ a: '{{input.none | default: 5 | omit}}' }", { a: 5 }],
  ])('E7: %s', async (_what, args, expected) => {
    expect(await callOf(call(args))).toEqual({ args: expected, warnings: [] });
  });

  it('E7: leaves a key out of values, of the input of a child and of the output as well', async () => {
    const world = new EngineWorld();
    const end = await world.run(
      yamlDefinition(
        `${INPUT}steps:\n  - { id: v, type: set, values: { a: '{{input.none | omit}}', b: 1 } }\n  - { id: sub, type: workflow, workflow: child, input: { a: '{{input.none | omit}}', b: 1 } }\noutput: { v: '{{v.output}}', a: '{{input.none | omit}}' }\n`,
      ),
    );
    expect(world.children.map((child) => child.input)).toEqual([{ b: 1 }]);
    expect(end.outcome).toMatchObject({ kind: 'result' });
    expect(end.outcome.kind === 'result' ? end.outcome.output : null).toEqual({ v: { b: 1 } });
  });

  it('E7: is no failure of a strict definition', async () => {
    expect(await callOf(`strict: true\n${call("{ a: '{{input.o.x | omit}}', b: 1 }")}`)).toMatchObject({
      args: { b: 1 },
    });
  });
});

describe('E8: what a foreach says of its items', () => {
  const each = (items: string): string =>
    `steps:\n  - { id: each, type: foreach, items: ${items}, on_item_error: collect, steps: [{ id: s, server: s, action: t, arguments: { v: '{{item}}' } }] }\noutput: { items: '{{each.items}}', failures: '{{each.failures}}', failed: '{{each.failed}}' }\n`;
  const failing = (): EngineWorld => {
    const world = new EngineWorld();
    world.downstream.tools['t'] = ({ v }) => (v === 2 || v === 'b' ? toolError('two') : structured({ v: v ?? null }));
    return world;
  };
  const outputOf = async (yaml: string, world = failing()): Promise<JsonObject> => {
    const { outcome } = await world.run(yamlDefinition(yaml));
    expect(outcome.failure).toBeUndefined();
    return outcome.kind === 'result' && isJsonObject(outcome.output) ? outcome.output : {};
  };
  const ITEMS = [
    { index: 0, item: 1, status: 'completed', output: { v: 1 }, error: null },
    { index: 1, item: 2, status: 'failed', output: null, error: { code: 'tool_error', message: 'two' } },
    { index: 2, item: 3, status: 'completed', output: { v: 3 }, error: null },
  ];

  it('E8: each of .items has its item, .failures are those that failed, .failed is still their number', async () => {
    const output = await outputOf(each('[1, 2, 3]'));
    expect(output).toMatchObject({ items: ITEMS, failed: 1 });
    expect(output['failures']).toMatchObject([ITEMS[1]]);
    expect(output['failures']).toHaveLength(1);
  });

  it('E8: an item of an object is its key and value, and one under another name is an item too', async () => {
    const keyed = await outputOf(each('{ x: 1, y: 2 }').replace("{ v: '{{item}}' }", "{ v: '{{item.value}}' }"));
    expect(keyed).toMatchObject({
      items: [{ item: { key: 'x', value: 1 } }, { item: { key: 'y', value: 2 } }],
      failures: [{ index: 1, item: { key: 'y', value: 2 } }],
    });
    const other = await outputOf(each('[a, b]').replace('on_item', 'as: it, on_item').replace('{{item}}', '{{it}}'));
    expect(other).toMatchObject({ items: [{ item: 'a' }, { item: 'b' }], failures: [{ item: 'b' }] });
  });

  it('E8: without a failure the list of failures is empty', async () => {
    expect(await outputOf(each('[1, 3]'))).toMatchObject({ failures: [], failed: 0 });
  });

  it('E8: the items are those that it began with, after a crash and a change of the variable as well', async () => {
    const yaml = `variables: { global: { list: [1, 2, 3] } }\n${each("'{{variables.global.list}}'").replace('{ id: s,', '{ id: w, type: set, assign: { variables.global.list: [9] } }, { id: s,')}`;
    const definition = yamlDefinition(yaml);
    const calm = failing();
    await calm.run(definition);
    for (let at = 1; at <= calm.journal.appends; at += 1) {
      const world = failing();
      await expect(world.run(definition, { crash: { at, when: 'after' } })).rejects.toThrow(Crash);
      expect(await outputOf(yaml, world)).toMatchObject({ items: ITEMS, failures: [{ index: 1, item: 2 }] });
    }
  });
});

const SCHEMA = '{ type: object, properties: { n: { type: integer } }, required: [n] }';
const LLM = `steps:\n  - { id: turn, type: llm, prompt: Count, schema: ${SCHEMA}, retry: { max_attempts: 2 } }\n`;

function answering(answers: readonly string[]): { readonly world: EngineWorld; readonly asked: InputRequest[] } {
  const world = new EngineWorld();
  const asked: InputRequest[] = [];
  world.autoAnswer = (request) => {
    asked.push(request);
    return {
      role: 'assistant',
      content: { type: 'text', text: answers[Math.min(asked.length, answers.length) - 1] ?? '' },
    };
  };
  return { world, asked };
}

describe('E9: an answer of a model', () => {
  it.each([
    ['after a sentence', 'Here is the result:\n{"n": 3}'],
    ['before a sentence', '{"n": 3}\nLet me know if you need more.'],
    ['in a fenced block between sentences', 'Sure!\n```json\n{"n": 3}\n```\nHope this helps.'],
    ['in a fenced block after a sentence', 'Sure!\n\n```\n{"n": 3}\n```'],
    ['after a sentence with braces of its own', 'The set {a, b} has this size: {"n": 3}'],
    ['over several lines', 'Result:\n{\n  "n": 3\n}\n'],
    ['with braces inside its texts', 'Result: {"n": 3, "why": "{ is a brace, \\"}\\" too"}'],
  ])('E9: that has its JSON %s is read', async (_what, answer) => {
    const { world } = answering([answer]);
    await world.run(yamlDefinition(LLM));
    expect(world.result('turn')).toMatchObject({ status: 'completed', attempts: 1, output: { n: 3 } });
  });

  it('E9: that is a list after a sentence is read as one', async () => {
    const { world } = answering(['The numbers are:\n[1, 2]']);
    await world.run(yamlDefinition(LLM.replace(SCHEMA, '{ type: array, items: { type: integer } }')));
    expect(world.result('turn')?.output).toEqual([1, 2]);
  });

  it.each([
    ['does not fit', '{"n": "three"}', /n\b[^]*(?:integer|number)/u],
    ['lacks a member', '{"m": 3}', /\bn\b[^]*missing/u],
    ['is no JSON', 'There are three.', /JSON/u],
  ])('E9: that %s: the next turn shows the model its answer and says what was wrong', async (_what, wrong, says) => {
    const { world, asked } = answering([wrong, '{"n": 3}']);
    await world.run(yamlDefinition(LLM));
    expect(world.result('turn')).toMatchObject({ attempts: 2, output: { n: 3 } });
    const [first, second] = asked.map(({ params }) => JSON.stringify(params['messages']));
    expect(first).not.toContain(JSON.stringify(wrong).slice(1, -1));
    expect(second).toContain(JSON.stringify(wrong).slice(1, -1));
    const messages = asked[1]?.params['messages'];
    const last: JsonValue = Array.isArray(messages) ? (messages.at(-1) ?? null) : null;
    expect(last).toMatchObject({ role: 'user' });
    expect(JSON.stringify(last)).toMatch(says);
  });

  it('E9: the repairing turn is the same after a crash', async () => {
    const definition = yamlDefinition(LLM);
    const calm = answering(['{"n": "three"}', '{"n": 3}']);
    await calm.world.run(definition);
    expect(JSON.stringify(calm.asked[1]?.params)).toContain('three');
    for (let at = 1; at <= calm.world.journal.appends; at += 1) {
      const { world, asked } = answering(['{"n": "three"}', '{"n": 3}']);
      await expect(world.run(definition, { crash: { at, when: 'after' } })).rejects.toThrow(Crash);
      await world.run(definition);
      expect(asked.map(({ params }) => params)).toEqual(calm.asked.map(({ params }) => params));
    }
  });
});
