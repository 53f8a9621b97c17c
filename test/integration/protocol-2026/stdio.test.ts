import { afterEach, describe, expect, test } from 'vitest';
import { serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js';
import type { JsonObject } from '../../../src/core/json.ts';
import { serveOnStdio, type StdioFront } from '../../../src/transports/stdio.ts';
import { TASKS_CLIENT } from '../../support/modern-http.ts';
import { createPipe } from '../../support/pipe-client.ts';
import { definitionOf, protocolDeps } from '../../support/protocol-deps.ts';
import { waitUntil } from '../../support/wait-until.ts';

const open: StdioFront[] = [];

interface Line {
  readonly deps: ReturnType<typeof protocolDeps>;
  readonly front: StdioFront;
  readonly received: readonly JsonObject[];
  /** Writes a request of 2026-07-28 and gives its id. */
  send(method: string, params?: JsonObject, capabilities?: JsonObject): number;
  notify(method: string, params: JsonObject): void;
  /** Writes a message as it is. */
  write(message: JsonObject): void;
  answer(id: number): Promise<JsonObject>;
  end(): void;
}

async function connect(): Promise<Line> {
  const deps = protocolDeps();
  const pipe = createPipe();
  const front = await serveOnStdio(deps, pipe);
  open.push(front);
  await pipe.transport.start();
  const received = pipe.received as unknown as readonly JsonObject[]; // messages are JSON
  let id = 0;
  return {
    deps,
    front,
    received,
    send: (method, params = {}, capabilities = TASKS_CLIENT) => {
      const _meta = {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': capabilities,
      };
      id += 1;
      pipe.input.write(serializeMessage({ jsonrpc: '2.0', id, method, params: { ...params, _meta } }));
      return id;
    },
    write: (message) => void pipe.input.write(`${JSON.stringify(message)}\n`),
    notify: (method, params) => void pipe.input.write(serializeMessage({ jsonrpc: '2.0', method, params })),
    answer: (wanted) => waitUntil(`an answer to ${wanted}`, () => received.find((message) => message['id'] === wanted)),
    end: () => pipe.input.end(),
  };
}

afterEach(async () => {
  for (const front of open.splice(0)) await front.close();
});

const of = (received: readonly JsonObject[], method: string): JsonObject[] =>
  received.filter((message) => message['method'] === method).map((message) => message['params'] as JsonObject);

describe('2026-07-28 over a pipe', () => {
  test('a connection that opens with it is served in it: discovery, a task, its result', async () => {
    const line = await connect();
    let end = (): void => undefined;
    line.deps.publish('job', async () => {
      await new Promise<void>((resolve) => (end = resolve));
      return { content: [{ type: 'text', text: 'done' }] };
    });
    const discovered = await line.answer(line.send('server/discover'));
    expect(discovered['result']).toMatchObject({ supportedVersions: ['2026-07-28'] });
    const created = await line.answer(line.send('tools/call', { name: 'job' }));
    expect(created['result']).toMatchObject({ resultType: 'task', status: 'working' });
    expect(created['result']).not.toHaveProperty('content');
    const taskId = (created['result'] as JsonObject)['taskId'] ?? '';
    end();
    await waitUntil('the task ends', async () => {
      const got = await line.answer(line.send('tasks/get', { taskId }));
      return (got['result'] as JsonObject)['status'] === 'completed';
    });
  });

  test('listens to tasks and lists on the same pipe, each notification under its subscription', async () => {
    const line = await connect();
    line.deps.publish('endless', () => new Promise(() => undefined));
    const { taskId } = await line.deps.tasks.create({ workflow: 'endless', arguments: {}, principal: 'local' });
    const tasks = line.send('subscriptions/listen', { notifications: { taskIds: [taskId] } });
    const lists = line.send('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await waitUntil(
      'both are acknowledged',
      () => of(line.received, 'notifications/subscriptions/acknowledged').length === 2,
    );
    await line.deps.tasks.cancel(taskId, 'local');
    line.deps.definitions.set(definitionOf('new'));
    const seen = await waitUntil('the cancelled task is told', () =>
      of(line.received, 'notifications/tasks').find((task) => task['status'] === 'cancelled'),
    );
    expect((seen['_meta'] as JsonObject)['io.modelcontextprotocol/subscriptionId']).toBe(tasks);
    const [changed] = await waitUntil('the changed list is told', () => {
      const found = of(line.received, 'notifications/tools/list_changed');
      return found.length > 0 ? found : undefined;
    });
    expect(changed).toMatchObject({ _meta: { 'io.modelcontextprotocol/subscriptionId': lists } });
  });

  test('a subscription that is cancelled ends without an answer, and tells nothing more', async () => {
    const line = await connect();
    const id = line.send('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await waitUntil(
      'it is acknowledged',
      () => of(line.received, 'notifications/subscriptions/acknowledged').length === 1,
    );
    line.notify('notifications/cancelled', { requestId: id });
    line.deps.definitions.set(definitionOf('new'));
    await line.answer(line.send('tools/list'));
    expect(of(line.received, 'notifications/tools/list_changed')).toEqual([]);
    expect(line.received.some((message) => message['id'] === id)).toBe(false);
  });

  test('listening to tasks without the extension is -32021, without a filter -32602', async () => {
    const line = await connect();
    const undeclared = await line.answer(line.send('subscriptions/listen', { notifications: { taskIds: ['x'] } }, {}));
    expect(undeclared['error']).toMatchObject({ code: -32021 });
    const filterless = await line.answer(line.send('subscriptions/listen', {}));
    expect(filterless['error']).toMatchObject({ code: -32602 });
  });

  test('a call that the client withdraws is cancelled; a pipe that ends leaves its tasks running', async () => {
    const line = await connect();
    line.deps.publish('endless', () => new Promise(() => undefined));
    await line.answer(line.send('server/discover'));
    const ids = async (): Promise<readonly string[]> =>
      (await line.deps.tasks.list({ principal: 'local' })).tasks.map((task) => task.taskId);
    const withdrawn = line.send('tools/call', { name: 'endless' }, {});
    const [first] = await waitUntil('it runs', async () => {
      const found = await ids();
      return found.length === 1 ? found : undefined;
    });
    line.notify('notifications/cancelled', { requestId: withdrawn });
    await waitUntil(
      'it is cancelled',
      async () => (await line.deps.tasks.get(first ?? '', 'local'))?.status === 'cancelled',
    );
    line.send('tools/call', { name: 'endless' }, {});
    const [second] = await waitUntil('another runs', async () => {
      const found = await ids();
      return found.length === 2 ? found : undefined;
    });
    line.end();
    await line.front.closed;
    await waitUntil('the call has let go', () => line.deps.tasks.subscriberCount === 0);
    expect((await line.deps.tasks.get(second ?? '', 'local'))?.status).toBe('working');
  });

  test('closing answers open subscriptions before the pipe goes', async () => {
    const line = await connect();
    const id = line.send('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await waitUntil(
      'it is acknowledged',
      () => of(line.received, 'notifications/subscriptions/acknowledged').length === 1,
    );
    open.splice(open.indexOf(line.front), 1);
    await line.front.close();
    expect(await line.answer(id)).toMatchObject({ result: { resultType: 'complete' } });
  });

  const HANDSHAKE = {
    jsonrpc: '2.0',
    id: 901,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'older', version: '1' } },
  };

  test.each([
    ['a ping', { jsonrpc: '2.0', id: 901, method: 'ping' }],
    ['an unknown method', { jsonrpc: '2.0', id: 901, method: 'no/such' }],
    ['a handshake of 2025-11-25', HANDSHAKE],
  ])('a request that names it is served in it also after %s', async (_, first) => {
    const line = await connect();
    line.deps.publish('quick', () => Promise.resolve({ content: [{ type: 'text', text: 'done' }] }));
    line.write(first);
    await line.answer(901);
    expect((await line.answer(line.send('server/discover')))['result']).toMatchObject({
      supportedVersions: ['2026-07-28'],
    });
    expect((await line.answer(line.send('tools/call', { name: 'quick' }, {})))['result']).toMatchObject({
      resultType: 'complete',
    });
  });

  test('a handshake on a pipe that has used it is served beside it, and each request keeps its form', async () => {
    const line = await connect();
    line.deps.publish('quick', () => Promise.resolve({ content: [{ type: 'text', text: 'done' }] }));
    await line.answer(line.send('tools/call', { name: 'quick' }, {}));
    line.write(HANDSHAKE);
    expect((await line.answer(901))['result']).toMatchObject({ protocolVersion: '2025-11-25' });
    line.write({ jsonrpc: '2.0', id: 902, method: 'tools/call', params: { name: 'quick' } });
    expect((await line.answer(902))['result']).not.toHaveProperty('resultType');
    expect((await line.answer(line.send('tools/call', { name: 'quick' }, {})))['result']).toMatchObject({
      resultType: 'complete',
    });
  });

  test('a request that lacks the envelope is -32602, one that names another revision -32022, also later on', async () => {
    const line = await connect();
    await line.answer(line.send('server/discover'));
    await line.answer(line.send('tools/list'));
    line.write({ jsonrpc: '2.0', id: 902, method: 'tools/list' });
    expect((await line.answer(902))['error']).toMatchObject({ code: -32602 });
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2025-11-25',
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    line.write({ jsonrpc: '2.0', id: 903, method: 'tools/list', params: { _meta } });
    expect((await line.answer(903))['error']).toMatchObject({
      code: -32022,
      data: { supported: ['2026-07-28'], requested: '2025-11-25' },
    });
  });

  test('a cancellation reaches a call of either generation on the same pipe', async () => {
    const line = await connect();
    const withdrawn: string[] = [];
    line.deps.publish('long', async (call) => {
      await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve(), { once: true }));
      withdrawn.push('long');
      return { content: [] };
    });
    line.write(HANDSHAKE);
    await line.answer(901);
    line.write({ jsonrpc: '2.0', id: 902, method: 'tools/call', params: { name: 'long' } });
    const id = line.send('tools/call', { name: 'long' }, {});
    await waitUntil('both run', async () => (await line.deps.tasks.list({ principal: 'local' })).tasks.length === 2);
    line.notify('notifications/cancelled', { requestId: id });
    line.notify('notifications/cancelled', { requestId: 902 });
    await waitUntil('both are withdrawn', () => withdrawn.length === 2);
  });
});
