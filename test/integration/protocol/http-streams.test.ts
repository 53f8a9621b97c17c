import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { createHttpFront, type HttpFront } from '../../../src/transports/http.ts';
import { protocolDeps } from '../../support/protocol-deps.ts';
import { waitUntil } from '../../support/wait-until.ts';

const fronts: HttpFront[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const front of fronts.splice(0)) await front.close();
});

interface Session {
  readonly front: HttpFront;
  readonly headers: Readonly<Record<string, string>>;
  readonly post: (message: JsonObject) => Promise<Response>;
  readonly get: (lastEventId: string) => Promise<Response>;
}

async function session(deps: ReturnType<typeof protocolDeps>, revision = '2025-11-25'): Promise<Session> {
  const front = await createHttpFront({ deps, host: '127.0.0.1', port: 0, drainMs: 50 });
  fronts.push(front);
  const url = `${front.url}/mcp`;
  const plain = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const send = (message: JsonObject, headers: Readonly<Record<string, string>>): Promise<Response> =>
    fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) });
  const params = { protocolVersion: revision, capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  const opened = await send({ id: 'init', method: 'initialize', params }, plain);
  await opened.text();
  const headers = {
    ...plain,
    'mcp-session-id': opened.headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': revision,
  };
  await (await send({ method: 'notifications/initialized' }, headers)).text();
  return {
    front,
    headers,
    post: (message) => send(message, headers),
    get: (lastEventId) => fetch(url, { headers: { ...headers, 'last-event-id': lastEventId } }),
  };
}

/** A request whose answer is never read. */
async function deaf(
  to: HttpFront,
  method: string,
  headers: Readonly<Record<string, string>>,
  body = '',
): Promise<Socket> {
  const { hostname, port, host } = new URL(to.url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  socket.pause();
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const lines = Object.entries({ ...headers, host, 'content-length': String(Buffer.byteLength(body)) });
  socket.write(
    `${method} /mcp HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
  );
  return socket;
}

describe('a request of 2025-11-25 that its client cancels', () => {
  test.each(['2025-11-25', '2025-06-18'])(
    'has its stream ended without an answer (%s), and its id is free',
    async (revision) => {
      const deps = protocolDeps();
      deps.publish('endless', () => new Promise(() => undefined));
      const { post } = await session(deps, revision);
      const waiting = await post({ id: 7, method: 'tools/call', params: { name: 'endless', arguments: {} } });
      await waitUntil('it runs', async () => (await deps.tasks.list({ principal: 'local' })).tasks.length === 1);
      const cancelled = await post({ method: 'notifications/cancelled', params: { requestId: 7 } });
      expect(cancelled.status).toBe(202);
      expect(await waiting.text()).not.toContain('jsonrpc');
      expect((await deps.tasks.list({ principal: 'local' })).tasks[0]?.status).toBe('cancelled');
      expect(await (await post({ id: 7, method: 'ping' })).text()).toContain('"result":{}');
    },
  );

  test('cannot be resumed, and the answer says why', async () => {
    const deps = protocolDeps();
    deps.publish('endless', () => new Promise(() => undefined));
    const { post, get } = await session(deps);
    const waiting = await post({ id: 7, method: 'tools/call', params: { name: 'endless', arguments: {} } });
    await (await post({ method: 'notifications/cancelled', params: { requestId: 7 } })).text();
    const lastEventId = /^id: (.+)$/mu.exec(await waiting.text())?.[1] ?? '';
    const resumed = await get(lastEventId);
    expect([resumed.status, await resumed.text()]).toEqual([400, expect.stringContaining('was cancelled')]);
  });

  test('after its answer keeps that answer, for a client that has lost it', async () => {
    const deps = protocolDeps();
    deps.publish('greet', () => Promise.resolve({ content: [{ type: 'text', text: 'hi' }] }));
    const { post, get } = await session(deps);
    const answer = await (await post({ id: 7, method: 'tools/call', params: { name: 'greet', arguments: {} } })).text();
    await (await post({ method: 'notifications/cancelled', params: { requestId: 7 } })).text();
    const resumed = await get(/^id: (.+)$/mu.exec(answer)?.[1] ?? '');
    expect([resumed.status, await resumed.text()]).toEqual([200, expect.stringContaining('hi')]);
  });
});

describe('a client that opens a stream and never reads', () => {
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_fields: object, message: string) => void warnings.push(message) };
  const line = 'a client does not read what it is sent: its connection was cut';

  /** A workflow that talks until the log says that a connection was cut; then it ends. */
  function talking(): ReturnType<typeof protocolDeps> {
    warnings.length = 0;
    const deps = protocolDeps({ logger });
    const message = 'x'.repeat(100_000);
    deps.publish('talk', async ({ emit }) => {
      await waitUntil('the connection was cut', () => {
        for (let lines = 0; lines < 50 && !warnings.includes(line); lines += 1) emit({ message });
        return warnings.includes(line);
      });
      return { content: [{ type: 'text', text: 'done' }] };
    });
    return deps;
  }

  test('loses the standalone stream of its session; the task goes on, and the session too', async () => {
    const { front, headers, post } = await session(talking());
    const socket = await deaf(front, 'GET', headers);
    const gone = once(socket, 'close');
    const params = { name: 'talk', arguments: {}, task: {} };
    const taskId = /"taskId":"([^"]+)"/u.exec(await (await post({ id: 1, method: 'tools/call', params })).text())?.[1];
    const answer = await post({ id: 3, method: 'tasks/result', params: { taskId: taskId ?? '' } });
    expect(await answer.text()).toContain('done');
    expect(warnings.filter((each) => each === line)).toHaveLength(1);
    socket.resume();
    await gone;
  });

  test('loses the stream of its call, which it can resume for the answer', async () => {
    const deps = talking();
    const { front, headers } = await session(deps);
    const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'talk', arguments: {} } };
    const socket = await deaf(front, 'POST', headers, JSON.stringify(call));
    let head = '';
    socket.once('data', (chunk: Buffer) => (head = chunk.toString()));
    socket.resume();
    await waitUntil('its stream has begun', () => {
      if (/^id: .+$/mu.test(head)) socket.pause();
      return socket.isPaused();
    });
    const ended = async (): Promise<boolean> =>
      (await deps.tasks.list({ principal: 'local' })).tasks[0]?.status === 'completed';
    await waitUntil('the task has ended', ended);
    const lastEventId = /^id: (.+)$/mu.exec(head)?.[1]?.trim() ?? '';
    // Without fetch, whose watcher does not know the request that this answers.
    const again = await deaf(front, 'GET', { ...headers, 'last-event-id': lastEventId });
    let rest = '';
    again.on('data', (chunk: Buffer) => (rest += chunk.toString()));
    again.resume();
    await waitUntil('the answer comes', () => rest.includes('"id":7'));
    expect(rest).toContain('done');
  });
});
