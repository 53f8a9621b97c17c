import { connect as connectSocket } from 'node:net';
import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateTaskResultSchema, TaskStatusNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import {
  createHttpFront,
  HttpConfigError,
  type HttpFront,
  type HttpFrontOptions,
} from '../../../src/transports/http.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { protocolDeps } from '../../support/protocol-deps.ts';
import { HttpConversations, jsonOf } from '../../support/wire-watch.ts';

const fronts: HttpFront[] = [];
const clients: Client[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const front of fronts.splice(0)) await front.close();
});

async function serve(deps: ReturnType<typeof protocolDeps>, more: Partial<HttpFrontOptions> = {}): Promise<HttpFront> {
  const front = await createHttpFront({ deps, host: '127.0.0.1', port: 0, drainMs: 200, ...more });
  fronts.push(front);
  return front;
}

async function connect(
  front: HttpFront,
  token?: string,
): Promise<{ client: Client; transport: StreamableHTTPClientTransport }> {
  const transport = new StreamableHTTPClientTransport(
    new URL(`${front.url}/mcp`),
    token === undefined ? {} : { requestInit: { headers: { authorization: `Bearer ${token}` } } },
  );
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport);
  clients.push(client);
  return { client, transport };
}

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};
const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

const conversations = new HttpConversations();

/** Node's own client, since fetch does not let a test choose Host. */
function send(
  url: string,
  options: { method?: string; headers?: Record<string, string | string[]>; body?: string } = {},
): Promise<{ status: number; headers: Record<string, unknown>; text: string }> {
  const session = options.headers?.['mcp-session-id'];
  const watch = conversations.sent(typeof session === 'string' ? session : null, jsonOf(options.body ?? ''));
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method: options.method ?? 'POST', headers: options.headers ?? {} }, (answer) => {
      let text = '';
      const reader = url.endsWith('/mcp') ? watch(answer.headers['content-type'] ?? '') : undefined;
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        reader?.push(chunk);
      });
      answer.on('end', () => {
        reader?.end();
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
      });
    });
    sent.on('error', reject);
    sent.end(options.body);
  });
}

