import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { slowness } from '../../support/machine-speed.ts';
import { startRawServer, type RawMessage, type RawServer } from '../../support/raw-server.ts';
import { newWorkspace, type Workspace } from '../../support/workspace.ts';

/** A tool that looks at its input in every way the language has, and gives it back. */
const EAT = `
name: eat
input_schema:
  type: object
  properties:
    text: { type: string, pattern: '^(a+)+$' }
    words: { type: string, pattern: '(x+x+)+y' }
    number: { type: number }
    list: { type: array }
    any: {}
  patternProperties: { '^(b+)+$': { type: string } }
steps:
  - { id: whole, type: set, values: { input: '{{input}}', text: 'text {{input.text}}', any: '{{input.any}}' } }
  - { id: count, type: set, values: { n: '{% $count(input.list) %}', has: '{% "b" in input.list %}' } }
  - id: asks
    type: switch
    cases:
      - { when: "{{input.text}} contains 'zzz' or {{input.any}} == {{input.list}} or {{input.list}} contains {{input.any}}", steps: [{ id: odd, type: set, values: { a: 1 } }] }
  - { id: each, type: foreach, items: '{{input.list}}', when: '{{input.list}} exists', steps: [{ id: one, type: set, values: { v: '{{item}}' } }] }
output: { any: '{{whole.output.any}}', count: '{{count.output.n}}' }
`;

/** Asks a person, and a server, and hands on what they said. */
const HEAR = `
name: hear
steps:
  - { id: ask, type: elicit, message: What?, schema: { type: object, properties: { said: { type: string } } } }
  - { id: told, server: vision-agent-mcp, action: get_page_info }
  - { id: tell, server: vision-agent-mcp, action: fill_form, arguments: { fields: { said: '{{ask.output.said}}', told: '{{told.output}}', text: 'heard {{told.output.title}}' } } }
  - { id: words, type: set, values: { said: '{{ask.output.said}}', inside: '> {{ask.output.said}}', told: '{{told.output}}', counted: '{% $string(told.output.title) %}' } }
output: '{{words.output}}'
`;

const SPELL = '{{input.secret}} {% 6 * 7 %} {{variables.global.start_time}}';
const TOLD = `{"title": ${JSON.stringify(SPELL)}, "__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}`;

let workspace: Workspace;
let server: RawServer;

beforeAll(async () => {
  workspace = await newWorkspace({
    definitions: { 'eat.yaml': EAT, 'hear.yaml': HEAR },
    standIns: { 'vision-agent-mcp': {} },
    scripts: {
      'vision-agent-mcp': {
        // Read as JSON, so that `__proto__` is a member like any other.
        tools: JSON.parse(`{"get_page_info": [{"result": {"content": [], "structuredContent": ${TOLD}}}]}`) as object,
      },
    },
  });
  server = await startRawServer(workspace.path, [`--max-old-space-size=${HEAP_MB}`]);
});

afterAll(async () => {
  const code = await server.stop();
  await workspace.remove();
  expect(code).toBe(0);
});

const call = (name: string, args: string): ReturnType<RawServer['request']> =>
  server.request('tools/call', `{"name":"${name}","arguments":${args}}`);

const deep = (open: string, close: string, levels: number): string => `${open.repeat(levels)}1${close.repeat(levels)}`;
const A = 'a'.repeat(60);

