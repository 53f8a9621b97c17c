import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { createWorkspace, startBuiltServer, type BuiltServer, type Workspace } from '../../support/built-server.ts';
import { newCaseFolder } from '../../support/case-folder.ts';
import { RawError, rawRequest } from '../../support/raw-client.ts';
import { initializeParams } from '../../support/wire-client.ts';

const set = [{ id: 'a', type: 'set', values: { done: true } }];
const form = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
const question = { message: 'Who?', schema: form };
const WORKFLOWS = [
  { name: 'plain', steps: set },
  { name: 'always_a_task', steps: set, task: 'required' },
  { name: 'asks_a_person', steps: [{ id: 'ask', type: 'elicit', ...question }], task: 'forbidden' },
  { name: 'asks_a_model', steps: [{ id: 'turn', type: 'llm', prompt: 'Hi' }], task: 'forbidden' },
  { name: 'greeting', steps: set, prompt: { ask: question, messages: [{ role: 'user', content: 'Hi' }] } },
];
const SECRET = 'a-token-of-the-tests';
const APP = 'https://app.example';

let workspace: Workspace;
let server: BuiltServer;
let guarded: BuiltServer;

beforeAll(async () => {
  const files = WORKFLOWS.map((workflow) => [`${workflow.name}.json`, JSON.stringify(workflow)]);
  const folder = await newCaseFolder(Object.fromEntries(files));
  workspace = await createWorkspace(`${folder.path}/definitions`);
  await folder.remove();
  const flags = ['--allowed-origins', `${APP},https://two.example:8443`];
  [server, guarded] = await Promise.all([
    startBuiltServer(workspace, { flags }),
    startBuiltServer(workspace, { flags, token: { name: 'tester', secret: SECRET } }),
  ]);
});
afterAll(async () => {
  await Promise.all([server.stop(), guarded.stop()]);
  await workspace.remove();
});

const JSON_AND_STREAM = 'application/json, text/event-stream';

function message(method: string, params: JsonObject): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
}

const INITIALIZE = message('initialize', initializeParams({}));

/** A handshake of 2025-11-25 by a bare POST. */
function greet(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { accept: JSON_AND_STREAM, 'content-type': 'application/json', ...headers },
    body: INITIALIZE,
  });
}

/** `tools/list` of 2026-07-28 by a bare POST. */
function listTools(url: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'bare', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/list',
      ...headers,
    },
    body: message('tools/list', { _meta }),
  });
}

/** The names in a header that is a list. */
function listed(response: Response, header: string): readonly string[] {
  return (response.headers.get(header) ?? '').split(',').map((name) => name.trim().toLowerCase());
}

/** What tells a browser that a page may read the answer. */
function permissions(response: Response): readonly string[] {
  return [...response.headers.keys()].filter((name) => name.startsWith('access-control-'));
}

const HEADERS = [
  'authorization',
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-param-a',
  'mcp-protocol-version',
  'mcp-session-id',
];

function ask(url: string, origin: string, method = 'POST'): Promise<Response> {
  const headers = {
    origin,
    'access-control-request-method': method,
    'access-control-request-headers': HEADERS.join(','),
  };
  return fetch(url, { method: 'OPTIONS', headers });
}

const ALLOWED = [APP, 'https://two.example:8443', 'http://localhost:5173', 'http://127.0.0.1:6274'];
const OTHERS = [
  'https://evil.example',
  'null',
  `${APP}.evil.example`,
  `${APP}:8443`,
  'http://app.example',
  'https://two.example',
  'https://localhost.evil.example',
];

describe('a web page', () => {
  it.each(ALLOWED.flatMap((origin) => ['POST', 'GET', 'DELETE'].map((method) => [origin, method] as const)))(
    'B3: of an allowed origin is told that it may call: %s, %s',
    async (origin, method) => {
      const response = await ask(server.url, origin, method);
      expect([200, 204]).toContain(response.status);
      expect(response.headers.get('access-control-allow-origin')).toBe(origin);
      expect(listed(response, 'access-control-allow-methods')).toContain(method.toLowerCase());
      expect(listed(response, 'access-control-allow-headers')).toEqual(expect.arrayContaining(HEADERS));
      expect(listed(response, 'vary')).toContain('origin');
    },
  );

  it('B3: is told so without a token, which a browser does not send with its question', async () => {
    const response = await ask(guarded.url, APP);
    expect([200, 204]).toContain(response.status);
    expect(response.headers.get('access-control-allow-origin')).toBe(APP);
  });

  it.each(ALLOWED)('B3: of an allowed origin can read the answer and the headers that it needs: %s', async (origin) => {
    for (const response of [
      await greet(server.url, { origin }),
      await listTools(server.url, { origin, accept: JSON_AND_STREAM }),
    ]) {
      expect(response.status).toBe(200);
      expect(response.headers.get('access-control-allow-origin')).toBe(origin);
      expect(listed(response, 'access-control-expose-headers')).toEqual(
        expect.arrayContaining(['mcp-session-id', 'mcp-protocol-version']),
      );
      expect(listed(response, 'vary')).toContain('origin');
      await response.text();
    }
  });

  it.each([
    ['no token', 401, () => greet(guarded.url, { origin: APP })],
    ['another media type', 415, () => greet(server.url, { origin: APP, 'content-type': 'text/plain' })],
    ['no such session', 404, () => greet(server.url, { origin: APP, 'mcp-session-id': 'none' })],
    ['no such page', 404, () => greet(`${server.url}x`, { origin: APP })],
    [
      'no JSON',
      400,
      () =>
        fetch(server.url, { method: 'POST', headers: { origin: APP, 'content-type': 'application/json' }, body: '{' }),
    ],
  ] as const)('B3: of an allowed origin can read why it was refused: %s', async (_, status, request) => {
    const response = await request();
    expect(response.headers.get('access-control-allow-origin')).toBe(APP);
    expect([status, 400]).toContain(response.status);
  });

  it.each(OTHERS)('B3: of any other origin is refused and told nothing: %s', async (origin) => {
    for (const response of [await ask(server.url, origin), await greet(server.url, { origin })]) {
      expect(response.status).toBe(403);
      expect(permissions(response)).toEqual([]);
    }
  });

  it('B3: is what these headers are for: a program without an origin gets none', async () => {
    expect(permissions(await greet(server.url))).toEqual([]);
  });
});