describe('sessions of 2025-11-25 over HTTP', () => {
  test('a client works through a session and ends it by DELETE; the id is then unknown', async () => {
    const deps = protocolDeps();
    deps.publish('greet', async () => ({ content: [{ type: 'text', text: 'hi' }] }));
    const front = await serve(deps);
    const { client, transport } = await connect(front);
    expect(await client.callTool({ name: 'greet', arguments: {} })).toEqual({
      content: [{ type: 'text', text: 'hi' }],
    });
    const id = transport.sessionId ?? '';
    await transport.terminateSession();
    const after = await send(`${front.url}/mcp`, {
      headers: { ...HEADERS, 'mcp-session-id': id },
      body: JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/list' }),
    });
    expect(after.status).toBe(404);
  });

  test('a request without a session is 400, with an unknown one 404, and a client cannot choose its id', async () => {
    const front = await serve(protocolDeps());
    const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    expect((await send(`${front.url}/mcp`, { headers: HEADERS, body: list })).status).toBe(400);
    const chosen = { ...HEADERS, 'mcp-session-id': 'mine' };
    expect((await send(`${front.url}/mcp`, { headers: chosen, body: list })).status).toBe(404);
    expect((await send(`${front.url}/mcp`, { headers: chosen, body: JSON.stringify(INITIALIZE) })).status).toBe(404);
  });

  test('an unsupported protocol-version header is 400', async () => {
    const front = await serve(protocolDeps());
    const { transport } = await connect(front);
    const answer = await send(`${front.url}/mcp`, {
      headers: { ...HEADERS, 'mcp-session-id': transport.sessionId ?? '', 'mcp-protocol-version': '1999-01-01' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/list' }),
    });
    expect(answer.status).toBe(400);
  });

  test('a full table ends the session that has been idle longest', async () => {
    const deps = protocolDeps();
    const front = await serve(deps, { maxSessions: 2 });
    const initialize = async (): Promise<{ status: number; headers: Record<string, unknown> }> =>
      send(`${front.url}/mcp`, { headers: HEADERS, body: JSON.stringify(INITIALIZE) });
    const first = await initialize();
    await initialize();
    expect((await initialize()).status).toBe(200);
    const stale = await send(`${front.url}/mcp`, {
      headers: { ...HEADERS, 'mcp-session-id': String(first.headers['mcp-session-id']) },
      body: JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'ping' }),
    });
    expect(stale.status).toBe(404);
  });

  test('a full table of sessions with open streams refuses a new one for now', async () => {
    const front = await serve(protocolDeps(), { maxSessions: 1 });
    const opened = await send(`${front.url}/mcp`, { headers: HEADERS, body: JSON.stringify(INITIALIZE) });
    const stream = await fetch(`${front.url}/mcp`, {
      headers: { accept: 'text/event-stream', 'mcp-session-id': String(opened.headers['mcp-session-id']) },
    });
    expect(stream.status).toBe(200);
    const refused = await send(`${front.url}/mcp`, { headers: HEADERS, body: JSON.stringify(INITIALIZE) });
    expect(refused.status).toBe(503);
    await stream.body?.cancel();
  });

  test('a session ends when nothing was asked of it for its idle time; one with an open stream stays', async () => {
    const clock = new ManualClock();
    const front = await serve(protocolDeps({ clock }), { sessionIdleMs: 10_000, drainMs: 0 });
    const initialize = async (): Promise<string> =>
      String(
        (await send(`${front.url}/mcp`, { headers: HEADERS, body: JSON.stringify(INITIALIZE) })).headers[
          'mcp-session-id'
        ],
      );
    const [idle, streaming] = [await initialize(), await initialize()];
    const stream = await fetch(`${front.url}/mcp`, {
      headers: { accept: 'text/event-stream', 'mcp-session-id': streaming },
    });
    await clock.advance(25_000);
    const ping = async (session: string): Promise<number> =>
      (
        await send(`${front.url}/mcp`, {
          headers: { ...HEADERS, 'mcp-session-id': session },
          body: JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'ping' }),
        })
      ).status;
    expect([await ping(idle), await ping(streaming)]).toEqual([404, 200]);
    await stream.body?.cancel();
  });

  test('an answer that a broken stream has lost is sent again to a client that resumes it', async () => {
    const deps = protocolDeps();
    const end = deferred();
    deps.publish('slow', async () => {
      await end.promise;
      return { content: [{ type: 'text', text: 'done' }] };
    });
    const front = await serve(deps);
    const opened = await send(`${front.url}/mcp`, { headers: HEADERS, body: JSON.stringify(INITIALIZE) });
    const session = {
      'mcp-session-id': String(opened.headers['mcp-session-id']),
      'mcp-protocol-version': '2025-11-25',
    };
    const broken = await fetch(`${front.url}/mcp`, {
      method: 'POST',
      headers: { ...HEADERS, ...session },
      body: JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'slow', arguments: {} } }),
    });
    const reader = broken.body?.getReader();
    const first = new TextDecoder().decode((await reader?.read())?.value);
    // The stream begins with an id to resume from, and says after how long.
    expect(first).toMatch(/^id: .+\nretry: 4000\ndata: \n/u);
    const lastEventId = /^id: (.+)$/mu.exec(first)?.[1] ?? '';
    await reader?.cancel();
    end.resolve(undefined);
    const resumed = await fetch(`${front.url}/mcp`, {
      headers: { accept: 'text/event-stream', ...session, 'last-event-id': lastEventId },
    });
    const replay = resumed.body?.getReader();
    const text = new TextDecoder().decode((await replay?.read())?.value);
    expect(text).toContain('"id":7');
    expect(text).toContain('done');
    await replay?.cancel();

    const other = await send(`${front.url}/mcp`, { headers: HEADERS, body: JSON.stringify(INITIALIZE) });
    const foreign = await send(`${front.url}/mcp`, {
      method: 'GET',
      headers: {
        accept: 'text/event-stream',
        'mcp-session-id': String(other.headers['mcp-session-id']),
        'last-event-id': lastEventId,
      },
    });
    expect(foreign.status).toBe(400);
  });

  test('a malformed handshake is -32602 with what is expected, and opens no session', async () => {
    const front = await serve(protocolDeps());
    const broken = { ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion: 5 } };
    const answer = await send(`${front.url}/mcp`, { headers: HEADERS, body: JSON.stringify(broken) });
    expect(answer.status).toBe(400);
    expect(jsonOf(answer.text)).toMatchObject({
      id: INITIALIZE.id,
      error: { code: -32602, message: expect.stringContaining('protocolVersion') as string },
    });
    const metrics = await send(`${front.url}/metrics`, { method: 'GET' });
    expect(metrics.text).toContain('mcp_workflow_http_sessions 0');
  });

  test('status changes arrive on the standalone stream after the answer that created the task', async () => {
    const deps = protocolDeps();
    const proceed = deferred();
    deps.publish('slow', async () => {
      await proceed.promise;
      return { content: [] };
    });
    const front = await serve(deps);
    const { client } = await connect(front);
    const seen: string[] = [];
    const completed = deferred();
    client.setNotificationHandler(TaskStatusNotificationSchema, (notification) => {
      seen.push(notification.params.status);
      if (notification.params.status === 'completed') completed.resolve(undefined);
    });
    const { task } = await client.request(
      { method: 'tools/call', params: { name: 'slow', arguments: {}, task: {} } },
      CreateTaskResultSchema,
    );
    expect(task.status).toBe('working');
    // The SDK's client opens its standalone stream in the background; a read proves that the session is up.
    await client.experimental.tasks.getTask(task.taskId);
    proceed.resolve(undefined);
    await completed.promise;
    expect(seen).toEqual(['completed']);
  });

  test('a task started in one session is found in another by its id', async () => {
    const deps = protocolDeps();
    deps.publish('greet', async () => ({ content: [] }));
    const front = await serve(deps);
    const one = await connect(front);
    const { task } = await one.client.request(
      { method: 'tools/call', params: { name: 'greet', arguments: {}, task: {} } },
      CreateTaskResultSchema,
    );
    await one.transport.terminateSession();
    const two = await connect(front);
    expect((await two.client.experimental.tasks.getTask(task.taskId)).taskId).toBe(task.taskId);
  });

  test('without authentication there is no tasks.list; tasks_list shows all on a machine of its own, else what the session has named', async () => {
    const deps = protocolDeps();
    deps.publish('greet', async () => ({ content: [] }));
    const front = await serve(deps);
    const proxied = await serve(deps, { allowedHosts: ['workflows.example'] });
    const one = await connect(front);
    expect(one.client.getServerCapabilities()?.tasks).toEqual({ cancel: {}, requests: { tools: { call: {} } } });
    await expect(one.client.experimental.tasks.listTasks()).rejects.toMatchObject({ code: -32601 });
    await one.client.callTool({ name: 'greet', arguments: {} });
    const count = async (client: Client): Promise<unknown> =>
      ((await client.callTool({ name: 'tasks_list', arguments: {} })).structuredContent as { tasks: unknown[] }).tasks
        .length;
    expect(await count(one.client)).toBe(1);
    expect(await count((await connect(front)).client)).toBe(1);
    const behindProxy = await connect(proxied);
    expect(await count(behindProxy.client)).toBe(0);
    await behindProxy.client.callTool({ name: 'greet', arguments: {} });
    expect(await count(behindProxy.client)).toBe(1);
  });
});

