import type { RawMessage } from '../../support/raw-server.ts';
import type { Subject, SubjectSetup } from './f-cost-subject.ts';

/**
 * What comes of an input: a result, a workflow that failed with a code, a refusal with a number, one of these two,
 * or whichever the server likes best.
 */
export type End = 'done' | 'failed' | 'refused' | 'wrong' | 'any';

/** An input that costs whoever is careless much. */
export interface HostileInput {
  /** After the entry: what it is. */
  readonly title: string;
  readonly setup: () => SubjectSetup;
  /** The input itself, as it goes over the wire. */
  readonly text: () => string;
  /** Its bytes, where it is made elsewhere. */
  readonly size?: number;
  readonly run: (subject: Subject, text: string) => Promise<RawMessage>;
  readonly ends: End;
  /** What a text of the answer has to say. */
  readonly says?: RegExp;
}

export const times = <T>(count: number, make: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, index) => make(index));
export const members = <T>(count: number, make: (index: number) => readonly [string, T]): Readonly<Record<string, T>> =>
  Object.fromEntries(times(count, make));

/** As JSON, without making a value of it. */
export const listText = (item: string, count: number): string => `[${`${item},`.repeat(count - 1)}${item}]`;
export const keysText = (count: number): string => `{${times(count, (index) => `"k${index}":0`).join(',')}}`;
export const deepText = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

const OK = { steps: [{ id: 'done', type: 'set', values: { ok: true } }], output: { ok: true } };

const call = (subject: Subject, args: string): Promise<RawMessage> =>
  subject.request('tools/call', `{"name":"check","arguments":${args}}`);

/** Values of a caller under a schema. */
function underInput(
  title: string,
  schema: object,
  value: () => unknown,
  ends: End = 'any',
  says?: RegExp,
): HostileInput {
  return {
    title,
    setup: () => ({ definitions: { check: { input_schema: { type: 'object', properties: { v: schema } }, ...OK } } }),
    text: () => `{"v":${JSON.stringify(value())}}`,
    run: call,
    ends,
    ...(says === undefined ? {} : { says }),
  };
}

/** An answer of a server, in whose definition `more` stands. */
export function fromFar(title: string, far: string, ends: End = 'any', definition: object = {}): HostileInput {
  return {
    title,
    setup: () => ({
      definitions: {
        check: { steps: [{ id: 'go', server: 'far', action: 'go' }], output: { ok: true }, ...definition },
      },
      far,
    }),
    text: () => '{}',
    size: 10 * 1024 * 1024,
    run: call,
    ends,
  };
}

/** What a client answers when it is asked. A second question is declined. */
function asked(title: string, step: object, answer: () => string, ends: End = 'any'): HostileInput {
  return {
    title,
    setup: () => ({ definitions: { check: { steps: [{ id: 'ask', ...step }], output: { ok: true } } } }),
    text: answer,
    run: (subject, text) => {
      let questions = 0;
      subject.onRequest = () => ((questions += 1) === 1 ? text : '{"action":"decline"}');
      return call(subject, '{}');
    },
    ends,
  };
}

const modelSays = (value: string): string =>
  `{"role":"assistant","model":"m","content":{"type":"text","text":${JSON.stringify(value)}}}`;

const TAKES = { input_schema: { type: 'object', properties: { v: {}, none: {} } }, output: { ok: true } };

/** An expression of a definition, and what a caller gives it. */
function expression(title: string, source: string, value: () => unknown = () => null, ends: End = 'any'): HostileInput {
  return {
    title,
    setup: () => ({
      definitions: {
        check: { ...TAKES, steps: [{ id: 'e', type: 'set', values: { v: `{% ${source} %}` } }] },
      },
    }),
    text: () => `{"v":${JSON.stringify(value())}}`,
    run: call,
    ends,
  };
}

/** A request of a client, over a pipe. */
function request(title: string, method: string, params: () => string, ends: End = 'any'): HostileInput {
  return {
    title,
    setup: () => ({ definitions: { check: OK } }),
    text: params,
    run: (subject, text) => subject.request(method, text),
    ends,
  };
}

/** A line that is not answered, and a ping after it. */
function line(title: string, text: () => string): HostileInput {
  return {
    title,
    setup: () => ({ definitions: { check: OK } }),
    text,
    run: (subject, made) => {
      subject.write(made);
      return subject.request('ping', '{}');
    },
    ends: 'done',
  };
}

