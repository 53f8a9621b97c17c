import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { Interruption } from '../../../src/core/failure.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { DownstreamPool } from '../../../src/downstream/pool.ts';
import { callContext, openPool } from '../../support/downstream-pool.ts';
import { startHttpMcpServer } from '../../support/http-mcp-server.ts';
import { startHttpServer, type TestHttpServer } from '../../support/http-server.ts';
import { waitUntil } from '../../support/wait-until.ts';

let server: TestHttpServer | undefined;
let pool: DownstreamPool | undefined;

afterEach(async () => {
  await pool?.close();
  await server?.close();
});

function connectTo(url: string, more: JsonObject = {}, environment: Record<string, string> = {}): DownstreamPool {
  pool = openPool({ s: { url, timeout_seconds: 5, start_timeout_seconds: 5, ...more } }, { environment });
  return pool;
}

describe.each(['2025-11-25', '2026-07-28'] as const)('a server over HTTP of the generation %s', (generation) => {
  test('is found out, called with the key, and reports progress', async () => {
    const http = await startHttpMcpServer(generation);
    server = http;
    const calls = connectTo(http.url);
    const seen: number[] = [];
    const context = callContext('s', { idempotencyKey: 'k1', onProgress: ({ progress }) => void seen.push(progress) });
    expect((await calls.callTool('count', { a: 'x' }, context)).content).toEqual([{ type: 'text', text: '{"a":"x"}' }]);
    expect(http.events).toEqual(['count:k1']);
    expect(seen).toEqual([1, 2, 3]);
    expect(calls.status()[0]).toMatchObject({ state: 'ready', tools: 3, starts: 1 });
    await expect(calls.callTool('eccho', {}, callContext('s'))).rejects.toMatchObject({
      failure: { code: 'tool_not_found' },
    });
  });

  test('is told of a cancellation', async () => {
    const http = await startHttpMcpServer(generation);
    server = http;
    const controller = new AbortController();
    const call = connectTo(http.url)
      .callTool('wait', {}, callContext('s', { signal: controller.signal }))
      .catch((error: unknown) => error);
    await waitUntil('the call has reached the server', () => http.events.length === 1);
    controller.abort(new Interruption('cancel'));
    expect(await call).toBe(controller.signal.reason);
    await waitUntil('the server has seen the cancellation', () => http.events.includes('cancelled'));
  });

  test('gets the headers of the servers file with secrets put in', async () => {
    const http = await startHttpMcpServer(generation);
    server = http;
    const calls = connectTo(http.url, { headers: { Authorization: 'Bearer ${TOKEN}' } }, { TOKEN: 'very-secret' });
    const result = await calls.callTool('echo', { a: 'very-secret' }, callContext('s'));
    expect(http.lastHeaders()['authorization']).toBe('Bearer very-secret');
    expect(http.lastHeaders()['x-mcp-workflow-request']).toBeUndefined();
    expect(result.content).toEqual([{ type: 'text', text: '{"a":"***"}' }]);
    if (generation === '2026-07-28') expect(http.lastHeaders()['mcp-param-a']).toBe('very-secret');
  });
});

test.each([404, 400])(
  'a session that the server has forgotten (%i) is opened again and the call goes through',
  async (status) => {
    const http = await startHttpMcpServer('2025-11-25');
    server = http;
    const calls = connectTo(http.url);
    await calls.callTool('echo', {}, callContext('s'));
    http.forgetSessions(status);
    await calls.callTool('echo', {}, callContext('s'));
    expect(http.events).toEqual(['echo:key-1', 'echo:key-1']);
    expect(calls.status()[0]?.starts).toBe(2);
  },
);

test('a server that cannot be reached says why', async () => {
  const gone = await startHttpServer(() => undefined);
  await gone.close();
  await expect(connectTo(gone.url).callTool('x', {}, callContext('s'))).rejects.toMatchObject({
    failure: { code: 'transport', message: expect.stringContaining('ECONNREFUSED') as unknown },
  });
});

