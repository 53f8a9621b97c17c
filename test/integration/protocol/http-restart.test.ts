import { afterEach, describe, expect, test } from 'vitest';
import { isJsonObject, type JsonObject } from '../../../src/core/json.ts';
import { MemoryTaskStore } from '../../../src/store/memory-task-store.ts';
import { createHttpFront, type HttpFront } from '../../../src/transports/http.ts';
import { definitionOf, protocolDeps } from '../../support/protocol-deps.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { readEvents } from '../../support/wire-clients.ts';

const fronts: HttpFront[] = [];
const streams: AbortController[] = [];
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.abort();
  for (const front of fronts.splice(0)) await front.close();
});

/** Fronts one after the other, as processes on one data folder are. */
function processes(): {
  readonly start: () => Promise<HttpFront>;
  readonly deps: ReturnType<typeof protocolDeps>;
  readonly store: MemoryTaskStore;
} {
  const store = new MemoryTaskStore();
  const deps = protocolDeps();
  const tokens = new Map([
    ['ada', 'secret-of-ada'],
    ['bob', 'secret-of-bob'],
  ]);
  const start = async (): Promise<HttpFront> => {
    const front = await createHttpFront({ deps, store, tokens, host: '127.0.0.1', port: 0, drainMs: 50 });
    fronts.push(front);
    return front;
  };
  return { start, deps, store };
}

async function post(front: HttpFront, message: JsonObject, session?: string, who = 'ada'): Promise<Response> {
  return fetch(`${front.url}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer secret-of-${who}`,
      ...(session === undefined ? {} : { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  });
}

async function open(front: HttpFront): Promise<string> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  const answer = await post(front, { id: 1, method: 'initialize', params });
  await answer.text();
  const session = answer.headers.get('mcp-session-id') ?? '';
  await (await post(front, { method: 'notifications/initialized' }, session)).text();
  return session;
}

/** The connection's own stream; resolves when it is open. */
async function listen(front: HttpFront, session: string, lastEventId?: string): Promise<JsonObject[]> {
  const stop = new AbortController();
  streams.push(stop);
  const headers = { accept: 'text/event-stream', authorization: 'Bearer secret-of-ada', 'mcp-session-id': session };
  const stream = await fetch(`${front.url}/mcp`, {
    headers: lastEventId === undefined ? headers : { ...headers, 'last-event-id': lastEventId },
    signal: stop.signal,
  });
  expect(stream.status).toBe(200);
  const heard: JsonObject[] = [];
  readEvents(stream, (message) => void heard.push(message)).catch(() => undefined);
  return heard;
}

describe('a session in the next process', () => {
  test('goes on under its id with its subscriptions, and its own stream resumes', async () => {
    const { start, deps } = processes();
    const publish = (name: string): void => deps.publish(name, () => Promise.resolve({ content: [] }));
    for (const name of ['greet', 'gone']) publish(name);
    const first = await start();
    const session = await open(first);
    const uri = 'workflow://definitions/greet';
    const gone = 'workflow://definitions/gone';
    for (const [method, params] of [
      ['resources/subscribe', { uri }],
      ['resources/subscribe', { uri: gone }],
      ['resources/unsubscribe', { uri: gone }],
    ] as const) {
      await (await post(first, { id: 2, method, params }, session)).text();
    }
    await first.close();

    const second = await start();
    const listed = await post(second, { id: 3, method: 'tools/list' }, session);
    expect([listed.status, await listed.text()]).toEqual([200, expect.stringContaining('"id":3')]);
    const heard = await listen(second, session, '_GET_stream_7');
    deps.definitions.set(definitionOf('greet', { description: 'changed' }));
    await waitUntil('it hears of the change', () => JSON.stringify(heard).includes(uri));
    expect(JSON.stringify(heard)).not.toContain(gone);
  });

  test('hears on its own stream of the tasks it knew, without naming them again: what they are now, and what becomes of them', async () => {
    const { start, deps, store } = processes();
    const finish = new Map<string, () => void>();
    for (const name of ['soon', 'later']) {
      deps.publish(name, async () => {
        await new Promise<void>((resolve) => finish.set(name, resolve));
        return { content: [] };
      });
    }
    const first = await start();
    const session = await open(first);
    const ids = new Map<string, string>();
    for (const name of ['soon', 'later']) {
      const params = { name, arguments: {}, task: {} };
      const text = await (await post(first, { id: name, method: 'tools/call', params }, session)).text();
      ids.set(name, /"taskId":"([^"]+)"/u.exec(text)?.[1] ?? '');
    }
    await waitUntil('the session is in the store with both', async () => {
      const { items } = await store.range({ from: 'http-session:', to: 'http-session;', limit: 1 });
      return [...ids.values()].every((id) => JSON.stringify(items).includes(id));
    });
    // The process is gone without a word: its front is simply not asked any more.
    finish.get('soon')?.();
    const second = await start();
    const heard = await listen(second, session, '_GET_stream_0_0');
    const statuses = (name: string): unknown[] =>
      heard.flatMap(({ params }) =>
        isJsonObject(params) && params['taskId'] === ids.get(name) ? params['status'] : [],
      );
    await waitUntil('it hears of both', () => statuses('soon').length > 0 && statuses('later').length > 0);
    expect([statuses('soon'), statuses('later')]).toEqual([['completed'], ['working']]);
    finish.get('later')?.();
    await waitUntil('it hears of the end', () => statuses('later').length > 1);
    expect(statuses('later')).toEqual(['working', 'completed']);
  });

  test('answers many requests that come at once, and is taken over once', async () => {
    const { start } = processes();
    const session = await open(await start());
    await fronts[0]?.close();
    const second = await start();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, id) => post(second, { id, method: 'ping' }, session)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    await Promise.all(answers.map((answer) => answer.text()));
    const metrics = await fetch(`${second.url}/metrics`, { headers: { authorization: 'Bearer secret-of-ada' } });
    expect(await metrics.text()).toContain('mcp_workflow_http_sessions 1');
  });

  test('is there for nobody else, and not after a DELETE', async () => {
    const { start } = processes();
    const first = await start();
    const [kept, ended] = [await open(first), await open(first)];
    const authorization = 'Bearer secret-of-ada';
    await fetch(`${first.url}/mcp`, { method: 'DELETE', headers: { authorization, 'mcp-session-id': ended } });
    expect((await post(first, { id: 1, method: 'ping' }, ended)).status).toBe(404);
    await first.close();
    const second = await start();
    expect((await post(second, { id: 1, method: 'ping' }, kept, 'bob')).status).toBe(404);
    expect((await post(second, { id: 1, method: 'ping' }, ended)).status).toBe(404);
    expect((await post(second, { id: 1, method: 'ping' }, kept)).status).toBe(200);
  });

  test('a stream of a request that nobody knows any more is refused, and nothing is started', async () => {
    const { start } = processes();
    const session = await open(await start());
    await fronts[0]?.close();
    const second = await start();
    const headers = { accept: 'text/event-stream', authorization: 'Bearer secret-of-ada', 'mcp-session-id': session };
    const answer = await fetch(`${second.url}/mcp`, { headers: { ...headers, 'last-event-id': 'unknown_1' } });
    expect(answer.status).toBe(400);
    expect(isJsonObject(await answer.json())).toBe(true);
  });
});