describe('a client that is too slow', () => {
  const limits = { headersTimeoutMs: 150, requestTimeoutMs: 300 };
  const head = 'POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';

  /** What the server writes until it ends the connection. */
  function answerTo(front: HttpFront, text: string): Promise<string> {
    const { hostname, port } = new URL(front.url);
    return new Promise((resolve, reject) => {
      let received = '';
      const socket = connectSocket(Number(port), hostname, () => socket.write(text));
      socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
      socket.on('end', () => socket.end());
      socket.on('close', () => resolve(received));
      socket.on('error', reject);
    });
  }

  test('with its headers is told 408 and let go', async () => {
    const front = await serve(protocolDeps(), limits);
    expect(await answerTo(front, head)).toMatch(/^HTTP\/1\.1 408 /u);
  });

  test('with its body is let go, and others are served meanwhile', async () => {
    const front = await serve(protocolDeps(), limits);
    const slow = answerTo(front, `${head}Content-Length: 100\r\n\r\n{"a`);
    expect((await send(`${front.url}/healthz`, { method: 'GET' })).status).toBe(200);
    expect(await slow).not.toContain('200 OK');
  });

  test('an answer may take longer than any of these', async () => {
    const deps = protocolDeps();
    const front = await serve(deps, limits);
    deps.publish('slow', async () => {
      // Another one, which comes later, has been let go.
      await answerTo(front, `${head}Content-Length: 100\r\n\r\n{"a`);
      return { content: [] };
    });
    const { client } = await connect(front);
    expect(await client.callTool({ name: 'slow', arguments: {} })).toEqual({ content: [] });
  });
});