describe('what a server over HTTP may do to a call', () => {
  type Message = {
    readonly id?: number | string;
    readonly method: string;
    readonly params?: { readonly name?: string };
  };

  /** A legacy server by hand: handshake and list are right, the call of `go` is the test's. */
  async function serve(go: (response: ServerResponse, id: number | string) => unknown): Promise<void> {
    server = await startHttpServer((request, response, body) => {
      if (request.method !== 'POST') return response.writeHead(405).end();
      const { id, method, params } = body as Message;
      if (id === undefined) return response.writeHead(202).end();
      if (method === 'tools/call' && params?.name === 'go') return go(response, id);
      const results: Record<string, JsonObject> = {
        initialize: {
          protocolVersion: '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: 'h', version: '1' },
        },
        'tools/list': { tools: ['go', 'ok'].map((name) => ({ name, inputSchema: { type: 'object' } })) },
        'tools/call': { content: [{ type: 'text', text: 'ok' }] },
      };
      const result = results[method];
      return json(response, id, result === undefined ? { error: { code: -32601, message: 'no' } } : { result });
    });
    connectTo(server.url, { max_response_bytes: 1024 * 1024, timeout_seconds: 3 });
  }

  const json = (response: ServerResponse, id: number | string, message: JsonObject): unknown =>
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id, ...message }));
  const events = (response: ServerResponse): ServerResponse =>
    response.writeHead(200, { 'content-type': 'text/event-stream' });

  async function outcome(tool = 'go'): Promise<string> {
    try {
      const result = await pool?.callTool(tool, {}, callContext('s'));
      return JSON.stringify(result?.content[0]?.['text']);
    } catch (error) {
      const { failure } = error as { failure: { code: string; message: string } };
      return `${failure.code}: ${failure.message}`;
    }
  }

  const big = 'x'.repeat(2 * 1024 * 1024);
  test.each<[string, (response: ServerResponse, id: number | string) => unknown, string]>([
    [
      'a huge answer',
      (r, id) => json(r, id, { result: { content: [{ type: 'text', text: big }] } }),
      'limit_exceeded: ',
    ],
    [
      'a small body that unpacks to a huge one',
      (r) =>
        r
          .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
          .end(gzipSync(`{"x":"${big}`)),
      'limit_exceeded: ',
    ],
    ['a huge event', (r) => events(r).end(`data: ${big}\n\n`), 'limit_exceeded: '],
    [
      'a huge event in small pieces',
      async (r) => {
        events(r).write('data: ');
        while (!r.destroyed) await new Promise((resolve) => r.write('x'.repeat(16_384), resolve));
      },
      'limit_exceeded: ',
    ],
    [
      'a stream that ends before the answer',
      (r) => events(r).end(': nothing\n\n'),
      "transport: server 's', tool 'go': the stream of the answer ended",
    ],
    ['a stream that breaks', (r) => events(r).write('data: {"jso', () => r.destroy()), 'transport: '],
    ['a connection that is cut', (r) => r.destroy(), 'transport: '],
    ['an answer to something else', (r) => json(r, 999, { result: { content: [] } }), 'invalid_output: '],
    ['an empty answer', (r) => r.writeHead(202).end(), 'invalid_output: '],
    [
      'a web page',
      (r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
      "invalid_output: server 's' gave an answer to tool 'go' that cannot be used: Unexpected content type: text/html",
    ],
    [
      'text that is not JSON',
      (r) => r.writeHead(200, { 'content-type': 'application/json' }).end('{'),
      'invalid_output: ',
    ],
    [
      'an HTTP error',
      (r) => r.writeHead(500).end('database is down'),
      "transport: server 's' answered tool 'go' with HTTP 500: database is down",
    ],
    [
      'a refusal of our credentials',
      (r) => r.writeHead(401).end(),
      "transport: server 's' refused our credentials (HTTP 401)",
    ],
    ['a redirect elsewhere', (r) => r.writeHead(307, { location: 'http://example.invalid/' }).end(), 'transport: '],
    ['silence', () => undefined, "timeout: server 's', tool 'go': no answer within 3 s"],
    [
      'an answer too deep',
      (r, id) =>
        r
          .writeHead(200, { 'content-type': 'application/json' })
          .end(`{"jsonrpc":"2.0","id":${id},"result":{"content":[],"a":${'['.repeat(5000)}${']'.repeat(5000)}}}`),
      'limit_exceeded: ',
    ],
  ])('%s fails that call', async (_, go, expected) => {
    await serve(go);
    await pool?.connect('s');
    const call = outcome();
    expect(await outcome('ok')).toBe('"ok"');
    expect(await call).toContain(expected);
    expect(await outcome('ok')).toBe('"ok"');
  });

  test.each<[string, number, () => string | undefined, number | undefined]>([
    ['429 with seconds', 429, () => '7', 7000],
    ['503 with a date', 503, () => new Date(Date.now() + 60_000).toUTCString(), 60_000],
    ['429 without', 429, () => undefined, undefined],
  ])('%s: the wait that the server asks for is passed on', async (_, status, retryAfter, expected) => {
    const header = retryAfter();
    await serve((response) =>
      response.writeHead(status, header === undefined ? {} : { 'retry-after': header }).end('busy'),
    );
    const error: unknown = await pool?.callTool('go', {}, callContext('s')).catch((thrown: unknown) => thrown);
    const { failure } = error as { failure: { code: string; message: string; retryAfterMs?: number } };
    expect(failure).toMatchObject({
      code: 'transport',
      message: `server 's' refused tool 'go' (HTTP ${status}: busy)`,
    });
    if (expected === undefined) expect(failure.retryAfterMs).toBeUndefined();
    else expect(Math.abs((failure.retryAfterMs ?? 0) - expected)).toBeLessThan(3000);
  });

  test('429 to the first contact is passed on as well', async () => {
    server = await startHttpServer((_, response) => response.writeHead(429, { 'retry-after': '3' }).end());
    const error: unknown = await connectTo(server.url)
      .callTool('go', {}, callContext('s'))
      .catch((thrown: unknown) => thrown);
    expect((error as { failure: unknown }).failure).toMatchObject({ code: 'transport', retryAfterMs: 3000 });
  });
});