/** Rows that are all different, and the same with a pair in it. */
const rows = (count: number): readonly object[] => times(count, (id) => ({ id, name: `row ${id}` }));
const withPair = (count: number): readonly object[] => [{ name: 'row 0', id: 0 }, ...rows(count)];
const UNIQUE = { type: 'array', uniqueItems: true };
const PAIR = /not have|duplicate|twice|different|unique|same/iu;

const REPEATED = 'http://' + ':'.repeat(60_000) + '}';
const nested = (levels: number): object => {
  let value: object = {};
  for (let level = 0; level < levels; level += 1) value = { a: value };
  return value;
};
const A = { properties: { a: { $ref: '#/properties/v/$defs/n' } } };
/** A schema that a property `v` has, in which `A` leads to the schema itself. */
const within = (node: object): object => ({ $ref: '#/properties/v/$defs/n', $defs: { n: node } });

export const SCHEMA_INPUTS: readonly HostileInput[] = [
  underInput('F1: 10 000 different objects under uniqueItems', UNIQUE, () => rows(10_000), 'done'),
  underInput('F1: 10 000 objects with a pair under uniqueItems', UNIQUE, () => withPair(10_000), 'failed', PAIR),
  underInput('F1: 12 000 different lists under uniqueItems', UNIQUE, () => times(12_000, (i) => [i]), 'done'),
  underInput(
    'F1: 20 000 values of several types under uniqueItems',
    UNIQUE,
    () => times(20_000, (i) => (i % 2 === 0 ? i : `${i}`)),
    'done',
  ),
  underInput(
    'F1: uniqueItems below items, a reference and a choice',
    { type: 'object', additionalProperties: { anyOf: [{ $ref: '#/properties/v/$defs/u' }] }, $defs: { u: UNIQUE } },
    () => ({ a: rows(5_000), b: rows(5_000) }),
    'done',
  ),
  underInput(
    'F1: an enum of 30 000 numbers over 30 000 values',
    { type: 'array', items: { enum: times(30_000, (i) => i) } },
    () => times(30_000, () => 29_999),
  ),
  underInput(
    'F1: oneOf of 490 choices over 20 000 values',
    { type: 'array', items: { oneOf: times(490, (i) => ({ const: i })) } },
    () => times(20_000, () => 489),
  ),
  underInput(
    'F1: anyOf of 490 choices that 8 000 values all miss',
    { type: 'array', items: { anyOf: times(490, (i) => ({ const: i })) } },
    () => times(8_000, () => 'x'),
    'wrong',
  ),
  underInput(
    'F1: contains with 20 000 choices over 20 000 values',
    { type: 'array', contains: { enum: times(20_000, (i) => i) } },
    () => times(20_000, () => 'x'),
  ),
  underInput(
    'F1: 900 patternProperties over 20 000 keys',
    { type: 'object', patternProperties: members(900, (i) => [`^k${i}x`, { type: 'number' }]) },
    () => members(20_000, (i) => [`z${i}`, 0]),
  ),
  underInput(
    'F1: propertyNames with 15 000 choices over 15 000 keys',
    { type: 'object', propertyNames: { enum: times(15_000, (i) => `n${i}`) } },
    () => members(15_000, (i) => [`z${i}`, 0]),
  ),
  underInput(
    'F1: unevaluatedProperties after 400 subschemas',
    {
      type: 'object',
      allOf: times(400, (i) => ({ patternProperties: { [`^k${i}x`]: {} } })),
      unevaluatedProperties: false,
    },
    () => members(15_000, (i) => [`z${i}`, 0]),
  ),
  underInput(
    'F1: 900 dependentSchemas over 400 objects with all their keys',
    { type: 'array', items: { dependentSchemas: members(900, (i) => [`p${i}`, { required: ['q'] }]) } },
    () => times(400, () => members(900, (i) => [`p${i}`, 0])),
  ),
  underInput(
    'F1: 90 dependentRequired of 200 names each over 60 objects',
    { type: 'array', items: { dependentRequired: members(90, (i) => [`p${i}`, times(200, (j) => `q${j}`)]) } },
    () => times(60, () => members(90, (i) => [`p${i}`, 0])),
  ),
  underInput(
    'F1: 10 000 required members over 200 empty objects',
    { type: 'array', items: { required: times(10_000, (i) => `r${i}`) } },
    () => times(200, () => ({})),
    'wrong',
  ),
  underInput(
    'F1: a choice of two that leads to itself twice over 40 levels',
    within({
      anyOf: [
        { ...A, required: ['b'] },
        { ...A, required: ['c'] },
      ],
    }),
    () => nested(40),
  ),
  underInput('F1: a schema that means itself twice over 40 levels', within({ allOf: [A, A] }), () => nested(40)),
  underInput(
    'F1: a schema that means itself, and not not itself, over 40 levels',
    within({ allOf: [A, { not: { not: A } }] }),
    () => nested(40),
  ),
  underInput(
    'F7: 1 900 000 items of the wrong type',
    { type: 'array', items: { type: 'string' } },
    () => times(1_900_000, () => 0),
    'wrong',
  ),
  underInput('F6: a text of 60 000 characters of the format url', { type: 'string', format: 'url' }, () => REPEATED),
  underInput('F6: 400 texts of 4 000 characters of the format url', { type: 'array', items: { format: 'url' } }, () =>
    times(400, () => `http://${':'.repeat(4_000)}}`),
  ),
  ...['date-time', 'regex'].map((format) =>
    underInput(`F6: a text of a mebibyte of the format ${format}`, { type: 'string', format }, () =>
      't'.repeat(1 << 20),
    ),
  ),
  underInput(
    'F6: 300 formats that each look at 300 texts',
    { type: 'array', items: { allOf: times(300, () => ({ format: 'uri-reference' })) } },
    () => times(300, () => 'a/'.repeat(400)),
  ),
  underInput(
    'F6: 200 patterns that backtrack, each a little, over 200 texts',
    { type: 'array', items: { allOf: times(200, (i) => ({ pattern: `(a+a+){2}b${i}` })) } },
    () => times(200, () => 'a'.repeat(60)),
  ),
];

