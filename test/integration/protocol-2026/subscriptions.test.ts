import { afterEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import type { FakeRun } from '../../support/fake-task-service.ts';
import { serveModern, TASKS_CLIENT, type Listening, type ModernHttp } from '../../support/modern-http.ts';
import { definitionOf, protocolDeps } from '../../support/protocol-deps.ts';
import { waitUntil } from '../../support/wait-until.ts';

const open: ModernHttp[] = [];
type Deps = ReturnType<typeof protocolDeps>;

async function serve(): Promise<{ deps: Deps; http: ModernHttp }> {
  const deps = protocolDeps();
  const http = await serveModern(deps);
  open.push(http);
  return { deps, http };
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((http) => http.close()));
});

/** A workflow that waits to be told what to do. */
function puppet(deps: Deps, name = 'puppet'): Promise<{ readonly run: FakeRun; readonly end: () => void }> {
  return new Promise((resolve) => {
    deps.publish(
      name,
      (run) =>
        new Promise((settle) => {
          resolve({ run, end: () => settle({ content: [{ type: 'text', text: 'done' }] }) });
        }),
    );
  });
}

const create = (deps: Deps, principal = 'local'): Promise<string> =>
  deps.tasks.create({ workflow: 'puppet', arguments: {}, principal }).then((view) => view.taskId);
const params = (message: JsonObject): JsonObject => message['params'] as JsonObject;

async function untilStatus(listening: Listening, status: string): Promise<JsonObject> {
  for (;;) {
    const message = await listening.next();
    if (params(message)['status'] === status) return params(message);
  }
}

describe('subscriptions/listen with task ids', () => {
  test('L1, L3: acknowledges the tasks it follows, then shows the state of each', async () => {
    const { deps, http } = await serve();
    const started = puppet(deps);
    const taskId = await create(deps);
    await started;
    const listening = await http.listen({ taskIds: [taskId] }, { capabilities: TASKS_CLIENT });
    const acknowledged = await listening.next();
    expect(acknowledged['method']).toBe('notifications/subscriptions/acknowledged');
    expect(params(acknowledged)['notifications']).toEqual({ taskIds: [taskId] });
    const id = (params(acknowledged)['_meta'] as JsonObject)['io.modelcontextprotocol/subscriptionId'];
    expect(typeof id).toBe('number');
    const first = await listening.next();
    expect(first).toMatchObject({ method: 'notifications/tasks', params: { taskId, status: 'working' } });
    expect(params(first)['_meta']).toMatchObject({ 'io.modelcontextprotocol/subscriptionId': id });
    listening.close();
  });

  test('L2: every notification is what tasks/get says, down to the inlined result', async () => {
    const { deps, http } = await serve();
    const started = puppet(deps);
    const taskId = await create(deps);
    const { run, end } = await started;
    const listening = await http.listen({ taskIds: [taskId] }, { capabilities: TASKS_CLIENT });
    await listening.next();
    await listening.next();
    const same = async (seen: JsonObject): Promise<void> => {
      const { result } = await http.request('tasks/get', { taskId }, { capabilities: TASKS_CLIENT });
      const { _meta: a, ...got } = result ?? {};
      const { _meta: b, ...told } = seen;
      expect({ ...told, resultType: 'complete' }).toEqual(got);
      const progress = 'dev.mcp-workflow/progress';
      expect((b as JsonObject)[progress]).toEqual((a as JsonObject)[progress]);
    };
    const form = {
      method: 'elicitation/create',
      params: { message: 'Name?', requestedSchema: { type: 'object', properties: {} } },
    };
    void run.ask(form);
    const asking = await untilStatus(listening, 'input_required');
    expect(Object.values(asking['inputRequests'] as JsonObject)).toEqual([form]);
    await same(asking);
    end();
    await same(await untilStatus(listening, 'completed'));
    listening.close();
  });

  test('a task that has ended is told at once', async () => {
    const { deps, http } = await serve();
    const started = puppet(deps);
    const taskId = await create(deps);
    (await started).end();
    await waitUntil('it ends', async () => (await deps.tasks.get(taskId, 'local'))?.endedAt !== undefined);
    const listening = await http.listen({ taskIds: [taskId] }, { capabilities: TASKS_CLIENT });
    expect(await untilStatus(listening, 'completed')).toMatchObject({ result: { content: [{ text: 'done' }] } });
    listening.close();
  });

  test('unknown and foreign tasks are left out of the acknowledgement, and nothing of them is ever sent', async () => {
    const { deps, http } = await serve();
    const started = puppet(deps);
    const mine = await create(deps, 'bob');
    const { end } = await started;
    const foreign = await create(deps, 'ann');
    const listening = await http.listen(
      { taskIds: [foreign, 'none', mine] },
      { capabilities: TASKS_CLIENT, principal: 'bob' },
    );
    expect(params(await listening.next())['notifications']).toEqual({ taskIds: [mine] });
    await deps.tasks.cancel(foreign, 'ann');
    end();
    expect(await untilStatus(listening, 'completed')).toMatchObject({ taskId: mine });
    listening.close();
  });

  test('without the extension it is refused with -32021', async () => {
    const { deps, http } = await serve();
    const started = puppet(deps);
    const taskId = await create(deps);
    await started;
    await expect(http.listen({ taskIds: [taskId] }, { capabilities: { elicitation: {} } })).rejects.toThrow(/-32021/u);
    expect(deps.tasks.subscriberCount).toBe(0);
  });

  test.each([
    [{ taskIds: 'x' }],
    [{ taskIds: [1] }],
    [{ taskIds: Array.from({ length: 1001 }, (_, index) => `t${index}`) }],
  ])('a filter that is not one is -32602 (%#)', async (filter) => {
    const { http } = await serve();
    await expect(http.listen(filter, { capabilities: TASKS_CLIENT })).rejects.toThrow(/-32602/u);
  });

  test('L4: a reader that does not read misses states in between, never the last one', async () => {
    const { deps, http } = await serve();
    const started = puppet(deps);
    const taskId = await create(deps);
    const { run, end } = await started;
    const listening = await http.listen({ taskIds: [taskId] }, { capabilities: TASKS_CLIENT });
    await listening.next();
    for (let step = 0; step < 500; step += 1) run.report({ message: `${step} ${'x'.repeat(10_000)}` });
    end();
    let heard = 0;
    for (;;) {
      heard += 1;
      if (params(await listening.next())['status'] === 'completed') break;
    }
    expect(heard).toBeLessThan(500);
    listening.close();
  });

  test('a client that leaves is let go of', async () => {
    const { deps, http } = await serve();
    const started = puppet(deps);
    const taskId = await create(deps);
    await started;
    const listening = await http.listen({ taskIds: [taskId] }, { capabilities: TASKS_CLIENT });
    await listening.next();
    await waitUntil('it follows the task', () => deps.tasks.subscriberCount === 1);
    listening.close();
    await waitUntil('it has let go', () => deps.tasks.subscriberCount === 0);
    expect((await deps.tasks.get(taskId, 'local'))?.status).toBe('working');
  });

  test('a server that stops answers the request, with the id of the subscription', async () => {
    const { http } = await serve();
    const listening = await http.listen({ toolsListChanged: true });
    const meta = params(await listening.next())['_meta'] as JsonObject;
    open.splice(open.indexOf(http), 1);
    const last = listening.next();
    await http.stop();
    expect(await last).toMatchObject({ result: { resultType: 'complete', _meta: meta } });
  });
});

