import { describe, expect, test } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { runDefinitionTests } from '../../../src/rehearsal/definition-test.ts';
import { stepKinds, stepSyntaxes } from '../../../src/steps/index.ts';

async function run(yaml: string) {
  const { loaded, issues } = parseDefinition(`name: t\n${yaml}`, 't.yaml', stepSyntaxes);
  if (loaded === undefined) throw new Error(issues.map((issue) => `${issue.line}: ${issue.message}`).join('\n'));
  return await runDefinitionTests(loaded.definition, stepKinds);
}

const TOOL = 'server: s, action: a';

describe('mocks', () => {
  test('an object is structured content, a text is text, a list of blocks is the content, and anything else is JSON as text', async () => {
    const { results } = await run(`
steps:
  - { id: object, ${TOOL} }
  - { id: words, ${TOOL} }
  - { id: blocks, ${TOOL} }
  - { id: list, ${TOOL} }
output: { a: '{{object.output.x}}', b: '{{words.text}}', c: '{{blocks.content[0].type}}', d: '{{list.text}}', e: '{{list.json[1]}}' }
tests:
  - name: all forms
    mocks:
      object: { output: { x: 1 } }
      words: { output: hello }
      blocks: { output: [{ type: image, data: AA==, mimeType: image/png }] }
      list: { output: [1, 2] }
    expect: { output: { a: 1, b: hello, c: image, d: '[1,2]', e: 2 } }
`);
    expect(results[0]?.problems).toEqual([]);
  });

  test('each attempt and each iteration takes the next of a sequence, and the last one stays', async () => {
    const { results } = await run(`
steps:
  - id: each
    type: foreach
    items: [a, b, c, d]
    steps:
      - { id: call, ${TOOL}, retry: { max_attempts: 2, delay_seconds: 3600 } }
output: { all: '{{each.output}}' }
tests:
  - name: one after the other
    mocks: { call: { sequence: [{ output: first }, { error: busy }, { output: second }, { output: last }] } }
    expect: { output: { all: [first, second, last, last] } }
`);
    expect(results[0]?.problems).toEqual([]);
  });

  test('an error without a code is what the kind calls a failure of its own', async () => {
    const { results } = await run(`
steps:
  - { id: tool, ${TOOL}, on_error: noted }
  - { id: child, type: workflow, workflow: other, on_error: noted }
  - { id: noted, type: set, values: {} }
output: { tool: '{{tool.error.code}}', flag: '{{tool.is_error}}', child: '{{child.error.code}}' }
tests:
  - name: codes
    mocks: { tool: { error: no }, child: { error: no } }
    expect: { output: { tool: tool_error, flag: true, child: child_failed } }
`);
    expect(results[0]?.problems).toEqual([]);
  });

  test('what a person does to a question is a code, and the routes of the step follow it', async () => {
    const { results } = await run(`
steps:
  - id: ask
    type: elicit
    message: Go on?
    schema: { type: object, properties: { ok: { type: boolean } } }
    on_decline: no
    on_timeout: continue
  - { id: no, type: set, values: {} }
output: { action: '{{ask.action}}' }
tests:
  - { name: yes, mocks: { ask: { output: { ok: true } } }, expect: { output: { action: accept }, not_called: [no] } }
  - { name: no, mocks: { ask: { error: { code: input_declined } } }, expect: { output: { action: decline }, called: [no] } }
  - { name: nobody, mocks: { ask: { error: { code: input_timeout } } }, expect: { output: { action: timeout } } }
  - { name: closed, mocks: { ask: { error: { code: input_cancelled } } }, expect: { error: input_cancelled } }
`);
    expect(results.map(({ problems }) => problems)).toEqual([[], [], [], []]);
  });

  test('a model answers with its mock, checked against the schema of the step', async () => {
    const { results } = await run(`
steps:
  - { id: ask, type: llm, prompt: 'Rate it', schema: { type: object, properties: { stars: { type: integer } }, required: [stars] } }
tests:
  - { name: fits, mocks: { ask: { output: { stars: 4 } } }, expect: { output: { result: { stars: 4 } } } }
  - { name: does not fit, mocks: { ask: { output: many } }, expect: { error: invalid_output } }
`);
    expect(results.map(({ problems }) => problems)).toEqual([[], []]);
  });

  test('a mocked block is replaced as a whole', async () => {
    const { results } = await run(`
steps:
  - { id: both, type: group, steps: [{ id: inner, ${TOOL} }] }
tests:
  - { name: whole, mocks: { both: { output: { inner: 7 } } }, expect: { output: { result: { inner: 7 } }, not_called: [inner] } }
`);
    expect(results[0]?.problems).toEqual([]);
  });
});

