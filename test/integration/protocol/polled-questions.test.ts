import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, test } from 'vitest';
import { isJsonObject } from '../../../src/core/json.ts';
import { protocolDeps } from '../../support/protocol-deps.ts';
import { textOf } from '../../support/raw-client.ts';
import { serveHttp, servePipe, type Connected, type Served } from '../../support/scripted-client.ts';
import { waitUntil } from '../../support/wait-until.ts';

const FORM = {
  method: 'elicitation/create',
  params: {
    mode: 'form',
    message: 'Name?',
    requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
  },
};

let served: Served | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

/** A client that can show forms, with a task that asks. `shown` grows with every question; answers come by `answer`. */
async function asked(serve: typeof servePipe): Promise<{
  client: Connected;
  taskId: string;
  shown: unknown[];
  answer: (name: string) => void;
  poll: () => Promise<unknown>;
}> {
  const deps = protocolDeps();
  deps.publish('asks', async ({ ask }) => ({
    content: [{ type: 'text', text: JSON.stringify(await ask(FORM, 'user_name')) }],
  }));
  served = await serve(deps);
  const client = await served.connect({ elicitation: { form: {} } });
  const shown: unknown[] = [];
  let answer: (name: string) => void = () => undefined;
  client.client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
    shown.push(params);
    return new Promise((resolve) => {
      answer = (name) => resolve({ action: 'accept', content: { name } });
    });
  });
  const { task } = await client.raw('tools/call', { name: 'asks', arguments: {}, task: {} });
  const taskId = isJsonObject(task) ? textOf(task, 'taskId') : '';
  // By another method than the one under test.
  await waitUntil('it asks', async () =>
    JSON.stringify(await client.raw('tools/call', { name: 'tasks_get', arguments: { taskId } })).includes('Name?'),
  );
  const poll = async (): Promise<unknown> => (await client.raw('tasks/get', { taskId }))['status'];
  return { client, taskId, shown, answer: (name) => answer(name), poll };
}

describe.each([
  ['a pipe', servePipe],
  ['HTTP', serveHttp],
])('a client that only polls, over %s', (_transport, serve) => {
  test('is asked at the second poll that shows the question, once, and its answer counts', async () => {
    const { taskId, shown, answer, poll } = await asked(serve);
    expect(await poll()).toBe('input_required');
    expect(shown).toEqual([]);
    expect(await poll()).toBe('input_required');
    await waitUntil('it is asked', () => shown.length > 0);
    await poll();
    expect(shown).toMatchObject([{ message: 'Name?', _meta: { 'io.modelcontextprotocol/related-task': { taskId } } }]);
    answer('Ada');
    await waitUntil('it completes', async () => (await poll()) === 'completed');
    expect(shown).toHaveLength(1);
  });

  test('is asked on tasks/result as soon as it calls that: the other question is withdrawn', async () => {
    const { client, taskId, shown, answer, poll } = await asked(serve);
    await poll();
    await poll();
    await waitUntil('it is asked', () => shown.length > 0);
    const result = client.raw('tasks/result', { taskId });
    await waitUntil('it is asked again', () => shown.length > 1);
    await client.message((message) => 'method' in message && message.method === 'notifications/cancelled');
    await poll();
    await poll();
    answer('Grace');
    expect(JSON.stringify(await result)).toContain('Grace');
    expect(shown).toHaveLength(2);
  });

  test('is not asked what is answered elsewhere', async () => {
    const { client, taskId, shown, poll } = await asked(serve);
    await poll();
    await poll();
    await waitUntil('it is asked', () => shown.length > 0);
    const response = { action: 'accept', content: { name: 'Else' } };
    const view = await client.raw('tools/call', { name: 'tasks_get', arguments: { taskId } });
    const task = isJsonObject(view['structuredContent']) ? view['structuredContent'] : {};
    const [key] = Object.keys(isJsonObject(task['inputRequests']) ? task['inputRequests'] : {});
    await client.raw('tools/call', {
      name: 'tasks_update',
      arguments: { taskId, inputResponses: { [key ?? '']: response } },
    });
    await client.message((message) => 'method' in message && message.method === 'notifications/cancelled');
    await waitUntil('it completes', async () => (await poll()) === 'completed');
  });
});
