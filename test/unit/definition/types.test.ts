import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { toolDifferences, type KnownServers, type ToolShape } from '../../../src/definition/known-tools.ts';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { memberShape } from '../../../src/definition/validate/types/shape.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';

const TEXT = { type: 'string' };
const closed = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties,
  additionalProperties: false,
  ...more,
});

function server(tools: { readonly [name: string]: ToolShape }, askedAt?: string): KnownServers {
  return new Map([['web', { tools: new Map(Object.entries(tools)), ...(askedAt === undefined ? {} : { askedAt }) }]]);
}

function issues(yaml: string, known: KnownServers = new Map()): readonly string[] {
  return parseDefinition(`name: t\n${yaml}`, 't.yaml', stepSyntaxes, { known }).issues.map(
    ({ severity, line, column, code, message, hint }) =>
      `${severity === 'warning' ? '[warning] ' : ''}${line}:${column} ${code} ${message}${hint === undefined ? '' : ` (${hint})`}`,
  );
}

describe('members of a schema', () => {
  const pair = { a: TEXT, b: { type: 'array', items: closed({ c: TEXT }) } };
  test.each<[string, JsonObject, string | number, string]>([
    ['a closed object', closed(pair), 'x', 'impossible'],
    ['a declared one', closed(pair), 'a', 'possible'],
    ['an open object', { type: 'object', properties: pair }, 'x', 'undeclared'],
    ['an object of which nothing is said', { type: 'object' }, 'x', 'possible'],
    ['additional ones are allowed by a schema', { ...closed(pair), additionalProperties: TEXT }, 'x', 'possible'],
    ['patterns', closed(pair, { patternProperties: { '^x': TEXT } }), 'x', 'possible'],
    ['no object at all', { type: ['string', 'null'] }, 'x', 'impossible'],
    ['a list by name', { type: 'array' }, 'x', 'impossible'],
    ['a list by index', { type: 'array', items: TEXT }, 0, 'possible'],
    ['beyond a closed list', { prefixItems: [TEXT], items: false, type: 'array' }, 1, 'impossible'],
    ['one of the alternatives has it', { anyOf: [closed({}), closed({ x: TEXT })] }, 'x', 'possible'],
    ['none of the alternatives has it', { oneOf: [closed({}), closed({ a: TEXT })] }, 'x', 'impossible'],
    [
      'one of all has no place for it',
      { allOf: [{ properties: { x: TEXT } }, closed({ a: TEXT })] },
      'x',
      'impossible',
    ],
    ['a reference', { $ref: '#/$defs/d', $defs: { d: closed(pair) } }, 'x', 'impossible'],
    ['a reference to elsewhere', { $ref: 'https://example.com/s' }, 'x', 'possible'],
    ['a circle of references', { $ref: '#' }, 'x', 'possible'],
    [
      'words beside a reference in draft 7',
      { $schema: 'http://json-schema.org/draft-07/schema#', $ref: '#/d', d: {}, type: 'string' },
      'x',
      'possible',
    ],
    [
      'declared under a condition',
      {
        type: 'object',
        properties: { a: TEXT },
        if: {},
        ...Object.fromEntries(['then'].map((word) => [word, { properties: { x: TEXT } }])),
      },
      'x',
      'possible',
    ],
    ['a list or an open object', { items: closed({}), properties: { a: TEXT } }, '0', 'possible'],
  ])('%s', (_, schema, segment, is) => {
    expect(memberShape({ kind: 'schema', schema, root: schema }, segment).is).toBe(is);
  });

  test('alternatives that refer to each other end', () => {
    const schema = { anyOf: Array.from({ length: 8 }, () => ({ $ref: '#' })) };
    expect(memberShape({ kind: 'schema', schema, root: schema }, 'x').is).toBe('possible');
  });
});