describe('a call that waits when its process dies', () => {
  test.each(['tools/call', 'tasks/result'])(
    '%s: its stream resumes in the next one, with the answer of the same task',
    async (method) => {
      const { start, deps, store } = processes();
      let runs = 0;
      let finish: () => void = () => undefined;
      deps.publish('job', async () => {
        runs += 1;
        await new Promise<void>((resolve) => (finish = resolve));
        return { content: [{ type: 'text', text: 'done' }] };
      });
      const first = await start();
      const session = await open(first);
      const create = { id: 2, method: 'tools/call', params: { name: 'job', arguments: {}, task: {} } };
      const created = method === 'tools/call' ? '' : await (await post(first, create, session)).text();
      const taskId = /"taskId":"([^"]+)"/u.exec(created)?.[1] ?? '';
      const params: JsonObject = method === 'tools/call' ? { name: 'job', arguments: {} } : { taskId };
      const waiting = await post(first, { id: 7, method, params }, session);
      const reader = waiting.body?.getReader();
      const head = new TextDecoder().decode((await reader?.read())?.value);
      const lastEventId = /^id: (.+)$/mu.exec(head)?.[1] ?? '';
      await waitUntil('the waiting request is in the store', async () => {
        const { items } = await store.range({ from: 'http-session:', to: 'http-session;', limit: 1 });
        return JSON.stringify(items).includes(lastEventId.slice(0, lastEventId.indexOf('_')));
      });
      // The process is gone without a word: its front is simply not asked any more.
      await reader?.cancel();
      const second = await start();
      const heard = await listen(second, session, lastEventId);
      await waitUntil('the job runs', () => runs === 1);
      finish();
      await waitUntil('the answer is there', () => heard.some((message) => message['id'] === 7));
      expect(heard.find((message) => message['id'] === 7)).toMatchObject({ result: { content: [{ text: 'done' }] } });
      expect(runs).toBe(1);
    },
  );

  test('is cancelled there by a client that cancels it without having taken up its stream', async () => {
    const { start, deps, store } = processes();
    deps.publish('endless', () => new Promise(() => undefined));
    const first = await start();
    const session = await open(first);
    const call = { id: 7, method: 'tools/call', params: { name: 'endless', arguments: {} } };
    const reader = (await post(first, call, session)).body?.getReader();
    const head = new TextDecoder().decode((await reader?.read())?.value);
    await waitUntil('the waiting request is in the store', async () => {
      const { items } = await store.range({ from: 'http-session:', to: 'http-session;', limit: 1 });
      return JSON.stringify(items).includes('endless');
    });
    const second = await start();
    await (await post(second, { method: 'notifications/cancelled', params: { requestId: 7 } }, session)).text();
    const status = async (): Promise<unknown> => (await deps.tasks.list({ principal: 'ada' })).tasks[0]?.status;
    await waitUntil('the task is cancelled', async () => (await status()) === 'cancelled');
    const headers = { accept: 'text/event-stream', authorization: 'Bearer secret-of-ada', 'mcp-session-id': session };
    const lastEventId = /^id: (.+)$/mu.exec(head)?.[1] ?? '';
    const resumed = await fetch(`${second.url}/mcp`, { headers: { ...headers, 'last-event-id': lastEventId } });
    expect([resumed.status, await resumed.text()]).toEqual([400, expect.stringContaining('was cancelled')]);
    await reader?.cancel();
  });
});