/** The text of a stream as far as the first event that fits, and no further. */
async function readUntil(response: Response, fits: RegExp): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (fits.test(text)) break;
  }
  return text;
}

/** The pauses that a stream asks for, ms. */
function retries(text: string): readonly number[] {
  return [...text.matchAll(/^retry: ?(\d+)$/gmu)].map(([, ms]) => Number(ms));
}

describe('a stream that breaks off', () => {
  it('B5: asks the client to wait long enough for a restart before it comes back', async () => {
    const greeted = await greet(server.url);
    const session = greeted.headers.get('mcp-session-id') ?? '';
    const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25', accept: JSON_AND_STREAM };
    const first = await readUntil(greeted, /"result"/u);
    const called = await fetch(server.url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: message('tools/call', { name: 'plain', arguments: {} }),
    });
    const second = await readUntil(called, /"result"/u);
    const listening = await fetch(server.url, { headers: { ...headers, accept: 'text/event-stream' } });
    const third = await readUntil(listening, /\n\n/u);
    const asked = [first, second, third].flatMap(retries);
    expect(asked.length).toBeGreaterThanOrEqual(2);
    expect(Math.min(...asked)).toBeGreaterThanOrEqual(4_000);
  });
});

const NOTHING_DECLARED = { 'io.modelcontextprotocol/clientCapabilities': {} };

async function refusal(method: string, params: JsonObject): Promise<RawError> {
  try {
    throw new Error(`answered: ${JSON.stringify(await rawRequest(server.url, method, params, NOTHING_DECLARED))}`);
  } catch (error) {
    if (error instanceof RawError) return error;
    throw error;
  }
}

describe('a request that needs what the client did not declare', () => {
  it.each([
    ['tools/call', 'always_a_task', 'io.modelcontextprotocol/tasks'],
    ['tools/call', 'asks_a_person', 'elicitation'],
    ['tools/call', 'asks_a_model', 'sampling'],
    ['prompts/get', 'greeting', 'elicitation'],
  ])('B6: is told what it is about and what to declare: %s %s', async (method, name, capability) => {
    const { code, message: text } = await refusal(method, { name, arguments: {} });
    expect(code).toBe(-32_021);
    expect(text).toContain(name);
    expect(text).toContain(capability);
  });

  it.each([
    ['subscriptions/listen', { notifications: { taskIds: ['a'] } }],
    ['tasks/get', { taskId: 'a' }],
    ['tasks/cancel', { taskId: 'a' }],
  ] as const)('B6: is told what to declare where it is about no tool: %s', async (method, params) => {
    const { code, message: text } = await refusal(method, params);
    expect(code).toBe(-32_021);
    expect(text).toContain('io.modelcontextprotocol/tasks');
  });
});

describe('a client that is not strict about HTTP', () => {
  it.each(['*/*', 'application/json, */*', 'application/json, text/*', 'application/*, text/event-stream'])(
    'B6: is answered in both generations with Accept: %s',
    async (accept) => {
      const [older, newer] = [await greet(server.url, { accept }), await listTools(server.url, { accept })];
      expect([older.status, newer.status]).toEqual([200, 200]);
      expect(await older.text()).toContain('"serverInfo"');
      expect(await newer.text()).toContain('"tools"');
    },
  );

  it('B6: is answered at the address with a slash behind it', async () => {
    const url = `${server.url}/`;
    const older = await greet(url);
    expect(older.status).toBe(200);
    expect(await older.text()).toContain('"serverInfo"');
    const session = older.headers.get('mcp-session-id') ?? '';
    const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
    const stream = await fetch(url, { headers: { ...headers, accept: '*/*' } });
    expect(stream.status).toBe(200);
    await stream.body?.cancel();
    expect((await fetch(url, { method: 'DELETE', headers })).status).toBe(200);
    const newer = await listTools(url, { accept: JSON_AND_STREAM });
    expect(newer.status).toBe(200);
    expect(await newer.text()).toContain('"tools"');
  });

  it('B6: is told where to go by any other address', async () => {
    expect((await greet(`${server.url}/other`)).status).toBe(404);
  });
});
