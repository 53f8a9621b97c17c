import { beforeAll, describe, expect, it } from 'vitest';
import { testFolder, type TestedWorkflow } from '../../support/checked-folder.ts';

const TOOL = 'server: s, action: a';
const FORM =
  'type: object, required: [n, size], properties: { n: { type: integer }, size: { type: string, enum: [S, L] } }';
const ASK = `{ id: ask, type: elicit, message: How many?, schema: { ${FORM} } }`;

/** A step after which the task ends successfully, inside each kind that holds steps. */
const ENDS = '[{ id: first, type: set, values: {} }, { id: end, type: succeed, output: { done: true } }]';
const HOLDERS: Readonly<Record<string, string>> = {
  group: `type: group, steps: ${ENDS}`,
  graph: `type: group, steps: [{ id: first, type: set, values: {} }, { id: end, type: succeed, output: { done: true }, depends_on: [first] }]`,
  parallel: `type: parallel, branches: { one: ${ENDS} }`,
  foreach: `type: foreach, items: [1], steps: ${ENDS}`,
  loop: `type: loop, max_iterations: 2, steps: ${ENDS}`,
  switch: `type: switch, cases: [{ when: '1 == 1', steps: ${ENDS} }]`,
  try: `type: try, steps: ${ENDS}`,
};

const DEFINITIONS: Record<string, string> = {
  person: `steps:
  - { id: ask, type: elicit, message: Go on?, schema: { type: object, properties: {} }, on_decline: continue, on_cancel: continue, on_timeout: continue }
output: { action: '{{ask.action}}' }
tests:
  - { name: input_timeout, mocks: { ask: { error: input_timeout } }, expect: { output: { action: timeout } } }
  - { name: input_cancelled, mocks: { ask: { error: input_cancelled } }, expect: { output: { action: cancel } } }
  - { name: input_declined, mocks: { ask: { error: input_declined } }, expect: { output: { action: decline } } }
  - { name: a sequence, mocks: { ask: { sequence: [{ error: input_timeout }] } }, expect: { output: { action: timeout } } }
  - { name: a message, mocks: { ask: { error: the line is down } }, expect: { output: { action: decline } } }
`,
  codes: `steps:
  - { id: call, ${TOOL}, on_error: after }
  - { id: child, type: workflow, workflow: other, on_error: after }
  - { id: after, type: set, values: {} }
output: { call: '{{call.error.code}}', child: '{{child.error.code}}' }
tests:
  - { name: timeout and transport, mocks: { call: { error: timeout }, child: { error: transport } }, expect: { output: { call: timeout, child: transport } } }
  - { name: messages, mocks: { call: { error: timeout of the gateway }, child: { error: no } }, expect: { output: { call: tool_error, child: child_failed } } }
`,
  form: `steps: [${ASK}]
tests:
  - { name: fits, mocks: { ask: { output: { n: 4, size: S } } }, expect: { output: { result: { n: 4, size: S } } } }
  - { name: type, mocks: { ask: { output: { n: many, size: S } } }, expect: {} }
  - { name: choice, mocks: { ask: { output: { n: 4, size: XL } } }, expect: {} }
  - { name: missing, mocks: { ask: { output: { size: S } } }, expect: {} }
  - { name: no form, mocks: { ask: { output: hello } }, expect: {} }
  - { name: in a sequence, mocks: { ask: { sequence: [{ output: { n: true, size: S } }] } }, expect: {} }
`,
  child: `input_schema: { type: object, properties: { name: { type: string } } }
output_schema: { type: object, required: [count], properties: { count: { type: integer } } }
steps: [{ id: c, type: set, values: { count: 1 } }]
output: { count: '{{c.output.count}}' }
`,
  parent: `steps: [{ id: sub, type: workflow, workflow: child, input: {} }]
output: { n: '{{sub.output.count}}' }
tests:
  - { name: fits, mocks: { sub: { output: { count: 3 } } }, expect: { output: { n: 3 } } }
  - { name: type, mocks: { sub: { output: { count: many } } }, expect: {} }
  - { name: missing, mocks: { sub: { output: { cuont: 3 } } }, expect: {} }
`,
  items: `steps:
  - id: each
    type: foreach
    items: [a, b, c]
    max_concurrency: 3
    on_item_error: collect
    steps:
      - { id: call, ${TOOL}, arguments: { v: '{{item}}' } }
output: { all: '{{each.output}}', failed: '{{each.failed}}' }
tests:
  - name: each item has its own answer
    mocks: { call: { items: { a: { output: for a }, b: { error: { code: busy } }, c: { output: for c } } } }
    expect: { output: { all: [for a, null, for c], failed: 1 } }
  - name: an item without an answer of its own has the one for all
    mocks: { call: { output: usual, items: { b: { output: for b } } } }
    expect: { output: { all: [usual, for b, usual], failed: 0 } }
`,
  overtaken: `steps:
  - id: each
    type: foreach
    items: [3, 2, 1]
    max_concurrency: 3
    steps:
      - { id: pause, type: wait, seconds: '{{item}}' }
      - { id: call, ${TOOL}, arguments: { v: '{{item}}' } }
output: { all: '{{each.output}}' }
tests:
  - name: answers by item, whoever came first
    mocks: { call: { items: { '3': { output: three }, '2': { output: two }, '1': { output: one } } } }
    expect: { output: { all: [three, two, one] } }
  - name: each item has a sequence of its own
    mocks: { call: { items: { '3': { sequence: [{ output: three }] }, '2': { output: two }, '1': { output: one } } } }
    expect: { output: { all: [three, two, one] } }
`,
  arrived: `steps:
  - id: each
    type: foreach
    items: [3, 2, 1]
    max_concurrency: 3
    steps:
      - { id: pause, type: wait, seconds: '{{item}}' }
      - { id: call, ${TOOL}, arguments: { v: '{{item}}' } }
output: { all: '{{each.output}}' }
tests:
  - name: arguments stand in the order of the items, whoever came first
    mocks: { call: { output: ok } }
    expect: { arguments: { call: [{ v: 3 }, { v: 2 }, { v: 1 }] } }
`,
  ...Object.fromEntries(
    Object.entries(HOLDERS).map(([name, keys]) => [
      `ends_in_${name}`,
      `steps:\n  - { id: holder, ${keys} }\ntests:\n  - { name: ends, expect: { output: { done: true } } }\n`,
    ]),
  ),
  fails_in_group: `steps:
  - { id: holder, type: group, steps: [{ id: end, type: fail, message: no }] }
  - { id: never, type: set, values: {} }
tests:
  - { name: ends, expect: { status: failed } }
`,
};

