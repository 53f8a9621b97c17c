import { describe, expect, test } from 'vitest';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { JsonObject } from '../../src/core/json.ts';
import type { Step } from '../../src/definition/model.ts';
import { DEFAULT_PROTOCOL_SETTINGS, type ToolFacts } from '../../src/protocol/deps.ts';
import { deferredResult } from '../../src/protocol/results.ts';
import {
  describeWorkflow,
  findWorkflow,
  listTools,
  MAX_DESCRIPTION_CHARS,
  unmatchedExposure,
} from '../../src/protocol/tools.ts';
import { definitionOf, protocolDeps } from '../support/protocol-deps.ts';

const FACTS: { readonly [tool: string]: ToolFacts } = {
  read: { readOnly: true, openWorld: false },
  list: { readOnly: true },
  put: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  wipe: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
};

const deps = protocolDeps({ facts: (server, name) => (server === 'known' ? FACTS[name] : undefined) });

function tool(action: string, more: Partial<Step> = {}): Step {
  return { id: action, type: 'tool', server: 'known', action, ...more };
}

function hints(...steps: readonly Step[]): string {
  const { annotations } = describeWorkflow(definitionOf('w', { steps }), deps);
  return [
    annotations.readOnlyHint ? 'read-only' : 'writes',
    annotations.destructiveHint ? 'destructive' : 'additive',
    annotations.idempotentHint ? 'idempotent' : 'not idempotent',
    annotations.openWorldHint ? 'open' : 'closed',
  ].join(', ');
}

const WORST = 'writes, destructive, not idempotent, open';

describe('annotations are derived from the steps, fail-closed', () => {
  test('nothing but steering steps is harmless', () => {
    expect(hints({ id: 'a', type: 'set' })).toBe('read-only, additive, idempotent, closed');
  });

  test('read-only only if every tool is', () => {
    expect(hints(tool('read'))).toBe('read-only, additive, idempotent, closed');
    expect(hints(tool('read'), tool('put'))).toBe('writes, additive, idempotent, closed');
  });

  test('destructive and open-world if any tool is', () => {
    expect(hints(tool('read'), tool('wipe'))).toBe('writes, destructive, idempotent, closed');
    expect(hints(tool('read'), tool('list'))).toBe('read-only, additive, idempotent, open');
  });

  test.each([
    ['a tool nothing is known of', tool('mystery')],
    ['a server nothing is known of', tool('read', { server: 'other' })],
    ['a tool named by a template', tool('{{input.tool}}')],
    ['a tool without a name', { id: 'a', type: 'tool', server: 'known' }],
    ['a kind that runs code', { id: 'a', type: 'code' }],
    ['a kind nobody knows', { id: 'a', type: 'future' }],
    ['a child workflow that is not there', { id: 'a', type: 'workflow', workflow: 'gone' }],
  ] as [string, Step][])('%s counts as the worst', (_name, step) => {
    expect(hints(tool('read'), step)).toBe(WORST);
  });

  test('steps inside blocks, compensations, catches and finally count', () => {
    const group = { id: 'g', type: 'group', steps: [{ id: 'h', type: 'group', steps: [tool('wipe')] }] } as Step;
    expect(hints(group)).toContain('destructive');
    expect(hints(tool('read', { compensate: tool('wipe') }))).toContain('destructive');
    for (const more of [{ finally: [tool('wipe')] }, { catch: [{ steps: [tool('wipe')] }] }]) {
      expect(describeWorkflow(definitionOf('w', more), deps).annotations.destructiveHint).toBe(true);
    }
  });

  test('a child workflow counts with its steps, also when workflows call each other in a circle', () => {
    const circular = protocolDeps({ facts: deps.facts });
    const child = (workflow: string): Step => ({ id: 'c', type: 'workflow', workflow });
    circular.definitions.set(definitionOf('one', { steps: [child('two')] }));
    circular.definitions.set(definitionOf('two', { steps: [child('one'), tool('wipe')] }));
    const found = findWorkflow('one', circular);
    expect(found).toBeDefined();
    if (found === undefined) return;
    expect(describeWorkflow(found.definition, circular).annotations).toMatchObject({
      destructiveHint: true,
      openWorldHint: false,
    });
  });

  test("the author's word on idempotence counts for the step it stands on", () => {
    expect(hints(tool('mystery', { idempotent: true }))).toContain('idempotent, open');
    expect(hints(tool('put', { idempotent: false }))).toContain('not idempotent');
  });
});