describe('subscriptions/listen without task ids', () => {
  test('L1: tells of changed lists that were asked for, and of no others', async () => {
    const { deps, http } = await serve();
    const listening = await http.listen({ toolsListChanged: true, promptsListChanged: false });
    expect(params(await listening.next())['notifications']).toEqual({ toolsListChanged: true });
    deps.definitions.set(definitionOf('new'));
    expect((await listening.next())['method']).toBe('notifications/tools/list_changed');
    deps.definitions.set(definitionOf('newer'));
    expect((await listening.next())['method']).toBe('notifications/tools/list_changed');
    listening.close();
  });

  test('tells of all three lists', async () => {
    const { deps, http } = await serve();
    const filter = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
    const listening = await http.listen(filter);
    expect(params(await listening.next())['notifications']).toEqual(filter);
    deps.definitions.set(definitionOf('new'));
    const methods = [await listening.next(), await listening.next(), await listening.next()].map(
      (message) => message['method'],
    );
    expect(new Set(methods)).toEqual(
      new Set([
        'notifications/prompts/list_changed',
        'notifications/resources/list_changed',
        'notifications/tools/list_changed',
      ]),
    );
    listening.close();
  });

  test('tells of updated resources: a task that moves on', async () => {
    const { deps, http } = await serve();
    const started = puppet(deps);
    const taskId = await create(deps);
    const { run } = await started;
    const uri = `workflow://tasks/${taskId}`;
    const listening = await http.listen({
      resourceSubscriptions: [uri, 'workflow://tasks/none', 'file:///etc/passwd'],
    });
    expect(params(await listening.next())['notifications']).toEqual({ resourceSubscriptions: [uri] });
    run.report({ message: 'on' });
    expect(await listening.next()).toMatchObject({ method: 'notifications/resources/updated', params: { uri } });
    listening.close();
  });
});