/** The text of the arguments, and what comes of them: the result, a failed step, or a refusal of the call. */
const INPUTS: readonly (readonly [what: string, args: string, expected: 'done' | 'failed' | 'refused'])[] = [
  ['nothing', '{}', 'done'],
  ['ten thousand levels of objects', `{"any":${deep('{"a":', '}', 10_000)}}`, 'refused'],
  ['ten thousand levels of lists', `{"any":${deep('[', ']', 10_000)}}`, 'refused'],
  ['a prototype', '{"any":{"__proto__":{"polluted":1}}}', 'done'],
  ['a prototype at the top', '{"__proto__":{"polluted":1}}', 'done'],
  ['a constructor', '{"constructor":{"prototype":{"polluted":1}},"any":{"toString":1,"hasOwnProperty":2}}', 'done'],
  ['a pattern that backtracks', `{"text":"${A}!"}`, 'failed'],
  ['another pattern that backtracks', `{"words":"${'x'.repeat(40)}"}`, 'failed'],
  ['a pattern over names that backtracks', `{"${'b'.repeat(60)}!":"x"}`, 'failed'],
  ['a text of a mebibyte for a pattern', `{"text":"${'a'.repeat(1 << 20)}"}`, 'failed'],
  ['a text of a mebibyte', `{"any":"${'x'.repeat(1 << 20)}"}`, 'done'],
  ['a number beyond all numbers', '{"number":1e309}', 'failed'],
  ['a number beyond all numbers for nothing in particular', '{"any":[1e309]}', 'failed'],
  ['a number that is no integer any more', '{"any":9007199254740993}', 'done'],
  ['templates', `{"any":${JSON.stringify(SPELL)}}`, 'done'],
  ['half a character', '{"any":"\\ud800 \\udfff"}', 'done'],
  ['zeros and marks', '{"any":"\\u0000 \\ufeff \\u202e \\u2028"}', 'done'],
  ['the same key twice', '{"any":1,"any":2}', 'done'],
  ['ninety thousand entries', `{"list":[${'0,'.repeat(89_999)}0]}`, 'failed'],
  ['a hundred thousand entries', `{"list":[${'0,'.repeat(99_999)}0]}`, 'refused'],
  ['a million entries', `{"list":[${'0,'.repeat(999_999)}0]}`, 'refused'],
  [
    'fifteen thousand keys',
    `{"any":{${Array.from({ length: 15_000 }, (_, index) => `"k${index}":0`).join(',')}}}`,
    'done',
  ],
  ['keys that only look alike', '{"any":{"a":1,"\\u0430":2,"\\uff41":3}}', 'done'],
];

/**
 * Milliseconds of the server's processor time on the machine that `slowness` knows, the least of several tries, and one
 * more for so many bytes that were taken and kept.
 */
const CPU_MS = 200;
const BYTES_PER_MS = 10_000;
const TRIES = 3;
/** A served engine at rest holds about 50 MB: with this much and no more it lives through all of them. */
const HEAP_MB = 100;

describe('hostile arguments of a call, to the built server', () => {
  test.each(INPUTS)('%s: a clean answer', async (_what, args, expected) => {
    const allowed = CPU_MS + args.length / BYTES_PER_MS;
    let best = Infinity;
    let answer: RawMessage = {};
    for (let tries = 0; tries < TRIES && best > allowed; tries += 1) {
      const before = server.cpu();
      answer = await call('eat', args);
      best = Math.min(best, server.cpu() - before);
    }
    const { result, error } = answer;
    expect(best).toBeLessThanOrEqual(best > allowed ? allowed * slowness() : allowed);
    expect(error === undefined ? (result?.isError === true ? 'failed' : 'done') : 'refused').toBe(expected);
    expect(JSON.stringify(error ?? result)).not.toMatch(/\\n {4}at /);
  });
});

describe('what a person and a server say', () => {
  test('is never rendered again and reaches no prototype', async () => {
    server.onRequest = () =>
      `{"action":"accept","content":{"said":${JSON.stringify(SPELL)},"__proto__":{"polluted":1}}}`;
    const { result } = await call('hear', '{}');
    // The name of the prototype is dropped on the way by the SDKs; a constructor is a member like any other.
    const told = { title: SPELL, constructor: { prototype: { polluted: 1 } } };
    expect(result?.isError).not.toBe(true);
    expect(result?.structuredContent).toEqual({
      said: SPELL,
      inside: `> ${SPELL}`,
      told,
      counted: SPELL,
    });
    const heard = workspace.ledger().find(({ name }) => name === 'fill_form');
    expect(heard?.args).toEqual({ fields: { said: SPELL, told, text: `heard ${SPELL}` } });
  });
});