describe('references', () => {
  const weather = {
    inputSchema: { type: 'object' },
    outputSchema: closed({
      now: closed({ degrees: { type: 'number' } }),
      days: { type: 'array', items: closed({ name: TEXT }) },
    }),
  };
  const call = 'steps:\n  - { id: w, server: web, action: weather }\n';

  test('a path into what a tool gives that cannot be: an error with what there is', () => {
    const known = server({ weather });
    expect(issues(`${call}output: { a: '{{w.output.now.degree}}' }`, known)).toEqual([
      "4:14 unknown_member 'w.output.now' has no 'degree' (did you mean 'degrees'?)",
    ]);
    expect(issues(`${call}output: { a: '{{steps.w.output.tomorrow | default: 1}}' }`, known)).toEqual([
      "4:14 unknown_member 'steps.w.output' has no 'tomorrow' (it has: now, days)",
    ]);
    expect(issues(`${call}output: { a: 'on {{step_w.output.days[0].nme}}' }`, known)).toHaveLength(1);
    expect(issues(`${call}output: { a: '{{w.output.now.degrees.x}}' }`, known)).toEqual([
      "4:14 unknown_member 'w.output.now.degrees' has no 'x' (there is nothing inside of it)",
    ]);
    expect(
      issues(`${call}output: { a: '{{w.output.days[0].name}} {{w.output.now.degrees}} {{w.output.days.0}}' }`, known),
    ).toEqual([]);
  });

  test('what was remembered says since when; what nobody asked says nothing', () => {
    const text = `${call}output: { a: '{{w.output.x}}' }`;
    expect(issues(text, server({ weather }, '2026-02-03T04:05:06.000Z'))[0]).toContain(
      'it has: now, days; as the server was on 2026-02-03; validate --connect asks again',
    );
    expect(issues(text)).toEqual([]);
    expect(issues(text, server({}, '2026-02-03T04:05:06.000Z'))).toEqual([]);
  });

  test('conditions are looked at, the paths of JSONata are not: they go through lists', () => {
    const known = server({ weather });
    const when = (text: string): string => `${call}  - { id: b, type: set, when: "${text}", values: {} }`;
    expect(issues(when('{{w.output.x}} exists'), known)).toHaveLength(1);
    expect(issues(`${call}output: { a: '{% w.output.days.name %}' }`, known)).toEqual([]);
  });

  test('what a set step, a form, a model and the input give is known without any server', () => {
    const steps = `
steps:
  - { id: s, type: set, values: { a: { b: 1 }, c: '{{input.x}}', t: 'x {{input.x}}', j: '{% 1 %}' } }
  - { id: f, type: elicit, message: m, schema: { type: object, properties: { ok: { type: boolean } }, additionalProperties: false } }
  - { id: m, type: llm, prompt: p, schema: { type: object, properties: { sum: { type: number } }, additionalProperties: false } }
input_schema: { type: object, properties: { x: { type: object, properties: { y: { type: string } }, additionalProperties: false } } }
`;
    const codes = (path: string): readonly string[] =>
      issues(`${steps}output: { o: '{{${path}}}' }`).map((text) =>
        text.replace(/^\d+:\d+ /u, '').replace(/ \(.*/u, ''),
      );
    for (const path of [
      's.output.a.b',
      's.output.c.y',
      's.output.j.any.thing',
      'f.output.ok',
      'm.output.sum',
      'input.x.y',
    ]) {
      expect(codes(path)).toEqual([]);
    }
    expect(codes('s.output.z')).toEqual(["unknown_member 's.output' has no 'z'"]);
    expect(codes('s.output.a.b.c')).toEqual(["unknown_member 's.output.a.b' has no 'c'"]);
    expect(codes('s.output.c.z')).toEqual(["unknown_member 's.output.c' has no 'z'"]);
    expect(codes('s.output.t.z')).toEqual(["unknown_member 's.output.t' has no 'z'"]);
    expect(codes('f.output.no')).toEqual(["unknown_member 'f.output' has no 'no'"]);
    expect(codes('m.output.summ')).toEqual(["unknown_member 'm.output' has no 'summ'"]);
    expect(codes('input.x.z')).toEqual(["unknown_member 'input.x' has no 'z'"]);
    expect(codes('variables.input.x.z')).toEqual(["unknown_member 'variables.input.x' has no 'z'"]);
  });

  test('an open schema that lists members is a warning, a name that a block binds is not followed', () => {
    const known = server({ weather: { inputSchema: {}, outputSchema: { type: 'object', properties: { now: {} } } } });
    expect(issues(`${call}output: { a: '{{w.output.nov}}' }`, known)).toEqual([
      "[warning] 4:14 undeclared_member the schema of 'w.output' does not name 'nov' (did you mean 'now'?)",
    ]);
    const each = `
steps:
  - { id: s, type: set, values: { a: 1 } }
  - id: e
    type: foreach
    as: s2
    items: [{ b: 1 }]
    steps: [{ id: i, type: set, values: { v: '{{s2.b.c}}' } }, { id: k, type: set, values: { w: '{{i.output.v.deep}}' } }]
`;
    expect(issues(each)).toEqual([]);
  });

  test('a member that the result of no step of this kind has is a warning', () => {
    expect(issues(`${call}output: { a: '{{w.outptu}}', b: '{{w.is_error}}', c: '{{w.error.code}}' }`)).toEqual([
      "[warning] 4:14 unknown_member the result of 'w' has no 'outptu' (did you mean 'output'?)",
    ]);
    expect(issues(`${call}output: { a: '{{w.error.cod}}' }`)).toEqual([
      "4:14 unknown_member 'w.error' has no 'cod' (did you mean 'code'?)",
    ]);
  });

  test('sets that read each other in a circle end', () => {
    const text =
      "steps:\n  - { id: a, type: set, values: { x: '{{b.output.x}}' } }\n  - { id: b, type: set, values: { x: '{{a.output.x}}' } }\n";
    expect(issues(`${text}output: { o: '{{a.output.x.y}}' }`).filter((line) => line.includes('member'))).toEqual([]);
  });
});

describe('calls', () => {
  const tool = {
    inputSchema: closed(
      { path: TEXT, head: { type: 'integer', minimum: 1 }, mode: { enum: ['r', 'w'] } },
      { required: ['path'] },
    ),
  };
  const known = server({ read: tool });
  /** Of an argument of any type, which all of these have. */
  const ANY =
    "[warning] 2:66 host_limit hosts refuse the argument 'any': nothing says of which type it is (give it a `type`, or in `variables.input` a value instead of null)";
  const call = (args: string): string =>
    `input_schema: { type: object, properties: { n: { type: number }, any: {} } }\nsteps:\n  - id: c\n    server: web\n    action: read\n${args}`;

  test('a tool that the server does not have is an error when it was asked just now only', () => {
    const text = 'steps: [{ id: c, server: web, action: raed }]';
    expect(issues(text, known)).toEqual(["2:39 unknown_tool server 'web' has no tool 'raed' (did you mean 'read'?)"]);
    expect(issues(text, server({ read: tool }, '2026-01-01T00:00:00.000Z'))).toEqual([]);
  });

  test.each([
    ['    arguments: { path: a, head: 3, mode: r }', []],
    ["    arguments: { path: '{{input.any}}', head: '{{input.n}}', mode: '{{input.any}}' }", []],
    ["    arguments: { path: 'a {{input.n}}', head: '{% 1 %}' }", []],
    ['', ["4:5 invalid_arguments the arguments: 'path' is missing (text)"]],
    ['    arguments: { head: 1 }', ["7:16 invalid_arguments the arguments: 'path' is missing (text)"]],
    [
      '    arguments: { path: a, heda: 1 }',
      ["7:27 invalid_arguments the arguments: unknown key 'heda' (did you mean 'head'?)"],
    ],
    ['    arguments: { path: 3 }', ["7:24 invalid_arguments 'path': expected text, found number 3"]],
    ['    arguments: { path: a, head: 0 }', ["7:33 invalid_arguments 'head': expected to be >= 1, found number 0"]],
    [
      '    arguments: { path: a, mode: x }',
      [`7:33 invalid_arguments 'mode': expected one of "r", "w", found text "x"`],
    ],
    [
      "    arguments: { path: '{{input.n}}' }",
      ["7:24 invalid_arguments 'path': text is expected, and this is always a number"],
    ],
    [
      "    arguments: { path: a, head: 'n={{input.n}}' }",
      [
        "7:33 invalid_arguments 'head': a number is expected, and this is always text (a template inside a text makes text; as the whole value it keeps its type)",
      ],
    ],
  ])('%s', (args, expected) => {
    expect(issues(call(args), known)).toEqual([ANY, ...expected]);
  });

  test('arguments that an on_error gives are not looked for in its step', () => {
    const text = `
steps:
  - { id: a, server: web, action: read, arguments: { path: x }, on_error: { step: c, arguments: { path: y } } }
  - { id: c, server: web, action: read }
`;
    expect(issues(text, known)).toEqual([]);
  });

  test('a schema with alternatives or references is not guessed at, and literal values are checked by all of it', () => {
    const either = server({
      read: {
        inputSchema: { anyOf: [closed({ a: TEXT }, { required: ['a'] }), closed({ b: TEXT }, { required: ['b'] })] },
      },
    });
    expect(issues(call("    arguments: { b: '{{input.any}}' }"), either)).toEqual([ANY]);
    expect(issues(call('    arguments: { c: x }'), either)).toEqual([
      ANY,
      expect.stringContaining('invalid_arguments'),
    ]);
    const reference = server({
      read: {
        inputSchema: { ...closed({ p: { $ref: '#/$defs/p' } }), $defs: { p: { minLength: 3, type: 'string' } } },
      },
    });
    expect(issues(call('    arguments: { p: ab }'), reference)).toEqual([
      ANY,
      expect.stringContaining('invalid_arguments'),
    ]);
    expect(issues(call('    arguments: { p: abc }'), reference)).toEqual([ANY]);
  });

  test('a schema that cannot be used is passed over', () => {
    expect(
      issues(call('    arguments: { p: ab }'), server({ read: { inputSchema: { type: 'nonsense', properties: 3 } } })),
    ).toEqual([ANY]);
  });
});

describe('differences of a tool', () => {
  const before = { inputSchema: closed({ a: TEXT, b: TEXT }, { required: ['a'] }), outputSchema: closed({ r: TEXT }) };
  test('none between equal ones, in whatever order they are written', () => {
    expect(
      toolDifferences(before, {
        outputSchema: closed({ r: TEXT }),
        inputSchema: { required: ['a'], ...closed({ b: TEXT, a: TEXT }) },
      }),
    ).toEqual([]);
  });
  test('each in words', () => {
    const after = { inputSchema: closed({ a: { type: 'number' }, c: TEXT, d: TEXT }, { required: ['c'] }) };
    expect(toolDifferences(before, after)).toEqual([
      "input 'b' is gone",
      "input 'a' was string and is number",
      "input 'a' is required no longer",
      "input 'c' is new and required",
      "input 'd' is new",
      'it describes its output no longer',
    ]);
    expect(toolDifferences({ inputSchema: {} }, { inputSchema: { minProperties: 1 }, outputSchema: {} })).toEqual([
      'the input schema is different',
      'it describes its output now',
    ]);
  });
});