describe('authentication by token', () => {
  const tokens = new Map([
    ['ada', 'token-of-ada'],
    ['bob', 'token-of-bob'],
  ]);

  test('no token and a wrong token are the same 401; health needs none', async () => {
    const front = await serve(protocolDeps(), { tokens });
    const body = JSON.stringify(INITIALIZE);
    const none = await send(`${front.url}/mcp`, { headers: HEADERS, body });
    const wrong = await send(`${front.url}/mcp`, { headers: { ...HEADERS, authorization: 'Bearer nope' }, body });
    const inQuery = await send(`${front.url}/mcp?access_token=token-of-ada`, { headers: HEADERS, body });
    expect([none.status, wrong.status, inQuery.status]).toEqual([401, 401, 401]);
    expect(none.text).toBe(wrong.text);
    expect(none.headers['www-authenticate']).toBe('Bearer');
    expect((await send(`${front.url}/healthz`, { method: 'GET' })).status).toBe(200);
    expect((await send(`${front.url}/metrics`, { method: 'GET' })).status).toBe(401);
  });

  test("tasks are the principal's own: listed in every session, unknown to others, also through a stolen session", async () => {
    const deps = protocolDeps();
    deps.publish('greet', async () => ({ content: [] }));
    const front = await serve(deps, { tokens });
    const ada = await connect(front, 'token-of-ada');
    const { task } = await ada.client.request(
      { method: 'tools/call', params: { name: 'greet', arguments: {}, task: {} } },
      CreateTaskResultSchema,
    );
    const again = await connect(front, 'token-of-ada');
    expect((await again.client.experimental.tasks.listTasks()).tasks.map((each) => each.taskId)).toEqual([task.taskId]);
    const bob = await connect(front, 'token-of-bob');
    expect((await bob.client.experimental.tasks.listTasks()).tasks).toEqual([]);
    await expect(bob.client.experimental.tasks.getTask(task.taskId)).rejects.toThrow('Task not found');
    const stolen = await send(`${front.url}/mcp`, {
      headers: { ...HEADERS, authorization: 'Bearer token-of-bob', 'mcp-session-id': ada.transport.sessionId ?? '' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'tasks/get', params: { taskId: task.taskId } }),
    });
    expect(stolen.status).toBe(404);
  });

  test('an address that others can reach needs tokens or an explicit permission', async () => {
    const deps = protocolDeps();
    await expect(createHttpFront({ deps, host: '0.0.0.0', port: 0 })).rejects.toBeInstanceOf(HttpConfigError);
  });
});

