import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../../src/core/json.ts';
import { newCaseFolder, type CaseFolder } from '../../support/case-folder.ts';
import { startHttpServer, type TestHttpServer } from '../../support/http-server.ts';
import { startRawServer, type RawMessage, type RawServer } from '../../support/raw-server.ts';

const VERBATIM = fileURLToPath(new URL('../../support/servers/verbatim.mjs', import.meta.url));
const TEXT = { type: 'text', text: 'done' };
/** Tools, resources and prompts by name, each with the answer of the server. */
type Answers = Readonly<Record<string, JsonObject>>;

/** A member that may be absent is null. Each of these is an answer like any other. */
const NULLS: Answers = {
  is_error: { result: { content: [TEXT], isError: null } },
  structured: { result: { content: [TEXT], structuredContent: null } },
  meta: { result: { content: [TEXT], _meta: null } },
  everything: { result: { content: [TEXT], isError: null, structuredContent: null, _meta: null, task: null } },
  no_content: { result: { content: null, structuredContent: { text: 'done' } } },
  in_a_block: { result: { content: [{ ...TEXT, annotations: null, _meta: null }] } },
  error_beside_it: { result: { content: [TEXT] }, error: null },
  progress: { progress: { progress: 1, total: null, message: null }, result: { content: [TEXT] } },
  'case://resource': {
    result: { contents: [{ uri: 'case://resource', text: 'done', blob: null, mimeType: null, _meta: null }] },
  },
  a_prompt: {
    result: { description: null, messages: [{ role: 'user', content: { ...TEXT, annotations: null } }], _meta: null },
  },
};

/** The same in what a server says of itself and its tools. */
const GREETINGS: Readonly<Record<string, JsonObject>> = {
  instructions: { initialize: { instructions: null, _meta: null } },
  server_title: { initialize: { serverInfo: { name: 'verbatim', version: '1', title: null, websiteUrl: null } } },
  capability: { initialize: { capabilities: { tools: { listChanged: null }, prompts: null, logging: null } } },
  next_cursor: { list: { nextCursor: null, _meta: null } },
  tool_members: {
    tools: [
      {
        name: 'go',
        title: null,
        description: null,
        inputSchema: { type: 'object', properties: null, required: null },
        outputSchema: null,
        annotations: null,
        execution: null,
        icons: null,
        _meta: null,
      },
    ],
  },
};

/** Answers that came and cannot be used: what was asked has been done, whatever the server says of it. */
const UNUSABLE: Answers = {
  content_text: { result: { content: 'done' } },
  content_object: { result: { content: TEXT } },
  block_without_type: { result: { content: [{ text: 'done' }] } },
  block_null: { result: { content: [null] } },
  is_error_text: { result: { content: [TEXT], isError: 'no' } },
  result_text: { result: 'done' },
  result_list: { result: [TEXT] },
  result_null: { result: null },
  'case://unusable': { result: { contents: 'done' } },
  unusable_prompt: { result: { messages: null } },
};

/** An error like any other, with a member that may be absent. */
const ERRORS: Answers = {
  error_data: { error: { code: -32050, message: 'out of paper', data: null } },
  error_result: { error: { code: -32050, message: 'out of paper' }, result: null },
};

/** Over HTTP, in both generations: every member that may be absent is null. */
const WEB = ['2025-11-25', '2026-07-28'] as const;

/** Over HTTP: what a server answers a call with that it has done. Nothing of it can be used. */
const WEB_UNUSABLE: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
  web_no_json: (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0",'),
  web_other_id: (response) =>
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id: 4711, result: { content: [TEXT] } })),
  web_nothing: (response) => response.writeHead(202).end(),
  web_event: (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"jsonrpc\n\n'),
};

async function startWebServer(
  revision: (typeof WEB)[number],
  callAnswer?: (response: ServerResponse) => unknown,
): Promise<TestHttpServer & { readonly calls: string[] }> {
  const calls: string[] = [];
  const common = { serverInfo: { name: 'web', version: '1', title: null }, instructions: null, _meta: null };
  const newer = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' };
  const capabilities = { tools: { listChanged: null }, prompts: null };
  const results: Readonly<Record<string, JsonObject>> = {
    ...(revision === '2026-07-28'
      ? { 'server/discover': { ...newer, ...common, supportedVersions: [revision], capabilities } }
      : { initialize: { ...common, protocolVersion: revision, capabilities } }),
    'tools/list': {
      ...newer,
      tools: [{ name: 'go', title: null, inputSchema: { type: 'object' }, annotations: null }],
      nextCursor: null,
      _meta: null,
    },
    'tools/call': { resultType: 'complete', content: [TEXT], isError: null, structuredContent: null, _meta: null },
  };
  const server = await startHttpServer((_, response, body) => {
    const { id, method } = isJsonObject(body) ? body : {};
    if (typeof method === 'string') calls.push(method);
    if (id === undefined || typeof method !== 'string') return response.writeHead(202).end();
    if (method === 'tools/call' && callAnswer !== undefined) return callAnswer(response);
    const result = results[method];
    const answer = result === undefined ? { error: { code: -32601, message: 'Method not found' } } : { result };
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  });
  return { ...server, calls };
}

const PROMPTS = new Set(['a_prompt', 'unusable_prompt']);