describe('the list of tools', () => {
  test('own names cannot be taken by a workflow', () => {
    const some = protocolDeps();
    some.definitions.set(definitionOf('tasks_get', { description: 'mine' }));
    const same = listTools(some).filter((each) => each.name === 'tasks_get');
    expect(same).toHaveLength(1);
    expect(same[0]?.description).not.toBe('mine');
  });

  test('expose that names neither a workflow nor a tag is told', () => {
    const some = protocolDeps({
      settings: { ...DEFAULT_PROTOCOL_SETTINGS, expose: { names: ['a', 'gone'], tags: ['public', 'secret'] } },
    });
    some.definitions.set(definitionOf('a', { tags: ['public'] }));
    expect(unmatchedExposure(some)).toEqual(['gone', 'tag:secret']);
  });

  test('expose chooses by name or tag, for the list and for calls', () => {
    const settings = { ...DEFAULT_PROTOCOL_SETTINGS, expose: { names: ['a'], tags: ['public'] } };
    const some = protocolDeps({ settings });
    some.definitions.set(definitionOf('a'));
    some.definitions.set(definitionOf('b', { tags: ['public'] }));
    some.definitions.set(definitionOf('c', { tags: ['private'] }));
    expect(
      listTools(some)
        .map((each) => each.name)
        .filter((name) => !name.startsWith('tasks_')),
    ).toEqual(['a', 'b']);
    expect(findWorkflow('c', some)).toBeUndefined();
  });

  test('the compact form has two tools for all workflows, whatever their number', () => {
    const some = protocolDeps({ settings: { ...DEFAULT_PROTOCOL_SETTINGS, compact: true } });
    for (let index = 0; index < 50; index += 1) some.definitions.set(definitionOf(`w${index}`));
    expect(listTools(some).map((each) => each.name)).toEqual([
      'workflow_run',
      'workflow_search',
      'tasks_cancel',
      'tasks_get',
      'tasks_list',
      'tasks_result',
      'tasks_update',
    ]);
  });

  test('a description is cut at what hosts show, never in the middle of a character', () => {
    const long = `${'x'.repeat(MAX_DESCRIPTION_CHARS - 2)}😀😀`;
    const { description } = describeWorkflow(definitionOf('w', { description: long }), deps);
    expect(description).toBe(`${'x'.repeat(MAX_DESCRIPTION_CHARS - 2)}…`);
    expect(description.length).toBeLessThanOrEqual(MAX_DESCRIPTION_CHARS);
  });

  test('every own tool has a closed input schema, all four hints and a description that hosts show in full', () => {
    for (const each of listTools(protocolDeps())) {
      expect(each.inputSchema['additionalProperties']).toBe(false);
      expect(Object.keys(each.annotations)).toHaveLength(4);
      expect(each.description.length).toBeLessThanOrEqual(MAX_DESCRIPTION_CHARS);
    }
  });
});

describe('a published output schema admits the result and the handle of a run that goes on', () => {
  const HANDLE = deferredResult({
    taskId: 't',
    workflow: 'w',
    digest: 'd',
    principal: 'p',
    status: 'working',
    statusMessage: 'm',
    percent: 0,
    phases: [],
    createdAt: 0,
    lastUpdatedAt: 0,
    ttl: null,
    pollInterval: 1,
    inputs: [],
    rev: 1,
    warnings: [],
  }).structuredContent;

  const schemas: [string, JsonObject, JsonObject, JsonObject][] = [
    [
      'plain',
      { type: 'object', properties: { n: { type: 'number' } }, required: ['n'], additionalProperties: false },
      { n: 1 },
      { n: 'x' },
    ],
    ['open', { type: 'object', properties: { n: { type: 'number' } } }, { n: 1 }, { n: 'x' }],
    [
      'with references',
      { type: 'object', properties: { n: { $ref: '#/$defs/n' } }, required: ['n'], $defs: { n: { type: 'number' } } },
      { n: 1 },
      {},
    ],
    [
      'with conditions and references from its root',
      {
        type: 'object',
        properties: { n: { $ref: '#/$defs/n' }, next: { $ref: '#' } },
        minProperties: 1,
        allOf: [{ required: ['n'] }],
        $defs: { n: { type: 'number' } },
      },
      { n: 1, next: { n: 2 } },
      { n: 1, next: { n: 'x' } },
    ],
    [
      'with a property of its own called task',
      { type: 'object', properties: { task: { type: 'string' } }, required: ['task'], additionalProperties: false },
      { task: 'mine' },
      { task: 7 },
    ],
  ];

  test.each(schemas)('%s', (_name, own, good, bad) => {
    const published = describeWorkflow(definitionOf('w', { output_schema: own }), deps).outputSchema ?? {};
    expect(published['type']).toBe('object');
    const validate = new Ajv2020({ strict: false }).compile(published);
    expect([validate(good), validate(HANDLE), validate(bad)]).toEqual([true, true, false]);
  });

  test('it is the own schema, word for word, where no call can be deferred', () => {
    const own = { type: 'object', required: ['n'] };
    const published = (more: object, options = {}): unknown =>
      describeWorkflow(definitionOf('w', { output_schema: own, ...more }), deps, options).outputSchema;
    expect(published({ task: 'required' })).toStrictEqual(own);
    expect(published({}, { neverDeferred: true })).toStrictEqual(own);
    expect(published({ task: 'forbidden' }, { neverDeferred: true })).not.toEqual(own);
    expect(published({ timeout_seconds: 5 })).not.toEqual(own);
  });
});
