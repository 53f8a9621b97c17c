import { describe, expect, test } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';

function issuesOf(yaml: string): readonly string[] {
  return parseDefinition(`name: t\n${yaml}`, 't.yaml', stepSyntaxes).issues.map(
    ({ severity, code, message, hint }) => `${severity} ${code}: ${message}${hint === undefined ? '' : ` (${hint})`}`,
  );
}

function valueIssues(value: string): readonly string[] {
  return issuesOf(`
variables: { input: { list: [1], other: 2 } }
steps:
  - { id: first, type: set, values: { v: 1 } }
  - { id: check, type: set, values: { v: ${JSON.stringify(value)} } }
  - { id: later, type: set, values: { v: 1 } }
`);
}

describe('names inside {% %}', () => {
  test.each([
    '{% $sum(input.list) + first.output.v %}',
    '{% input.list[other = 1].anything %}',
    '{% $map(input.list, function($x) { $x.unknown & first.output.v }) %}',
    '{% input.list.{ "key": whatever } %}',
    '{% ($a := input.other; $a.deep) %}',
    '{% $$.nothing_known.here %}',
    '{% input.list^(>size) %}',
    '{% steps.first.output.v in [1, 2] ? variables.input.other : task.id %}',
  ])('%s is fine', (value) => {
    expect(valueIssues(value)).toEqual([]);
  });

  test.each([
    ['{% $summ(input.list) %}', '$summ is no function here; did you mean $sum?'],
    ['{% input.list ~> $mpa(?, $string) %}', '$mpa is no function here; did you mean $map?'],
    ['{% ($double := function($x) { $x * 2 }; $duoble(2)) %}', '$duoble is no function here; did you mean $double?'],
    ['{% first.output.$upper() %}', '$upper is no function here'],
  ])('%s calls a function that nobody has: an error', (value, message) => {
    const issues = valueIssues(value);
    expect(issues).toHaveLength(1);
    expect(issues[0]).toContain('error invalid_expression: ');
    expect(issues[0]).toContain(message);
  });

  test('a name that is not there is a warning with the name that was probably meant', () => {
    expect(valueIssues('{% frist.output.v + 1 %}')).toEqual([
      "warning unknown_step: step 'frist' unknown (did you mean 'first'?)",
    ]);
    expect(valueIssues('{% $map(input.list, function($x) { $x & inptu.other }) %}')).toEqual([
      "warning unknown_variable: 'inptu' unknown (did you mean 'input'?)",
    ]);
    expect(valueIssues('{% {"a": [input.lsit]} %}')).toEqual([
      "warning unknown_variable: 'variables.input.lsit' is not declared (did you mean 'list'?)",
    ]);
  });

  test('a step that has not run by then is a warning too', () => {
    expect(valueIssues('{% later.output.v %}')).toHaveLength(1);
    expect(valueIssues('{% later.output.v %}')[0]).toMatch(/^warning forward_reference: /);
  });
});

describe('error and failed_step', () => {
  test('outside of error handling they are a warning', () => {
    expect(valueIssues('{{error.message}}')).toEqual([
      "warning unknown_variable: 'error' is known while a failure is handled only (after a step it is `<id>.error`)",
    ]);
  });

  test.each([
    [
      'in a target',
      `steps:\n  - { id: a, server: s, action: x, on_error: h }\n  - { id: h, type: set, values: { v: '{{error.code}}' } }`,
    ],
    [
      'inside a target',
      `steps:\n  - { id: a, server: s, action: x, retry: { max_attempts: 2, on_fail: h } }\n  - { id: h, type: group, steps: [{ id: i, type: set, values: { v: '{{failed_step.id}}' } }] }`,
    ],
    [
      'in a catch of try',
      `steps:\n  - { id: t, type: try, steps: [{ id: a, server: s, action: x }], catch: [{ steps: [{ id: h, type: set, values: { v: '{{error.code}}' } }] }] }`,
    ],
    [
      'in the catch of the workflow',
      `steps: [{ id: a, server: s, action: x }]\ncatch: [{ steps: [{ id: h, type: set, values: { v: '{{error.code}}' } }] }]`,
    ],
    [
      'in the arguments of on_error',
      `steps:\n  - { id: a, server: s, action: x, on_error: { step: h, arguments: { v: '{{error.code}}' } } }\n  - { id: h, server: s, action: y }`,
    ],
  ])('%s they are in scope', (_where, yaml) => {
    expect(issuesOf(yaml)).toEqual([]);
  });
});

test('result reads the output of the workflow', () => {
  expect(
    issuesOf(
      `steps: [{ id: a, type: set, values: {} }]\nresult: { content: [{ type: text, text: 'x {{output.result}}' }], is_error: '{{output.bad}}' }`,
    ),
  ).toEqual([]);
  expect(issuesOf(`steps: [{ id: a, type: set, values: { v: '{{output.x}}' } }]`)).toHaveLength(1);
});

describe('what has run by then', () => {
  test('finally and catch of a try read its body; the body does not read them', () => {
    const yaml = (body: string): string => `steps:
  - id: t
    type: try
    steps: [{ id: a, server: s, action: x }${body}]
    catch: [{ steps: [{ id: c, type: set, values: { v: '{{a.status}}' } }] }]
    finally: [{ id: f, type: set, values: { v: '{{a.output}} {{c.output}}' } }]`;
    expect(issuesOf(yaml(''))).toEqual([]);
    expect(issuesOf(yaml(", { id: b, type: set, values: { v: '{{f.output}}' } }"))[0]).toMatch(
      /^warning forward_reference/,
    );
  });

  test('behind a loop its steps are readable, behind a foreach they are not', () => {
    const yaml = (block: string): string =>
      `steps:\n  - { id: l, ${block}, steps: [{ id: a, server: s, action: x }] }\n  - { id: b, type: set, values: { v: '{{a.output}}' } }`;
    expect(issuesOf(yaml('type: loop, max_iterations: 2'))).toEqual([]);
    expect(issuesOf(yaml('type: foreach, items: [1]'))[0]).toMatch(/^warning reference_into_scope/);
  });
});