const ROWS_SCHEMA = { type: 'object', properties: { rows: UNIQUE } };
const FAR_ROWS = { output: { rows: '{{go.output.v}}' } };
const FORM = (field: object): object => ({
  type: 'elicit',
  message: 'What?',
  schema: { type: 'object', properties: { v: field } },
  on_decline: 'continue',
});

export const ANSWER_SCHEMA_INPUTS: readonly HostileInput[] = [
  fromFar('F1: uniqueItems of output_schema over 20 000 rows of a server', 'different_rows', 'done', {
    ...FAR_ROWS,
    output_schema: ROWS_SCHEMA,
  }),
  fromFar('F1: an enum of output_schema over 200 000 values of a server', 'one_choice', 'any', {
    ...FAR_ROWS,
    output_schema: { type: 'object', properties: { rows: { items: { enum: times(5_000, (i) => i) } } } },
  }),
  fromFar('F6: the format url of output_schema over a text of a server', 'urls', 'any', {
    ...FAR_ROWS,
    output_schema: { type: 'object', properties: { rows: { items: { format: 'url' } } } },
  }),
  asked(
    'F1: uniqueItems of an llm schema over 10 000 objects of a model',
    { type: 'llm', prompt: 'Rows?', schema: UNIQUE },
    () => modelSays(JSON.stringify(rows(10_000))),
    'done',
  ),
  asked(
    'F6: the format url of an llm schema over an answer of a model',
    { type: 'llm', prompt: 'Where?', schema: { type: 'string', format: 'url' } },
    () => modelSays(JSON.stringify(REPEATED)),
  ),
  asked('F4: a model whose JSON is 3 000 000 levels deep', { type: 'llm', prompt: 'Rows?', schema: {} }, () =>
    modelSays(deepText(3_000_000)),
  ),
  asked('F4: a model whose JSON has 3 000 000 objects', { type: 'llm', prompt: 'Rows?', schema: {} }, () =>
    modelSays(listText('{}', 3_000_000)),
  ),
  asked(
    'F1: a form whose 25 000 choices are each chosen',
    FORM({ type: 'array', uniqueItems: true, items: { type: 'string', enum: times(25_000, (i) => `c${i}`) } }),
    () => JSON.stringify({ action: 'accept', content: { v: times(25_000, (i) => `c${i}`) } }),
  ),
  asked(
    'F6: a form whose field of the format uri gets 2 000 000 characters',
    FORM({ type: 'string', format: 'uri' }),
    () => JSON.stringify({ action: 'accept', content: { v: `http://${'a:'.repeat(1_000_000)}` } }),
  ),
  asked(
    'F7: a form that is answered with 600 000 keys',
    FORM({ type: 'string' }),
    () => `{"action":"accept","content":${keysText(600_000)}}`,
  ),
];

