import { ResultSchema, ToolSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newCaseFolder, validated, type CaseFolder } from '../../support/case-folder.ts';
import { serveEngine, type ServedEngine } from '../../support/served-engine.ts';
import { specCheck } from '../../support/spec-schemas.ts';

/** Schemas that JSON Schema allows, and that a client's own schema of a tool may not. */
const SCHEMAS = {
  input_true: 'input_schema: { type: object, properties: { a: true } }',
  input_false: 'input_schema: { type: object, properties: { a: false } }',
  one_of_two: 'input_schema: { type: object, properties: { a: { type: string }, b: true }, required: [b] }',
  output_true: 'output_schema: { type: object, properties: { done: true } }',
  output_false: 'output_schema: { type: object, properties: { done: { type: boolean }, never: false } }',
  output_any_of: 'output_schema: { type: object, properties: { done: true }, anyOf: [{ required: [done] }] }',
  deeper: 'input_schema: { type: object, properties: { a: { type: object, properties: { b: true, c: false } } } }',
  by_pattern: 'input_schema: { type: object, patternProperties: { ^a: true }, additionalProperties: false }',
} as const;

let folder: CaseFolder;
let engine: ServedEngine;
let client: Awaited<ReturnType<ServedEngine['connect']>>;
let published: ReadonlyMap<string, unknown>;
const refused = new Set<string>();

beforeAll(async () => {
  const all = Object.entries({ bystander: 'tags: [a]', ...SCHEMAS });
  const step = 'steps:\n  - { id: a, type: set, values: { done: true } }\noutput: { done: true }\n';
  folder = await newCaseFolder(
    Object.fromEntries(all.map(([name, keys]) => [`${name}.yaml`, `name: ${name}\n${keys}\n${step}`])),
  );
  engine = serveEngine('stdio', folder.path);
  const [found, connected] = await Promise.all([validated(folder), engine.connect()]);
  client = connected;
  for (const [name] of all) {
    if (found(`${name}.yaml`).some(({ severity }) => severity === 'error')) refused.add(name);
  }
  const { tools } = await client.request({ method: 'tools/list' }, ResultSchema);
  published = new Map((tools as readonly { readonly name: string }[]).map((tool) => [tool.name, tool]));
});
afterAll(async () => {
  await engine.stop();
  await folder.remove();
});

describe('the list of tools', () => {
  it('A1: is accepted by a client whatever a definition says, and holds every tool that validate accepts', async () => {
    const { tools } = await client.listTools();
    const names = tools.map(({ name }) => name);
    const right = ['bystander', ...Object.keys(SCHEMAS)].filter((name) => !refused.has(name));
    expect(names).toEqual(expect.arrayContaining(right));
  });

  it.each(Object.keys(SCHEMAS))(
    'A1: a tool is published in a form that clients accept, or validate says what is wrong with it: %s',
    (name) => {
      const tool = published.get(name);
      expect(tool === undefined).toBe(refused.has(name));
      if (tool === undefined) return;
      expect(ToolSchema.safeParse(tool).error?.issues).toBeUndefined();
      for (const revision of ['2025-11-25', '2026-07-28'] as const) {
        expect(specCheck(revision, 'Tool')?.(tool), revision).toBeUndefined();
      }
    },
  );

  it('A1: what a schema of true or false means is what the call is held to', async () => {
    const call = async (name: string): Promise<boolean> => {
      const { isError } = await client.request(
        { method: 'tools/call', params: { name, arguments: { a: 'x' } } },
        ResultSchema,
      );
      return isError === true;
    };
    if (!refused.has('input_true')) expect(await call('input_true')).toBe(false);
    if (!refused.has('input_false')) expect(await call('input_false')).toBe(true);
  });
});
