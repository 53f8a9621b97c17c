import { describe, expect, it } from 'vitest';
import { StepFailure } from '../../../src/core/failure.ts';
import { evaluateCondition, evaluateConditionValue } from '../../../src/definition/expression/condition.ts';
import { conditionReferences } from '../../../src/definition/expression/references.ts';
import { namesOf } from '../../support/names.ts';

const blocks = [
  { type: 'text', text: 'found: Expected Text here' },
  { type: 'image', data: '', mimeType: 'image/png' },
];
const names = namesOf({
  input: {
    n: 3,
    text: '3',
    flag: true,
    off: false,
    word: 'alpha',
    empty: '',
    none: null,
    list: ['a', 4],
    map: { k: 'v' },
  },
  shot: { output: blocks, status: 'completed', attempts: 1, text: 'found: Expected Text here' },
  check: { output: { verdict: 'Error: down' }, status: 'completed', attempts: 1, text: 'free words' },
  each: { output: ['axb', 'c'], status: 'completed', attempts: 1, text: '["axb","c"]' },
});

function test(condition: string): boolean {
  return evaluateCondition(condition, names, () => undefined);
}

function refusal(condition: string): string {
  try {
    test(condition);
  } catch (error) {
    if (error instanceof StepFailure && error.failure.code === 'condition_error') return error.failure.message;
    throw error;
  }
  throw new Error(`'${condition}' was not refused`);
}

