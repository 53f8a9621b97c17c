import { describe, expect, it } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { digestOf, parseSnapshot } from '../../../src/definition/snapshot.ts';
import type { JsonValue } from '../../../src/core/json.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';

function parse(text: string, file = 'test.yaml'): ReturnType<typeof parseDefinition> {
  return parseDefinition(text, file, stepSyntaxes);
}

/** `line:column code message (hint)` of every issue. */
function issues(text: string, file = 'test.yaml'): string[] {
  return parse(text, file).issues.map(
    ({ line, column, code, message, hint }) =>
      `${line}:${column} ${code} ${message}${hint === undefined ? '' : ` (${hint})`}`,
  );
}

const STEP = '{"id": "a", "server": "s", "action": "t"}';

describe('parseDefinition', () => {
  it('fills in what may be left out and freezes the result', () => {
    const { loaded } = parse(`
name: full
x-owner: me
variables:
  input: {url: https://x, n: 1, list: [], any: null}
steps:
  - id: one
    server: s
    action: t
    when: true
  - id: two
    type: parallel
    tasks:
      - {id: inner, server: s, action: t, compensate: {id: undo, server: s, action: u}}
catch:
  - {match: timeout, steps: [{id: caught, server: s, action: t}]}
`);
    expect(loaded?.definition).toMatchObject({
      name: 'full',
      task: 'optional',
      strict: false,
      tags: [],
      tests: [],
      secrets: [],
      conditionals: [],
      variables: { global: {}, saved: {} },
      catch: [{ match: ['timeout'], steps: [{ type: 'tool', arguments: {} }] }],
    });
    expect(loaded?.definition.steps).toMatchObject([
      { id: 'one', type: 'tool', arguments: {}, when: 'true' },
      { id: 'two', tasks: [{ type: 'tool', arguments: {}, compensate: { type: 'tool', arguments: {} } }] },
    ]);
    expect(loaded?.definition.variables.output).toBeUndefined();
    expect(loaded?.definition.input_schema['properties']).toEqual({
      url: { type: 'string', default: 'https://x' },
      n: { type: 'number', default: 1 },
      list: { type: 'array', items: {}, default: [] },
      any: {},
    });
    expect(Object.keys(loaded?.definition ?? {})).not.toContain('x-owner');
    expect(Object.isFrozen(loaded?.definition.steps[1])).toBe(true);
  });

  it('takes the defaults of input_schema for arguments that are not given, unless variables.input has others', () => {
    const text = `name: defaults
input_schema:
  type: object
  properties: {a: {type: number, default: 1}, b: {default: 2}, c: {default: 3}, d: {type: string}, __proto__: {default: 4}}
variables: {input: {b: null, c: 30, e: 5}}
steps: [${STEP}]
`;
    const { loaded } = parse(text.replace(', __proto__: {default: 4}', ''));
    expect(loaded?.definition.variables.input).toEqual({ a: 1, b: 2, c: 30, e: 5 });
    expect(parse(text).loaded).toBeUndefined();
    expect(issues(text.replace('default: 1', 'default: one').replace(', __proto__: {default: 4}', ''))).toContainEqual(
      expect.stringMatching(/^4:\d+ invalid_default the default of 'a' does not fit input_schema/u),
    );
  });

  it('reads JSON and YAML as the same language: same definition, same digest', () => {
    const json = parse(`{"name": "same", "steps": [${STEP}]}`, 'a.json').loaded;
    const yaml = parse('name: same\nsteps:\n- {id: a, server: s, action: t}\n', 'b.yml').loaded;
    expect(yaml?.definition).toEqual(json?.definition);
    expect(yaml?.digest).toBe(json?.digest);
    expect(json?.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('gives another digest to other content, and none to another file name or layout', () => {
    const digest = (text: string): string | undefined => parse(text).loaded?.digest;
    expect(digest(`{"steps": [${STEP}], "name": "same"}`)).toBe(digest(`name: same\nsteps: [${STEP}]`));
    expect(digest(`{"steps": [${STEP}], "name": "other"}`)).not.toBe(digest(`name: same\nsteps: [${STEP}]`));
  });

  it('reports every issue of a document in one pass, with line, column, code and hint', () => {
    const text = `name: "a b"
stepz: 1
strict: "yes"
task: optinal
schedule: {type: cronn}
on_error: 3
steps:
  - id: 1
    server: x
    actoin: y
  - {id: b, type: tol}
  - id: list
    server: x
    action: y
    retry: {max_attempts: 0, backof: fixed}
    on_error: {stp: x}
    arguments: {q: "{{lst.output}}"}
  - 7
`;
    expect(issues(text)).toEqual([
      '1:7 invalid_value a workflow name has 1 to 128 letters, digits, _, . and - (it is the name of the tool)',
      "2:1 unknown_key unknown key 'stepz' (did you mean 'steps'?)",
      '3:9 invalid_type expected true or false, found text "yes"',
      '4:7 invalid_value expected optional, required, forbidden, found text "optinal" (did you mean \'optional\'?)',
      '5:18 invalid_value expected cron, interval, once, found text "cronn" (did you mean \'cron\'?)',
      '6:11 invalid_type expected a text or an object, found number 3',
      "8:5 missing_key missing key 'action'",
      '8:9 invalid_type expected a text, found number 1',
      "10:5 unknown_key unknown key 'actoin' (did you mean 'action'?)",
      "11:5 missing_key missing key 'server'",
      "11:5 missing_key missing key 'action'",
      '11:19 unknown_step_type unknown step type "tol" (did you mean \'tool\'?)',
      '15:27 invalid_value expected at least 1',
      "15:30 unknown_key unknown key 'backof' (did you mean 'backoff'?)",
      "16:15 missing_key missing key 'step'",
      "16:16 unknown_key unknown key 'stp' (did you mean 'step'?)",
      "17:20 unknown_step step 'lst' unknown (did you mean 'list'?)",
      '18:5 invalid_value expected a step (an object with `id` and `type`)',
    ]);
  });

  it('takes extension keys anywhere, and $schema', () => {
    const text = `{"$schema": "./x.json", "x-a": 1, "name": "a", "steps": [{"id": "a", "server": "s", "action": "t", "x-note": "n",
      "on_error": {"step": "b", "x-why": 1}, "retry": {"max_attempts": 2, "x-r": 1}}, {"id": "b", "server": "s", "action": "t"}]}`;
    expect(issues(text)).toEqual([]);
  });

  it.each<[string, string, string, string]>([
    ['not closed', '{"name": "a", "steps": [', 'a.json', '1:25 syntax not valid JSON: the document ends too early'],
    ['trailing comma', '{"name": "a",\n}', 'a.json', '2:1 syntax not valid JSON: expected a key in double quotes'],
    ['comment in JSON', '{\n// x\n}', 'a.json', '2:1 syntax not valid JSON: comments are not allowed here'],
    [
      'twice in JSON',
      '{"name": "a", "name": "b"}',
      'a.json',
      "1:15 duplicate_key the key 'name' is there twice (remove one of them)",
    ],
    [
      'twice in YAML',
      'name: a\nname: b',
      'a.yaml',
      "2:1 duplicate_key the key 'name' is there twice (remove one of them)",
    ],
    [
      'prototype in JSON',
      '{"__proto__": {"x": 1}}',
      'a.json',
      "1:2 forbidden_name the name '__proto__' is not allowed",
    ],
    ['prototype in YAML', 'a:\n  constructor: 1', 'a.yaml', "2:3 forbidden_name the name 'constructor' is not allowed"],
    ['empty', '', 'a.yaml', '1:1 syntax the document is empty'],
    ['a list', '[]', 'a.yaml', '1:1 invalid_type expected an object, found list of 0'],
    ['two documents', 'a: 1\n---\nb: 1', 'a.yaml', '2:1 syntax not valid YAML: more than one document in the file'],
    ['YAML 1.1', '%YAML 1.1\n---\na: yes', 'a.yaml', '1:1 syntax only YAML 1.2 is read (remove the %YAML line)'],
    ['infinite', 'a: .inf', 'a.yaml', '1:4 unsupported_value this value has no form in JSON'],
    ['unknown anchor', 'a: *b', 'a.yaml', "1:4 syntax no anchor '&b'"],
  ])('says where the text itself is wrong: %s', (_what, text, file, expected) => {
    expect(issues(text, file)[0]).toBe(expected);
  });

  it('refuses tags, also those of YAML itself that are not JSON', () => {
    for (const tag of ['!!js/function', '!custom', '!!binary', '!!set', '!!timestamp']) {
      expect(parse(`a: ${tag} x`).issues[0]?.code).toBe('unsupported_tag');
    }
  });

  it('copies aliases out and reads YAML 1.2 scalars', () => {
    const { loaded } = parse(`name: a
variables: {input: {no: no, date: 2026-01-01, oct: 010, x: &x {y: 1}, z: *x}}
steps: [${STEP}]`);
    expect(loaded?.definition.variables.input).toEqual({
      no: 'no',
      date: '2026-01-01',
      oct: 10,
      x: { y: 1 },
      z: { y: 1 },
    });
  });
});

describe('parseSnapshot', () => {
  it('gives back the same frozen definition and digest after a trip through JSON', () => {
    const loaded = parse(`{"name": "a", "steps": [${STEP}]}`).loaded;
    const stored = JSON.parse(JSON.stringify(loaded?.definition)) as JsonValue;
    const snapshot = parseSnapshot(stored);
    expect(snapshot).toEqual(loaded?.definition);
    expect(digestOf(snapshot)).toBe(loaded?.digest);
    expect(Object.isFrozen(snapshot.steps)).toBe(true);
  });

  it('refuses what is not a definition', () => {
    for (const value of [null, [], {}, { name: 'a', steps: [] }])
      expect(() => parseSnapshot(value)).toThrow('not a definition');
  });
});