export const FAR_INPUTS: readonly HostileInput[] = [
  { ...fromFar('F3: an answer that has no end', 'endless', 'failed'), says: /bytes/u },
  fromFar('F4: an answer with 700 000 keys', 'keys'),
  fromFar('F4: an answer with 4 500 000 numbers', 'numbers'),
  fromFar('F4: an answer with 3 000 000 levels', 'levels'),
  fromFar('F4: an answer with 3 000 000 empty objects', 'objects'),
  fromFar('F4: an answer with 320 000 rows', 'rows'),
  fromFar('F4: an answer with 380 000 blocks', 'blocks'),
  fromFar('F4: an answer with 700 000 keys in its _meta', 'meta'),
  fromFar('F4: an answer that is one text of 8 MiB', 'text'),
  fromFar('F4: a text that is JSON of 3 000 000 levels, read as .json', 'json_levels', 'any', {
    output: { n: '{{go.json}}' },
  }),
  fromFar('F4: a text that is JSON of 4 500 000 numbers, read as .json', 'json_numbers', 'any', {
    output: { n: '{{go.json | length}}' },
  }),
  fromFar('F4: a text that is JSON of 3 000 000 objects, read as .json', 'json_objects', 'any', {
    output: { n: '{{go.json | length}}' },
  }),
  fromFar('F4: an error whose data has 700 000 keys', 'error_data', 'failed'),
  fromFar('F4: an error whose data has 3 000 000 levels', 'error_levels', 'failed'),
  fromFar('F4: a resource with 300 000 contents', 'resource', 'any', {
    steps: [{ id: 'go', type: 'resource', server: 'far', action: 'read', uri: 'a:b' }],
  }),
  fromFar('F4: a prompt with 190 000 messages', 'prompt', 'any', {
    steps: [{ id: 'go', type: 'prompt', server: 'far', prompt_name: 'p' }],
  }),
  fromFar('F4: a list of 200 000 tools', 'tools', 'any'),
  fromFar('F4: a tool whose schema has 600 000 properties', 'schema', 'any'),
  fromFar('F4: a notification with 600 000 keys before the answer', 'notification', 'done'),
  fromFar('F4: progress with 3 000 000 levels before the answer', 'progress', 'done'),
  fromFar('F4: an answer to nothing with 600 000 keys before the answer', 'unasked', 'done'),
  fromFar('F4: a question with 600 000 keys before the answer', 'asks', 'done'),
];

const SHARED = '$f := function($x, $n) { $n = 0 ? $x : $f({"l": $x, "r": $x}, $n - 1) }; $d := $f({"a": 1}, 40);';

export const EXPRESSION_INPUTS: readonly HostileInput[] = [
  ...(
    [
      ['$clone', '$clone($d)'],
      ['=', '$d = $f({"a": 1}, 40)'],
      ['$distinct', '$distinct([$d, $d])'],
      ['$string', '$length($string($d))'],
      ['a transform', '$d ~> |$|{"b": 1}|'],
      ['a descent', '$count($d.**)'],
    ] as const
  ).map(([what, source]) =>
    expression(
      `F5: ${what} of a value that shares its parts 40 times over`,
      `( ${SHARED} ${source} )`,
      undefined,
      'any',
    ),
  ),
  expression(
    'F5: $boolean of lists that share their parts',
    '( $f := function($x, $n) { $n = 0 ? $x : $f([[$x], [$x]], $n - 1) }; $boolean($f([false], 40)) )',
  ),
  expression('F5: $toMillis of 350 words with pictures of words', '$toMillis(input.v, "[Yw][Mw][Dw][Hw]x")', () =>
    'one'.repeat(350),
  ),
  expression('F5: $toMillis of 450 letters with pictures of letters', '$toMillis(input.v, "[Ya][Ma][Da][Ha]x")', () =>
    'a'.repeat(450),
  ),
  expression('F5: $toMillis of 450 Roman digits', '$toMillis(input.v, "[YI][MI][DI][HI]x")', () => 'I'.repeat(450)),
  expression('F5: $toMillis with a picture of the caller', '$toMillis("one two", input.v)', () =>
    '[Yw][Mw][Dw]'.repeat(60),
  ),
  expression(
    'F5: $parseInteger with a picture of the caller',
    '$parseInteger("1", input.v)',
    () => '#,'.repeat(100_000) + '0',
  ),
  expression('F5: ranges within a range', '$count($map([1..3000], function($i) { [[1..90000]] }))'),
  expression('F5: $pad of many texts', '$count($map([1..20000], function($i) { $pad("x", 100000) }))'),
  expression(
    'F5: a text that doubles 40 times',
    '( $f := function($x, $n) { $n = 0 ? $x : $f($x & $x, $n - 1) }; $length($f("0123456789", 40)) )',
  ),
  expression(
    'F5: large texts of a caller, made large again',
    '$count($map([1..5000], function($i) { $uppercase(input.v) & $i }))',
    () => 'x'.repeat(500_000),
  ),
  expression(
    'F5: a text that is split and joined',
    '$join($map([1..2000], function($i) { $join($split(input.v, "")) }))',
    () => 'x'.repeat(200_000),
  ),
  expression('F5: $sort with a comparison', '$count($sort([1..90000], function($a, $b) { $a < $b }))'),
  expression(
    'F5: a function that calls itself for ever',
    '( $f := function($n) { $f($n + 1) }; $f(0) )',
    undefined,
    'failed',
  ),
  expression('F5: $eval', '$eval("[1..10000000]")', undefined, 'refused'),
  expression('F5: $match', '$match(input.v, /^(a+)+$/)', () => `${'a'.repeat(60)}!`, 'refused'),
];