describe('guards', () => {
  const post = { headers: HEADERS, body: JSON.stringify(INITIALIZE) };

  test.each([
    ['Host', 'evil.example'],
    ['Host', 'localhost.evil.example'],
    ['Host', '127.0.0.1.evil.example'],
    ['Host', 'user@localhost'],
    ['Origin', 'http://evil.example'],
    ['Origin', 'http://localhost.evil.example'],
    ['Origin', 'null'],
    ['Origin', 'http://localhost@evil.example'],
    ['Origin', 'file://localhost'],
  ])('a hostile %s (%s) is 403', async (name, value) => {
    const front = await serve(protocolDeps());
    const answer = await send(`${front.url}/mcp`, { ...post, headers: { ...HEADERS, [name]: value } });
    expect(answer.status).toBe(403);
  });

  test.each(['http://localhost:5173', 'http://127.0.0.1', 'https://[::1]:8080', 'https://app.example'])(
    'the origin %s may call when it is of this machine or allowed',
    async (origin) => {
      const front = await serve(protocolDeps(), { allowedOrigins: ['https://app.example'] });
      expect((await send(`${front.url}/mcp`, { ...post, headers: { ...HEADERS, origin } })).status).toBe(200);
    },
  );

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'text/plain; application/json', 'application/jsonp'])(
    'a body of type %s is 415',
    async (type) => {
      const front = await serve(protocolDeps());
      const answer = await send(`${front.url}/mcp`, { ...post, headers: { ...HEADERS, 'content-type': type } });
      expect(answer.status).toBe(415);
    },
  );

  test('a body over the limit is 413, whether it says so or not, and the server goes on', async () => {
    const front = await serve(protocolDeps(), { maxBodyBytes: 1_000 });
    const body = JSON.stringify({ ...INITIALIZE, filler: 'x'.repeat(2_000) });
    expect((await send(`${front.url}/mcp`, { headers: HEADERS, body })).status).toBe(413);
    const chunked = { ...HEADERS, 'transfer-encoding': 'chunked' };
    expect((await send(`${front.url}/mcp`, { headers: chunked, body })).status).toBe(413);
    expect((await send(`${front.url}/mcp`, post)).status).toBe(200);
  });

  test.each(['{', 'nonsense', ''])('a body that is not JSON (%j) is a parse error', async (body) => {
    const front = await serve(protocolDeps());
    const answer = await send(`${front.url}/mcp`, { headers: HEADERS, body });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: -32700 } });
  });

  test('a connection that breaks in the middle of a body harms nobody', async () => {
    const front = await serve(protocolDeps());
    const { hostname, port } = new URL(front.url);
    await new Promise<void>((resolve) => {
      const socket = connectSocket(Number(port), hostname, () => {
        socket.write(
          'POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a',
          () => {
            socket.destroy();
            resolve();
          },
        );
      });
    });
    expect((await send(`${front.url}/mcp`, post)).status).toBe(200);
  });

  test('unknown paths and methods are 404 and 405', async () => {
    const front = await serve(protocolDeps());
    expect((await send(`${front.url}/nothing`, post)).status).toBe(404);
    expect((await send(`${front.url}/mcp`, { method: 'PUT' })).status).toBe(405);
    expect((await send(`${front.url}/healthz`, { method: 'POST' })).status).toBe(405);
  });
});

describe('probes and shutdown', () => {
  test('readyz says why it is not ready', async () => {
    const front = await serve(protocolDeps({ health: () => ({ ready: false, problems: ['the store is full'] }) }));
    const answer = await send(`${front.url}/readyz`, { method: 'GET' });
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toEqual({ ready: false, problems: ['the store is full'] });
  });

  test('a JSON route beside /mcp is behind the same guards', async () => {
    const routes = new Map([
      ['/list-tools', async (body: unknown) => ({ status: 200, body: { got: body as string } })],
    ]);
    const front = await serve(protocolDeps(), { routes });
    const url = `${front.url}/list-tools`;
    expect((await send(url, { headers: HEADERS, body: '"x"' })).text).toBe('{"got":"x"}');
    expect((await send(url, { headers: { ...HEADERS, origin: 'http://evil.example' }, body: '"x"' })).status).toBe(403);
  });

  test('closing answers a waiting call with its task, and the task goes on', async () => {
    const deps = protocolDeps();
    deps.publish('endless', () => new Promise(() => undefined));
    const front = await serve(deps, { drainMs: 5_000 });
    const { client } = await connect(front);
    const call = client.callTool({ name: 'endless', arguments: {} });
    await until(async () => (await deps.tasks.list({ principal: 'local' })).tasks.length === 1);
    await front.close();
    const answer = await call;
    expect(answer.isError).toBeUndefined();
    expect(answer.structuredContent).toMatchObject({ task: { status: 'working' } });
    expect((await deps.tasks.list({ principal: 'local' })).tasks[0]?.status).toBe('working');
    await expect(fetch(`${front.url}/healthz`)).rejects.toThrow();
  });
});

function deferred(): { promise: Promise<undefined>; resolve: (value: undefined) => void } {
  let resolve: (value: undefined) => void = () => undefined;
  const promise = new Promise<undefined>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Waits on a condition through the public API, one event-loop turn at a time. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}