function workflowName(name: string): string {
  return name.replaceAll(/\W+/gu, '_');
}

/** One step that asks for it, and tries again as our own starters do: when there was no answer. */
function definition(name: string, server = 'verbatim', workflow = name): string {
  const call = name.includes(':')
    ? { type: 'resource', uri: name }
    : PROMPTS.has(name)
      ? { type: 'prompt', action: name }
      : { action: name };
  const retry = { max_attempts: 2, retry_on: ['timeout', 'transport'] };
  const steps = [{ id: 'call', server, ...call, retry }];
  return JSON.stringify({ name: workflowName(workflow), steps, output: { text: '{{call.output}}' } });
}

let folder: CaseFolder;
let server: RawServer;
const web = new Map<string, Awaited<ReturnType<typeof startWebServer>>>();
const answers = new Map<string, RawMessage>();

beforeAll(async () => {
  const all = { ...NULLS, ...UNUSABLE, ...ERRORS };
  for (const revision of WEB) web.set(revision, await startWebServer(revision));
  for (const [name, answer] of Object.entries(WEB_UNUSABLE)) web.set(name, await startWebServer('2025-11-25', answer));
  const names = [...Object.keys(all), ...Object.keys(GREETINGS), ...web.keys()];
  const file = (name: string): string => join(folder.path, `${name}.script.json`);
  folder = await newCaseFolder(
    Object.fromEntries([
      ...Object.keys(all).map((name) => [`${workflowName(name)}.json`, definition(name)]),
      ...[...Object.keys(GREETINGS), ...web.keys()].map((name) => [`${name}.json`, definition('go', name, name)]),
    ]),
  );
  const tool = (name: string) => ({ name, inputSchema: { type: 'object' } });
  const go = { tools: [tool('go')], answers: { go: { result: { content: [TEXT] } } } };
  await writeFile(file('verbatim'), JSON.stringify({ tools: Object.keys(all).map(tool), answers: all }));
  for (const [name, script] of Object.entries(GREETINGS)) {
    await writeFile(file(name), JSON.stringify({ ...go, ...script }));
  }
  const entry = (name: string) => ({
    command: process.execPath,
    args: [VERBATIM, file(name)],
    env: { LEDGER: join(folder.path, 'ledger.jsonl') },
    timeout_seconds: 60,
    max_concurrent: 64,
  });
  const mcpServers = Object.fromEntries([
    ...['verbatim', ...Object.keys(GREETINGS)].map((name) => [name, entry(name)]),
    ...[...web].map(([name, { url }]) => [name, { url, timeout_seconds: 60 }]),
  ]);
  await writeFile(join(folder.path, 'servers.json'), JSON.stringify({ mcpServers }));
  server = await startRawServer(folder.path);
  await Promise.all(
    names.map(async (name) => {
      const params = JSON.stringify({ name: workflowName(name), arguments: {} });
      answers.set(name, await server.request('tools/call', params));
    }),
  );
});
afterAll(async () => {
  await server.stop();
  for (const each of web.values()) await each.close();
  await folder.remove();
});

function textOf(name: string): string {
  const { result, error } = answers.get(name) ?? {};
  if (result === undefined) throw new Error(error?.message ?? 'no answer');
  return JSON.stringify(result);
}

function timesCalled(name: string): number {
  const lines = readFileSync(join(folder.path, 'ledger.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.filter((line) => (JSON.parse(line) as JsonObject)['name'] === name).length; // an object a line
}

describe('a null where a member may be absent', () => {
  it.each(Object.keys(NULLS))('A3: is an absent one, and what was asked is done once: %s', (name) => {
    expect(answers.get(name)?.result?.isError, textOf(name)).not.toBe(true);
    expect(textOf(name)).toContain('done');
    expect(timesCalled(name)).toBe(1);
  });

  it.each(Object.keys(GREETINGS))('A3: is an absent one in what a server says of itself: %s', (name) => {
    expect(answers.get(name)?.result?.isError, textOf(name)).not.toBe(true);
    expect(textOf(name)).toContain('done');
  });

  it.each(WEB)('A3: is an absent one over HTTP too, and what was asked is done once: %s', (revision) => {
    expect(answers.get(revision)?.result?.isError, textOf(revision)).not.toBe(true);
    expect(textOf(revision)).toContain('done');
    expect(web.get(revision)?.calls.filter((method) => method === 'tools/call')).toHaveLength(1);
  });

  it.each(Object.keys(ERRORS))('A3: in an error leaves it the error that it is: %s', (name) => {
    expect(textOf(name)).toContain("step 'call' failed (-32050)");
    expect(textOf(name)).toContain('out of paper');
    expect(timesCalled(name)).toBe(1);
  });

  it.each(Object.keys(WEB_UNUSABLE))(
    'A3: is no failed transport over HTTP either, and is not asked for again: %s',
    (name) => {
      expect(textOf(name)).toContain("step 'call' failed (invalid_output)");
      expect(web.get(name)?.calls.filter((method) => method === 'tools/call')).toHaveLength(1);
    },
  );
});

describe('an answer that cannot be used', () => {
  it.each(Object.keys(UNUSABLE))('A3: is no failed transport, and is not asked for again: %s', (name) => {
    expect(textOf(name)).toContain("step 'call' failed (invalid_output)");
    expect(timesCalled(name)).toBe(1);
  });
});