/** Steps of a definition that compute and do not wait. */
export const STEP_INPUTS: readonly HostileInput[] = [
  {
    ...expression('F4: 10 000 items that each look into a list of 10 000', '0', () => times(10_000, (i) => ({ i }))),
    setup: () => ({
      definitions: {
        check: {
          ...TAKES,
          steps: [
            {
              id: 'each',
              type: 'foreach',
              items: '{{input.v}}',
              steps: [
                { id: 'one', type: 'set', when: '{{input.v}} contains {{input.none}}', values: { v: '{{item}}' } },
              ],
            },
          ],
        },
      },
    }),
  },
  {
    ...expression('F4: a condition over texts of a mebibyte, thirty times', '0', () => 'a'.repeat(1 << 20)),
    setup: () => ({
      definitions: {
        check: {
          ...TAKES,
          steps: [
            {
              id: 'one',
              type: 'set',
              when: times(30, () => "{{input.v}} contains 'aaaaaaaaaaaaaaab'").join(' or '),
              values: { v: 1 },
            },
          ],
        },
      },
    }),
  },
  {
    ...expression('F4: a large value that stands in a text sixty times', '0', () => times(60_000, (i) => ({ i }))),
    setup: () => ({
      definitions: {
        check: {
          ...TAKES,
          steps: [{ id: 'one', type: 'set', values: members(60, (i) => [`t${i}`, `at ${i}: {{input.v}}`]) }],
        },
      },
    }),
  },
];

export const REQUEST_INPUTS: readonly HostileInput[] = [
  request('F7: a ping with 600 000 keys in _meta', 'ping', () => `{"_meta":${keysText(600_000)}}`),
  request('F7: a ping with 2 000 000 objects in _meta', 'ping', () => `{"_meta":{"a":${listText('{}', 2_000_000)}}}`),
  request(
    'F7: a ping with 2 000 000 levels in _meta',
    'ping',
    () => `{"_meta":{"a":${deepText(2_000_000)}}}`,
    'refused',
  ),
  request('F7: a call with 300 000 arguments', 'tools/call', () => `{"name":"check","arguments":${keysText(300_000)}}`),
  request(
    'F7: a call with 1 300 000 empty objects',
    'tools/call',
    () => `{"name":"check","arguments":{"v":${listText('{}', 1_300_000)}}}`,
  ),
  request(
    'F7: a call with a text of 4 000 000 characters',
    'tools/call',
    () => `{"name":"check","arguments":{"v":"${'x'.repeat(4_000_000)}"}}`,
  ),
  request(
    'F7: a completion with 600 000 arguments in its context',
    'completion/complete',
    () =>
      `{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":""},"context":{"arguments":${keysText(600_000)}}}`,
  ),
  request(
    'F7: a resource whose address has 4 000 000 characters',
    'resources/read',
    () => `{"uri":"workflow://tasks/${'%41'.repeat(1_300_000)}"}`,
    'refused',
  ),
  line(
    'F7: a notification with 600 000 keys',
    () =>
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"none","_meta":${keysText(600_000)}}}`,
  ),
  line(
    'F7: an answer to nothing with 600 000 keys',
    () => `{"jsonrpc":"2.0","id":"none","result":${keysText(600_000)}}`,
  ),
];
