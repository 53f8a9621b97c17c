import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../../src/core/json.ts';
import { startHttpServer, type TestHttpServer } from '../../support/http-server.ts';
import { rawRequest } from '../../support/raw-client.ts';
import { startRawServer, type RawServer } from '../../support/raw-server.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { openServersWorld, type ServersWorld } from './c-world.ts';

const TOOL = { name: 'go', inputSchema: { type: 'object' as const } };
type Hold = (response: ServerResponse, id: unknown) => unknown;

/**
 * A server over HTTP of a generation whose tool `go` does what `hold` does, and how many of its calls have an open
 * connection.
 */
class HoldingServer {
  calls = 0;
  open = 0;
  /** Methods of the notifications that it got. */
  readonly told: string[] = [];
  readonly #generation: '2025-11-25' | '2026-07-28';
  readonly #hold: Hold;
  #http: TestHttpServer | undefined;

  constructor(generation: '2025-11-25' | '2026-07-28', hold: Hold) {
    this.#generation = generation;
    this.#hold = hold;
  }

  async start(): Promise<void> {
    const rest = this.#generation === '2025-11-25' ? answerOlder : newer();
    this.#http = await startHttpServer((request, response, body) => {
      const { id, method } = isJsonObject(body) ? body : {};
      if (typeof method === 'string' && id === undefined) this.told.push(method);
      if (method !== 'tools/call') return rest(request, response, body);
      this.calls += 1;
      this.open += 1;
      response.once('close', () => (this.open -= 1));
      return this.#hold(response, id);
    });
  }

  get url(): string {
    return this.#http?.url ?? '';
  }

  async close(): Promise<void> {
    await this.#http?.close();
  }
}

function answerOlder(request: IncomingMessage, response: ServerResponse, body: unknown): unknown {
  if (request.method !== 'POST' || !isJsonObject(body)) return response.writeHead(405).end();
  if (body['id'] === undefined) return response.writeHead(202).end();
  const results: Record<string, JsonObject> = {
    initialize: {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'holds', version: '1' },
    },
    'tools/list': { tools: [TOOL] },
  };
  const { method } = body;
  const result = typeof method === 'string' ? results[method] : undefined;
  const what = result === undefined ? { error: { code: -32601, message: 'no such method' } } : { result };
  return response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ jsonrpc: '2.0', id: body['id'], ...what }));
}

function newer(): (request: IncomingMessage, response: ServerResponse, body: unknown) => unknown {
  const handler = createMcpHandler(
    () => {
      const server = new Server({ name: 'holds', version: '2' }, { capabilities: { tools: {} } });
      server.setRequestHandler('tools/list', () => ({ tools: [TOOL] }));
      return server;
    },
    { legacy: 'reject' },
  );
  const node = toNodeHandler(handler);
  // Node's own type says `undefined` where the SDK's says absent.
  return (request, response, body) => node(request as Parameters<typeof node>[0], response, body);
}

const events = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { 'content-type': 'text/event-stream' });

/** Bytes one by one, as long as somebody listens. */
function drip(response: ServerResponse): void {
  events(response).write(': ');
  const timer = setInterval(() => response.write('x'), 5);
  response.once('close', () => clearInterval(timer));
}

const HOLDS: Readonly<Record<string, Hold>> = {
  silent: () => undefined,
  stream: (response) => events(response).write(': still there\n\n'),
  half: (response) => response.writeHead(200, { 'content-type': 'application/json' }).write('{"jsonrpc":'),
  drips: drip,
};
const HOLDING = Object.fromEntries(
  (['2025-11-25', '2026-07-28'] as const).flatMap((generation) =>
    Object.entries(HOLDS).map(([how, hold]) => [
      `${how}_${generation.slice(0, 4)}`,
      new HoldingServer(generation, hold),
    ]),
  ),
);

describe('a call over HTTP that is given up', () => {
  let world: ServersWorld;

  beforeAll(async () => {
    await Promise.all(Object.values(HOLDING).map((server) => server.start()));
    world = await openServersWorld({
      servers: () =>
        Object.fromEntries(
          Object.entries(HOLDING).flatMap(([name, { url }]) => [
            [name, { url, timeout_seconds: 0.3 }],
            [`${name}_patient`, { url }],
          ]),
        ),
      asTasks: Object.keys(HOLDING).map((name) => `${name}_patient`),
    });
  });

  afterAll(async () => {
    await world.close();
    await Promise.all(Object.values(HOLDING).map((server) => server.close()));
  });

  it.each(Object.entries(HOLDING))(
    'F2: that had no answer in time closes its connection (%s)',
    async (name, server) => {
      const failures = await Promise.all([world.call(name), world.call(name), world.call(name)]);
      for (const { failure } of failures) expect(failure).toContain('(timeout)');
      expect(server.calls).toBe(3);
      await waitUntil('no connection of a call is open', () => server.open === 0);
      if (name.endsWith('2025')) expect(server.told).toContain('notifications/cancelled');
    },
  );

  it.each(['silent_2025', 'stream_2025', 'silent_2026', 'stream_2026'])(
    'F2: because its task is cancelled closes its connection (%s)',
    async (name) => {
      const server = HOLDING[name];
      if (server === undefined) throw new Error(`no server '${name}'`);
      const before = server.calls;
      const params = { name: `${name}_patient`, arguments: {} };
      const { taskId = '' } = await rawRequest(world.url, 'tools/call', params);
      await waitUntil('the call has reached the server', () => server.calls > before);
      await rawRequest(world.url, 'tasks/cancel', { taskId });
      await waitUntil('no connection of a call is open', () => server.open === 0);
    },
  );
});