let tested: (name: string) => TestedWorkflow;
beforeAll(async () => {
  tested = await testFolder(DEFINITIONS);
});

/** What is wrong with the test of this name; nothing when it passed. */
function problemsOf(workflow: string, test: string): readonly string[] {
  const found = tested(workflow).tests.find(({ name }) => name === test);
  if (found === undefined) throw new Error(`no test '${test}'`);
  return found.problems;
}

describe('I2: a mocked error that is a word', () => {
  it.each(['input_timeout', 'input_cancelled', 'input_declined', 'a sequence', 'a message'])(
    'I2: of a question is what the person did: %s',
    (name) => {
      expect(problemsOf('person', name)).toEqual([]);
    },
  );

  it('I2: is an error code of the language, for a tool and a child as well', () => {
    expect(problemsOf('codes', 'timeout and transport')).toEqual([]);
  });

  it('I2: that is none of the codes is a message as before', () => {
    expect(problemsOf('codes', 'messages')).toEqual([]);
  });
});

describe('I3: a mock that the real thing could not have given', () => {
  it.each([
    ['type', 'n'],
    ['choice', 'size'],
    ['missing', 'n'],
    ['no form', 'ask'],
    ['in a sequence', 'n'],
  ])('I3: of a form (%s) fails its test and names step and field', (name, field) => {
    const text = problemsOf('form', name).join('\n');
    expect(text).toMatch(/\bask\b/u);
    expect(text).toMatch(new RegExp(String.raw`\b${field}\b`, 'u'));
  });

  it.each([
    ['type', 'count'],
    ['missing', 'count'],
  ])('I3: of a child (%s) fails its test and names step and member', (name, member) => {
    const text = problemsOf('parent', name).join('\n');
    expect(text).toMatch(/\bsub\b/u);
    expect(text).toMatch(new RegExp(String.raw`\b${member}\b`, 'u'));
  });

  it('I3: is told from one that fits', () => {
    expect([problemsOf('form', 'fits'), problemsOf('parent', 'fits')]).toEqual([[], []]);
  });
});

describe('I4: mocks and arguments of the items of a concurrent foreach', () => {
  it.each([
    ['items', 'each item has its own answer'],
    ['items', 'an item without an answer of its own has the one for all'],
    ['overtaken', 'answers by item, whoever came first'],
    ['overtaken', 'each item has a sequence of its own'],
    ['arrived', 'arguments stand in the order of the items, whoever came first'],
  ])('I4: %s: %s', (workflow, name) => {
    expect(problemsOf(workflow, name)).toEqual([]);
  });
});

describe('I5: coverage of what the end of the task cut short', () => {
  it.each(Object.keys(HOLDERS))('I5: a %s in which the task succeeded has run', (name) => {
    const { tests, coverage } = tested(`ends_in_${name}`);
    expect(tests[0]?.problems).toEqual([]);
    expect(coverage.steps.missing).toEqual([]);
  });

  it('I5: a group in which the task failed has run, and what comes after it has not', () => {
    expect(tested('fails_in_group').coverage.steps.missing).toEqual(['never']);
  });
});
