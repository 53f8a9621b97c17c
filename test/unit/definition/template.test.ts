import { describe, expect, it } from 'vitest';
import { StepFailure } from '../../../src/core/failure.ts';
import type { JsonValue } from '../../../src/core/json.ts';
import { renderTemplate, renderValue } from '../../../src/definition/expression/template.ts';
import { templateReferences } from '../../../src/definition/expression/references.ts';
import { namesOf } from '../../support/names.ts';

const names = namesOf({
  input: { url: 'https://x', n: 3, flag: false, nothing: null, list: ['a', 'b', 'c'], 'odd key': { deep: [10, 20] } },
  trap: '{{input.url}} {% 1 + 1 %}',
  check: { output: { text: 'ok' }, status: 'completed', attempts: 1 },
});

function render(value: JsonValue): { value: JsonValue; missing: string[] } {
  const missing: string[] = [];
  return { value: renderTemplate(value, names, (path) => missing.push(path)), missing };
}

describe('renderTemplate', () => {
  it.each<[JsonValue, JsonValue]>([
    ['{{input.n}}', 3],
    ['{{ input.flag }}', false],
    ['{{input.list}}', ['a', 'b', 'c']],
    ['{{input.list[1]}}', 'b'],
    ['{{input.list.2}}', 'c'],
    ["{{input['odd key'].deep[0]}}", 10],
    ['{{input["odd key"]["deep"]}}', [10, 20]],
    ['{{input.nothing}}', null],
  ])('a value that is exactly one template keeps the type: %j', (template, expected) => {
    expect(render(template)).toEqual({ value: expected, missing: [] });
  });

  it.each<[string, string]>([
    ['n={{input.n}}', 'n=3'],
    ['{{input.n}} ', '3 '],
    ['{{input.n}}{{input.n}}', '33'],
    ['list {{input.list}}', 'list ["a","b","c"]'],
    ['<{{input.nothing}}>', '<>'],
    ['{"a":{{input.n}}}', '{"a":3}'],
    ['{{{input.n}}}', '{3}'],
  ])('a template inside a longer text is text, objects as JSON: %j', (template, expected) => {
    expect(render(template).value).toBe(expected);
  });

  it('goes into lists and objects and leaves keys alone', () => {
    expect(render({ '{{input.n}}': ['{{input.n}}', { a: 'x{{input.n}}' }, 7, true, null] }).value).toEqual({
      '{{input.n}}': [3, { a: 'x3' }, 7, true, null],
    });
  });

  it('renders once: templates and expressions inside a value stay text', async () => {
    expect(render('{{trap}}').value).toBe('{{input.url}} {% 1 + 1 %}');
    expect(render('> {{trap}}').value).toBe('> {{input.url}} {% 1 + 1 %}');
    expect(await renderValue({ a: '{{trap}}' }, names, () => undefined)).toEqual({ a: '{{input.url}} {% 1 + 1 %}' });
  });

  it('gives null for a whole value and empty text inside text where a path resolves to nothing, and reports the path', () => {
    expect(render({ a: '{{input.nope}}', b: '<{{nobody.x[0]}}>' })).toEqual({
      value: { a: null, b: '<>' },
      missing: ['input.nope', 'nobody.x[0]'],
    });
  });

  it.each([
    "json.dumps({{'timestamp': '2026-02-04', 'status': 'OK'}})",
    '{{ }}',
    '{{a b}}',
    '{{input..n}}',
    '{{input.n',
    '{{__proto__}}',
    '{{input.constructor}}',
    "{{input['__proto__']}}",
    '{{input.n | nosuch}}',
  ])('text in braces that is not a path stays as it is: %j', (text) => {
    expect(render(text)).toEqual({ value: text, missing: [] });
  });

  it('reads own properties only', () => {
    expect(render('{{input.toString}}')).toEqual({ value: null, missing: ['input.toString'] });
    expect(render('{{input.list.length}}')).toEqual({ value: null, missing: ['input.list.length'] });
  });

  it.each<[string, JsonValue]>([
    ["{{input.nope | default: 'x'}}", 'x'],
    ['{{input.nothing | default: 5}}', 5],
    ['{{input.flag | default: true}}', false],
    ['{{input.nope | default: input.n}}', 3],
    ['{{input.list | json}}', '["a","b","c"]'],
    ['{{input.list | length}}', 3],
    ['{{input.url | length}}', 9],
    ["{{input.list | join: '-'}}", 'a-b-c'],
    ['{{input.list | join}}', 'a, b, c'],
    ['{{input.list | first}}', 'a'],
    ['{{input.list | last | upper}}', 'C'],
    ['{{check.output | keys}}', ['text']],
    ["{{input.nope | default: '  Ab ' | trim | lower}}", 'ab'],
  ])('filter %j', (template, expected) => {
    expect(render(template)).toEqual({ value: expected, missing: [] });
  });
});