describe('an answer over HTTP that comes byte by byte', () => {
  const BYTES = 200_000;
  /** Far less than each byte with what it costs to keep it alone. */
  const HEAP_MB = 64;

  /** Each byte is a chunk of its own. */
  async function pour(response: ServerResponse, before: string, after: string): Promise<void> {
    const { socket } = response;
    response.flushHeaders();
    const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
    socket?.write(chunk(before));
    for (let sent = 0; sent < BYTES; sent += 10_000) {
      if (response.destroyed) return;
      await new Promise((resolve) => socket?.write(chunk(' ').repeat(10_000), resolve));
    }
    socket?.end(`${chunk(after)}0\r\n\r\n`);
  }

  it.each<[string, Hold]>([
    [
      'an event stream',
      (response, id) =>
        pour(
          events(response),
          ':',
          `\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result: { content: [], structuredContent: { all: true } } })}\n\n`,
        ),
    ],
    [
      'a body of JSON',
      (response, id) =>
        pour(
          response.writeHead(200, { 'content-type': 'application/json' }),
          ' ',
          JSON.stringify({ jsonrpc: '2.0', id, result: { content: [], structuredContent: { all: true } } }),
        ),
    ],
  ])('F3: takes no more memory than its bytes (%s)', async (_, hold) => {
    const server = new HoldingServer('2025-11-25', hold);
    await server.start();
    const world = await openServersWorld({
      servers: () => ({ slow: { url: server.url, max_response_bytes: 1024 * 1024 } }),
      env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` },
    });
    try {
      expect(await world.call('slow')).toEqual({ output: { all: true } });
    } finally {
      await world.close();
      await server.close();
    }
  });
});

describe('a storm of messages of a server', () => {
  const COUNT = 20_000;
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: RawServer;

  beforeAll(async () => {
    folder = await tempDir();
    const program = fileURLToPath(new URL('./f-storm-server.mjs', import.meta.url));
    const servers = { mcpServers: { s: { command: process.execPath, args: [program] } } };
    await writeFile(join(folder.path, 'servers.json'), JSON.stringify(servers));
    await mkdir(join(folder.path, 'definitions'));
    const inputs = { storm: 'kind: log, count: 0', restless: '' };
    for (const [tool, input] of Object.entries(inputs)) {
      await writeFile(
        join(folder.path, 'definitions', `${tool}.yaml`),
        `name: ${tool}\nvariables: { input: { ${input} } }\nsteps:\n  - { id: go, server: s, action: ${tool}, arguments: { ${input
          .replace(/(\w+): \w+/gu, "$1: '{{input.$1}}'")
          .trim()} } }\n`,
      );
    }
    server = await startRawServer(folder.path);
  });

  afterAll(async () => {
    await server.stop();
    await folder.remove();
  });

  async function listings(name: string, args: JsonObject): Promise<number> {
    const params = JSON.stringify({ name, arguments: args });
    const structured = (await server.request('tools/call', params)).result?.structuredContent;
    const result = isJsonObject(structured) ? structured['result'] : undefined;
    return isJsonObject(result) ? Number(result['listings']) : Number.NaN;
  }

  /** Milliseconds of processor time of one storm, the better of two. */
  async function cost(kind: string): Promise<number> {
    const costs: number[] = [];
    for (let storm = 0; storm < 3; storm += 1) {
      const before = server.cpu();
      expect(await listings('storm', { kind, count: COUNT })).toBeGreaterThan(0);
      costs.push(server.cpu() - before);
    }
    // The first one of a kind warms up.
    return Math.min(...costs.slice(1));
  }

  it('F11: what nobody listens to costs hardly more than what is thrown away at the door', async () => {
    const thrownAway = await cost('answers');
    for (const kind of ['log', 'updates', 'unknown']) {
      expect(await cost(kind), kind).toBeLessThan(2 * thrownAway + 60);
    }
  });

  it('F11: a server that says a hundred times that its tools have changed is asked for them now and then', async () => {
    const before = await listings('storm', { kind: 'log', count: 0 });
    expect((await listings('restless', {})) - before).toBeLessThan(50);
  });
});
