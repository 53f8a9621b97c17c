import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/core/json.ts';
import { createWorkspace, startBuiltServer, type BuiltServer, type Workspace } from '../../support/built-server.ts';
import { newCaseFolder } from '../../support/case-folder.ts';
import { rawRequest, textOf } from '../../support/raw-client.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { rawHttp } from '../../support/wire-clients.ts';
import type { WireClient } from '../../support/wire-client.ts';

/** Base64 of 40 KB. */
const PICTURE = 'iVBORw0K'.repeat(6_700);
const SCHEMA = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] };
const ask = {
  id: 'ask',
  type: 'elicit',
  message: 'Well?',
  schema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
};
const set = (values: JsonObject) => [{ id: 'made', type: 'set', values }];
const picture = { type: 'image', data: '{{made.output.data}}', mimeType: 'image/png' };
const words = { type: 'text', text: 'in words' };

const WORKFLOWS: Readonly<Record<string, JsonObject>> = {
  told: { steps: set({ ok: true }), result: { content: [words] } },
  told_error: { steps: set({ ok: true }), result: { content: [words], is_error: true } },
  told_picture: { steps: set({ data: 'aGk=' }), result: { content: [words, picture] } },
  told_schema: {
    steps: set({ ok: true }),
    output: { ok: true },
    output_schema: SCHEMA,
    result: { content: [words] },
  },
  plain: { steps: set({ ok: true }), output: { ok: true } },
  plain_schema: { steps: set({ ok: true }), output: { ok: true }, output_schema: SCHEMA },
  large_picture: { steps: set({ data: PICTURE }), result: { content: [picture] } },
  large_text: { steps: set({ data: 'x'.repeat(60_000) }), output: { text: '{{made.output.data}}' } },
  too_large: { steps: set({ data: 'x'.repeat(101_000) }), output: { text: '{{made.output.data}}' } },
  too_large_schema: {
    steps: set({ data: 'x'.repeat(101_000) }),
    output: { ok: true, text: '{{made.output.data}}' },
    output_schema: SCHEMA,
  },
  asks: { steps: [ask], output: { ok: true } },
  asks_schema: { steps: [ask], output: { ok: true }, output_schema: SCHEMA },
};

let workspace: Workspace;
let server: BuiltServer;
let client: WireClient;

beforeAll(async () => {
  const files = Object.entries(WORKFLOWS).map(([name, keys]) => [`${name}.json`, JSON.stringify({ name, ...keys })]);
  const folder = await newCaseFolder(Object.fromEntries(files));
  workspace = await createWorkspace(`${folder.path}/definitions`);
  await folder.remove();
  server = await startBuiltServer(workspace);
  client = await rawHttp(server);
});
afterAll(async () => {
  await client.close();
  await server.stop();
  await workspace.remove();
});

const NOTHING_DECLARED = { 'io.modelcontextprotocol/clientCapabilities': {} };

/** The ways to a result of a workflow. */
const WAYS: Readonly<Record<string, (name: string) => Promise<JsonObject>>> = {
  'a plain call of 2025-11-25': (name) => client.request('tools/call', { name, arguments: {} }),
  'a plain call of 2026-07-28': (name) =>
    rawRequest(server.url, 'tools/call', { name, arguments: {} }, NOTHING_DECLARED),
  'tasks/result of 2025-11-25': async (name) => client.request('tasks/result', { taskId: await begun(name) }),
  'the tool tasks_result': async (name) =>
    client.request('tools/call', { name: 'tasks_result', arguments: { taskId: await begun(name) } }),
  'tasks/get of 2026-07-28': async (name) => {
    const taskId = await begun(name);
    return waitUntil('the task has ended', async () => {
      const { result } = await rawRequest(server.url, 'tasks/get', { taskId });
      return result !== undefined && isJsonObject(result) && result;
    });
  },
};

async function begun(name: string): Promise<string> {
  const { task } = await client.request('tools/call', { name, arguments: {}, task: {} });
  return textOf(isJsonObject(task) ? task : {}, 'taskId');
}

/** The `task` that a plain call gave instead of the result. */
function handleIn({ structuredContent }: JsonObject): JsonObject {
  const task = isJsonObject(structuredContent) ? structuredContent['task'] : undefined;
  if (!isJsonObject(task)) throw new Error(`no handle: ${JSON.stringify(structuredContent)}`);
  return task;
}

function types({ content }: JsonObject): readonly JsonValue[] {
  return Array.isArray(content) ? content.map((block: JsonObject) => block['type'] ?? null) : [];
}

describe.each(Object.keys(WAYS))('the content that a definition words itself, by %s', (way) => {
  const resultOf = (name: string): Promise<JsonObject> => WAYS[way]?.(name) ?? Promise.reject(new Error(way));

  it.each(['told', 'told_error', 'told_picture'])(
    'A6: stands alone: no structured content beside it: %s',
    async (name) => {
      const result = await resultOf(name);
      expect(result['content']).toContainEqual(words);
      expect(result).not.toHaveProperty('structuredContent');
    },
  );

  it('A6: has the structured content beside it that an output_schema promises', async () => {
    const result = await resultOf('told_schema');
    expect(result).toMatchObject({ content: [words], structuredContent: { ok: true } });
  });

  it.each(['plain', 'plain_schema'])(
    'A6: where there is none, the output is structured and the same as text: %s',
    async (name) => {
      const text = JSON.stringify({ ok: true });
      const result = await resultOf(name);
      expect(result).toMatchObject({ content: [{ type: 'text', text }], structuredContent: { ok: true } });
    },
  );

  it.each(['large_picture', 'large_text'])('A6: counts once for the limit of a result: %s', async (name) => {
    const result = await resultOf(name);
    expect(types(result)).toEqual([name === 'large_picture' ? 'image' : 'text']);
    expect(JSON.stringify(result).length).toBeGreaterThan(50_000);
  });
});

describe('a call that is answered with a task', () => {
  const PLAIN = Object.keys(WAYS).slice(0, 2);
  const cases = PLAIN.flatMap((way) => ['asks', 'asks_schema'].map((name) => [way, name] as const));

  it.each(cases)('A6: says inside its structured content too what to do next: %s, %s', async (way, name) => {
    const task = handleIn((await WAYS[way]?.(name)) ?? {});
    expect(JSON.stringify(task)).toContain('do not call it again');
    expect(JSON.stringify(task)).toContain('tasks_');
    expect(task).toMatchObject({ taskId: expect.any(String), status: 'input_required' });
  });

  it.each(PLAIN)(
    'A6: says inside its structured content where a result that is too large can be read: %s',
    async (way) => {
      const task = handleIn((await WAYS[way]?.('too_large_schema')) ?? {});
      expect(JSON.stringify(task)).toContain(`workflow://tasks/${textOf(task, 'taskId')}/result`);
    },
  );

  it.each(PLAIN)('A6: a result that is really too large is a text and a link, as ever: %s', async (way) => {
    const result = (await WAYS[way]?.('too_large')) ?? {};
    expect(types(result)).toEqual(['text', 'resource_link']);
    expect(result).not.toHaveProperty('structuredContent');
  });

  it.each(['tasks_get', 'tasks_result'])(
    'A6: what %s says to do next is in its structured content too',
    async (name) => {
      const taskId = await begun('asks');
      const result = await client.request('tools/call', { name, arguments: { taskId, wait_seconds: 30 } });
      expect(JSON.stringify(result['structuredContent'])).toContain('tasks_update');
    },
  );
});