describe('evaluateCondition', () => {
  it.each<[string, boolean]>([
    ['{{input.n}} == 3', true],
    ["{{input.n}} == '3'", true],
    ['{{input.text}} == 3', true],
    ["'{{input.n}}' == 3", true],
    ["{{input.n}} == '3.0'", true],
    ["{{input.text}} == '3.0'", false],
    ["{{input.flag}} == 'true'", false],
    ['{{input.flag}} == true', true],
    ['{{input.off}} == 0', false],
    ['{{input.none}} == null', true],
    ["{{input.none}} == ''", false],
    ["{{input.word}} != 'beta'", true],
    ['{{input.map}} == {{input.map}}', true],
    ['{{input.map}} == {{input.list}}', false],
  ])('equality is strict by type, but a number equals a text that reads as it: %s is %s', (condition, expected) => {
    expect(test(condition)).toBe(expected);
  });

  it.each<[string, boolean]>([
    ['{{input.n}} < 4', true],
    ['{{input.text}} >= 3', true],
    ["'10' < '9'", true],
    ['10 < 9', false],
    ["'2026-01-02' > '2026-01-01'", true],
    ['{{input.none}} < 4', false],
    ['{{input.none}} >= 4', false],
    ['{{input.list}} > 1', false],
    ['{{input.flag}} <= true', false],
  ])('order is of numbers or of texts, anything else is false: %s is %s', (condition, expected) => {
    expect(test(condition)).toBe(expected);
  });

  it.each<[string, boolean]>([
    ["{{input.word}} contains 'lph'", true],
    ["{{input.word}} not_contains 'lph'", false],
    ["{{input.list}} contains 'a'", true],
    ["{{input.list}} contains '4'", true],
    ["{{input.list}} contains 'aa'", false],
    ['{{input.map}} contains \'"k":"v"\'', true],
    ["{{input.none}} contains ''", false],
    ["'a' in {{input.list}}", true],
    ["'z' not in {{input.list}}", true],
    ["'lph' in {{input.word}}", true],
    ["{{input.word}} starts_with 'al'", true],
    ["{{input.word}} ends_with 'al'", false],
    ["{{input.none}} starts_with ''", false],
  ])('%s is %s', (condition, expected) => {
    expect(test(condition)).toBe(expected);
  });

  it.each<[string, boolean]>([
    ["{{shot.output}} contains 'Expected Text'", true],
    ["{{shot}} contains 'Expected Text'", true],
    ["{{check.output}} contains 'Error'", true],
    ["{{check.output}} contains 'free words'", true],
    ["{{check}} contains 'completed'", false],
    ["{{each.output}} contains 'c'", true],
    ["{{each.output}} contains 'x'", false],
  ])(
    'contains on a result compares its text, on a list of values it is membership: %s is %s',
    (condition, expected) => {
      expect(test(condition)).toBe(expected);
    },
  );

  it.each<[string, boolean]>([
    ['{{input.flag}}', true],
    ['not {{input.flag}}', false],
    ['true or nope and false', true],
    ['(true or true) and false', false],
    ['not false and false', false],
    ['not (false and false)', true],
    ['{{input.empty}} empty', true],
    ['empty {{input.list}}', false],
    ['empty(input.nope)', true],
    ['{{input.word}} is not empty', true],
    ['exists {{input.none}}', false],
    ['{{input.word}} exists', true],
    ['{{input.nope}} not exists', true],
    ['{{input.list | length}} == 2', true],
    ['input.n == 3', true],
    ["{{input.nope | default: 'x'}} == 'x'", true],
    ["'it\\'s' contains \"'\"", true],
    ["'C:\\temp' == 'C:\\temp'", true],
  ])('%s is %s', (condition, expected) => {
    expect(test(condition)).toBe(expected);
  });

  it('reports a path that resolves to nothing, except where its absence is the question', () => {
    const missing: string[] = [];
    for (const condition of [
      '{{a.b}} == 1',
      'exists {{c}}',
      '{{d}} empty',
      '{{e}} == null',
      '{{f | default: 1}} == 1',
    ]) {
      evaluateCondition(condition, names, (path) => missing.push(path));
    }
    expect(missing).toEqual(['a.b']);
  });

  it('evaluates the second side of and / or only when it matters', () => {
    const missing: string[] = [];
    evaluateCondition('true or {{nope}} == 1', names, (path) => missing.push(path));
    evaluateCondition('false and {{nope}} == 1', names, (path) => missing.push(path));
    expect(missing).toEqual([]);
  });

  it.each<[string, string]>([
    ['{{input.n}} && true', "column 13: expected 'and', 'or' or the end (write 'and')"],
    ['{{input.n}} = 3', "column 13: expected 'and', 'or' or the end (write '==')"],
    ['{{input.n}} === 3', "unknown operator '===' (write '==')"],
    ["{{input.n}} contians 'x'", "did you mean 'contains'?"],
    ["{{input.n}} matches 'x'", 'regular expressions are not part of conditions'],
    ["{{'x'}} == 1", 'what stands between the braces is not a path'],
    ["{{input.n | uper}} == 'X'", "unknown filter 'uper' (did you mean 'upper'?)"],
    ['', 'column 1: expected a value'],
    ['(true', "expected ')'"],
    ["'open", 'expected a value'],
    ['{{input.n}} is 3', "expected 'empty' or 'not empty' after 'is'"],
    [`${'('.repeat(100)}true`, 'nested deeper than 32'],
    [`true${' or true'.repeat(600)}`, 'at most 500 terms'],
    [`'${'x'.repeat(20_000)}' == 'x'`, 'longer than 10000'],
    ['constructor == 1', 'expected a value'],
    ['{{input.__proto__}} exists', 'expected a value'],
  ])('refuses %j with column and hint', (condition, message) => {
    expect(refusal(condition)).toContain(message);
  });
});

describe('evaluateConditionValue', () => {
  it('takes a condition or a whole JSONata expression', async () => {
    const ignore = (): void => undefined;
    expect(await evaluateConditionValue('{{input.n}} == 3', names, ignore)).toBe(true);
    expect(await evaluateConditionValue('{% input.n > 2 and $count(input.list) = 2 %}', names, ignore)).toBe(true);
    expect(await evaluateConditionValue('{% input.nope %}', names, ignore)).toBe(false);
    await expect(evaluateConditionValue('{% input.( %}', names, ignore)).rejects.toMatchObject({
      failure: { code: 'condition_error' },
    });
  });
});

describe('conditionReferences', () => {
  it('names every path with its offset, inside quoted text too', () => {
    expect(conditionReferences("{{a.b}} == 'x {{c}}' and d.e")).toEqual([
      { path: ['a', 'b'], offset: 2 },
      { path: ['c'], offset: 16 },
      { path: ['d', 'e'], offset: 25 },
    ]);
  });

  it('names the paths of an expression', () => {
    expect(conditionReferences('{% a.b > 2 %}').map(({ path }) => path)).toEqual([['a', 'b']]);
  });

  it('is empty for what is not a condition', () => {
    expect(conditionReferences('{{a}} ==')).toEqual([]);
  });
});
