import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';

/** The errors of a call with these arguments of a tool that takes these, as just asked or as remembered. */
function errorsOf(args: JsonObject, inputSchema: JsonObject, askedAt?: string): readonly string[] {
  const text = JSON.stringify({ name: 'w', steps: [{ id: 'call', server: 's', action: 't', arguments: args }] });
  const tools = new Map([['t', { inputSchema: { type: 'object', ...inputSchema } }]]);
  const known = new Map([['s', { tools, ...(askedAt === undefined ? {} : { askedAt }) }]]);
  const { issues } = parseDefinition(text, 'w.json', stepSyntaxes, { known });
  return issues.filter(({ severity }) => severity === 'error').map(({ message }) => message);
}

const scale = { type: 'string', enum: ['css', 'device'], default: 'css' };
const NESTED = { type: 'object', properties: { scale }, required: ['scale'] };
const template = '{{task.id}}';

describe('an argument that a tool insists on and has a default for', () => {
  const FILLED: Readonly<Record<string, readonly [JsonObject, JsonObject]>> = {
    'beside a template': [{ file: template }, { properties: { file: { type: 'string' }, scale }, required: ['scale'] }],
    'in fixed arguments': [{ file: 'a' }, { properties: { file: { type: 'string' }, scale }, required: ['scale'] }],
    'without any argument': [{}, { properties: { scale }, required: ['scale'] }],
    'in a closed schema': [{}, { properties: { scale }, required: ['scale'], additionalProperties: false }],
    'whose default is null': [{}, { properties: { a: { type: ['string', 'null'], default: null } }, required: ['a'] }],
    'whose default is false': [{}, { properties: { a: { type: 'boolean', default: false } }, required: ['a'] }],
    'deeper inside': [{ shot: { file: template } }, { properties: { shot: NESTED }, required: ['shot'] }],
    'deeper inside of fixed arguments': [{ shot: {} }, { properties: { shot: NESTED }, required: ['shot'] }],
    'in the items of a list': [{ shots: [{}, {}] }, { properties: { shots: { type: 'array', items: NESTED } } }],
    'behind a reference': [
      { shot: {} },
      { properties: { shot: { $ref: '#/$defs/shot' } }, $defs: { shot: NESTED }, required: ['shot'] },
    ],
    'that is itself behind a reference': [
      {},
      { properties: { scale: { $ref: '#/$defs/scale' } }, $defs: { scale }, required: ['scale'] },
    ],
  };

  it.each(Object.keys(FILLED))('A11: is not missing, since the server fills it in: %s', (name) => {
    const [args, schema] = FILLED[name] ?? [{}, {}];
    expect(errorsOf(args, schema)).toEqual([]);
    expect(errorsOf(args, schema, '2026-11-28T00:00:00.000Z')).toEqual([]);
  });

  it.each([
    ['has no default', { file: template }, { properties: { scale: { type: 'string' } }, required: ['scale'] }],
    ['is not described', { file: template }, { required: ['scale'] }],
    ['has no default and all else is fixed', {}, { properties: { scale: { type: 'string' } }, required: ['scale'] }],
    ['has none deeper inside', { a: {} }, { properties: { a: { type: 'object', required: ['scale'] } } }],
  ] as const)('A11: is missing where it %s', (_, args, schema) => {
    expect(errorsOf(args, schema)).toEqual([expect.stringContaining('scale')]);
  });

  it('A11: is held to its schema where it is given', () => {
    expect(errorsOf({ scale: 'huge' }, { properties: { scale }, required: ['scale'] })).not.toEqual([]);
    expect(errorsOf({ scale: 5 }, { properties: { scale }, required: ['scale'] })).not.toEqual([]);
  });

  it('A11: is missing in a call of another workflow, whose own check fills nothing in', () => {
    const text = JSON.stringify({
      name: 'w',
      steps: [{ id: 'child', type: 'workflow', workflow: 'other', input: {} }],
    });
    const workflows = new Map([['other', { input: { type: 'object', properties: { scale }, required: ['scale'] } }]]);
    const { issues } = parseDefinition(text, 'w.json', stepSyntaxes, { workflows });
    expect(issues).toContainEqual(
      expect.objectContaining({ severity: 'error', message: expect.stringContaining('scale') }),
    );
  });
});