describe('renderValue with {% JSONata %}', () => {
  const evaluate = (text: string): Promise<JsonValue> => renderValue(text, names, () => undefined);
  const failure = async (text: string): Promise<string> => {
    const error: unknown = await evaluate(text).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(StepFailure);
    if (!(error instanceof StepFailure)) return '';
    expect(error.failure.code).toBe('template_error');
    return error.failure.message;
  };

  it('is a whole value with white space around it too, as a block of YAML gives it', async () => {
    expect(await evaluate('{%\n  input.n * 2\n%}\n')).toBe(6);
    expect(await evaluate('  {% input.n %} ')).toBe(3);
    expect(await evaluate('n: {% input.n %}')).toBe('n: {% input.n %}');
  });

  it('evaluates a whole value over the names', async () => {
    expect(await evaluate('{% input.n * 2 %}')).toBe(6);
    expect(
      await renderValue({ a: ['{% $sum(input.`odd key`.deep) %}', '{{input.n}}'] }, names, () => undefined),
    ).toEqual({
      a: [30, 3],
    });
  });

  it('is an expression only as a whole value', async () => {
    expect(await evaluate('x {% 1 + 1 %}')).toBe('x {% 1 + 1 %}');
  });

  it('gives null where nothing is selected, and reports it', async () => {
    const missing: string[] = [];
    expect(await renderValue('{% input.nope %}', names, (path) => missing.push(path))).toBeNull();
    expect(missing).toEqual(['{% input.nope %}']);
  });

  it('lists the names there are when it fails', async () => {
    expect(await failure("{% $number('x') %}")).toContain('names here: check, input, trap');
  });

  it.each([
    ['{% $eval("1") %}', '$eval is turned off'],
    ['{% ($e := $eval; $e("1")) %}', '$eval is turned off'],
    ['{% $match("aaa", /a+/) %}', 'regular expressions are turned off'],
    ['{% $now() %}', '$now is turned off'],
    ['{% $random() %}', '$random is turned off'],
    ['{% input.( %}', 'Expected'],
    ['{% ($f := function($x) { $f($x + 1) }; $f(1)) %}', 'more than 400000 steps'],
    ['{% ($f := function($x) { 1 + $f($x + 1) }; $f(1)) %}', 'Stack overflow'],
    ['{% [1..10000000] %}', 'maximum sequence length'],
    ['{% $pad("x", 100000000) %}', '$pad'],
    ['{% $reduce([1..40], function($a, $i) { $a & $a }, "x") %}', 'a text is larger than'],
    ['{% $length($reduce([1..29], function($a, $i) { $a & $a }, "x")) %}', 'a text is larger than'],
    ['{% $map([1..2000], function($i) { $pad("x", 1000) }) %}', 'the result is larger than'],
    ['{% function($x) { $x } %}', 'function'],
  ])('refuses %s', async (text, reason) => {
    expect(await failure(text)).toContain(reason);
  });

  it('never reaches a prototype', async () => {
    for (const text of [
      '{% input.__proto__.polluted %}',
      '{% input.constructor.name %}',
      '{% $lookup(input, "constructor") %}',
    ]) {
      expect(await evaluate(text)).toBeNull();
    }
  });
});

describe('templateReferences', () => {
  it('names every path with its offset, arguments of filters included', () => {
    expect(
      templateReferences({ a: 'x {{ input.n | default: other.y }}', b: ['{{check.output}}'], c: "{{'no'}}" }),
    ).toEqual([
      { path: ['input', 'n'], offset: 5 },
      { path: ['other', 'y'], offset: 24 },
      { path: ['check', 'output'], offset: 2 },
    ]);
  });
});