describe('what a test asks for', () => {
  const STEPS = `
variables: { input: { who: you } }
steps:
  - { id: first, ${TOOL}, arguments: { name: '{{input.who}}' } }
  - { id: second, type: set, when: "{{first.text}} == 'yes'", values: { done: true } }
  - { id: third, ${TOOL}, retry: { max_attempts: 2 } }
output: { last: '{{third.output}}' }
`;
  const problemsOf = async (tests: string) => (await run(`${STEPS}tests:\n${tests}`)).results.map((r) => r.problems);
  const MOCKS = 'mocks: { first: { output: yes }, third: { output: 3 } }';

  test('each kind of expectation passes and fails for its own reason', async () => {
    expect(
      await problemsOf(`
  - { name: good, ${MOCKS}, expect: { status: completed, output: { last: '3' }, called: [first], not_called: [], order: [first, second, third], arguments: { first: { name: you } } } }
  - { name: status, ${MOCKS}, expect: { status: failed } }
  - { name: output, ${MOCKS}, expect: { output: { last: '4' } } }
  - { name: part, ${MOCKS}, expect: { output_includes: { other: 1 } } }
  - { name: called, mocks: { first: { output: no }, third: { output: 3 } }, expect: { called: [second] } }
  - { name: not called, ${MOCKS}, expect: { not_called: [second] } }
  - { name: order, ${MOCKS}, expect: { order: [third, first] } }
  - { name: order and more, mocks: { first: { output: no }, third: { output: 3 } }, expect: { order: [third, first], called: [second] } }
  - { name: arguments, ${MOCKS}, expect: { arguments: { first: { name: me } } } }
  - { name: number of calls, ${MOCKS}, expect: { arguments: { third: [{}, {}] } } }
`),
    ).toEqual([
      [],
      ['expected it to fail; it completed'],
      ['output.last: expected "4", found "3"'],
      ['output.other: expected 1, found nothing'],
      ["step 'second' did not run"],
      ["step 'second' ran"],
      ['expected the order third, first; it was first, third'],
      ["step 'second' did not run", 'expected the order third, first; it was first, third'],
      ['first.name: expected "me", found "you"'],
      ["expected 2 call(s) of 'third', found 1"],
    ]);
  });

  test('a failure is asked for by code, by text, or by code, message and step', async () => {
    const mocks = 'mocks: { first: { output: yes }, third: { error: { code: transport, message: Connection lost } } }';
    expect(
      await problemsOf(`
  - { name: code, ${mocks}, expect: { error: transport } }
  - { name: text, ${mocks}, expect: { error: connection lost } }
  - { name: parts, ${mocks}, expect: { error: { code: transport, step: third, message: lost } } }
  - { name: other, ${mocks}, expect: { error: { code: timeout } } }
  - { name: silent, ${mocks}, expect: {} }
`),
    ).toEqual([
      [],
      [],
      [],
      ["expected the error's code to be timeout, found (transport): Connection lost"],
      ["expected it to complete; step 'third' failed (transport): Connection lost"],
    ]);
  });

  test('a call without a mock is named, whatever else the test expects', async () => {
    expect(
      await problemsOf(`
  - { name: none, expect: { status: failed } }
`),
    ).toEqual([["step 'first' would call s.a: give it a mock"]]);
  });

  test('arguments that the schema refuses are a failure, and nothing runs', async () => {
    expect(
      await problemsOf(`
  - { name: wrong, input: { who: 5 }, expect: { error: invalid_arguments, not_called: [first] } }
`),
    ).toEqual([[]]);
  });
});

test('a day of waiting takes no time and counts as a day', async () => {
  const { results } = await run(`
steps:
  - { id: pause, type: wait, seconds: 86400 }
  - { id: until, type: wait, until: '2026-01-03T00:00:00Z' }
timeout_seconds: 100000
tests:
  - { name: late, expect: { error: timeout } }
`);
  expect(results[0]?.problems).toEqual([]);
});

test('coverage counts steps that ran and ways that were taken, over all tests', async () => {
  const { coverage } = await run(`
variables: { input: { x: 1 } }
steps:
  - { id: maybe, type: set, when: '{{input.x}} > 5', values: {} }
  - id: choice
    type: switch
    cases: [{ when: '{{input.x}} == 1', steps: [{ id: one, type: set, values: {} }] }, { when: '{{input.x}} == 2', steps: [{ id: two, type: set, values: {} }] }]
  - { id: check, ${TOOL}, on_error: rescue }
  - { id: rescue, type: set, values: {} }
  - { id: good, type: set, values: {} }
conditionals: { fine: { condition: "{{check.status}} == 'completed'", if_true: [good] } }
tests:
  - { name: one, mocks: { check: { output: ok } }, expect: {} }
  - { name: none, input: { x: 9 }, mocks: { check: { output: ok } }, expect: {} }
`);
  expect(coverage.steps).toEqual({ total: 7, covered: 5, missing: ['two', 'rescue'] });
  expect(coverage.branches.missing).toEqual(['choice: cases[1]', 'check: failed', 'conditional fine: false']);
  expect(coverage.branches).toMatchObject({ total: 8, covered: 5 });
});
