import { afterEach, describe, expect, test } from 'vitest';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { CallToolResultSchema, CreateTaskResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { serveOnStdio, type StdioFront } from '../../../src/transports/stdio.ts';
import { createPipe } from '../../support/pipe-client.ts';
import { protocolDeps } from '../../support/protocol-deps.ts';

const open: { client: Client; front: StdioFront }[] = [];

async function connect(
  deps: ReturnType<typeof protocolDeps>,
): Promise<{ client: Client; front: StdioFront; pipe: ReturnType<typeof createPipe> }> {
  const pipe = createPipe();
  const front = await serveOnStdio(deps, pipe);
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(pipe.transport);
  open.push({ client, front });
  return { client, front, pipe };
}

afterEach(async () => {
  for (const { client, front } of open.splice(0)) {
    await client.close();
    await front.closed;
  }
});

describe('2025-11-25 over a pipe', () => {
  test('lists workflows before the five task tools, in an order that depends on names alone', async () => {
    const deps = protocolDeps();
    for (const name of ['zeta', 'alpha']) deps.publish(name, async () => ({ content: [] }));
    const { client } = await connect(deps);
    const { tools } = await client.listTools();
    expect(tools.map((tool) => tool.name)).toEqual([
      'alpha',
      'zeta',
      'tasks_cancel',
      'tasks_get',
      'tasks_list',
      'tasks_result',
      'tasks_update',
    ]);
    expect(tools[0]?.execution).toEqual({ taskSupport: 'optional' });
  });

  test('a plain call is answered with the result of the workflow', async () => {
    const deps = protocolDeps();
    deps.publish('greet', async ({ input }) => ({
      content: [{ type: 'text', text: `Hello, ${JSON.stringify(input['name'])}!` }],
    }));
    const { client } = await connect(deps);
    const result = await client.callTool({ name: 'greet', arguments: { name: 'Ada' } });
    expect(result).toEqual({ content: [{ type: 'text', text: 'Hello, "Ada"!' }] });
  });

  test('a task call is answered with a working task, and tasks/result gives its result', async () => {
    const deps = protocolDeps();
    deps.publish('greet', async () => ({ content: [{ type: 'text', text: 'done' }] }));
    const { client } = await connect(deps);
    const created = await client.request(
      { method: 'tools/call', params: { name: 'greet', arguments: {}, task: { ttl: 60_000 } } },
      CreateTaskResultSchema,
    );
    expect(created.task).toMatchObject({ status: 'working', ttl: 60_000 });
    const result = await client.experimental.tasks.getTaskResult(created.task.taskId, CallToolResultSchema);
    expect(result.content).toEqual([{ type: 'text', text: 'done' }]);
    expect(result._meta?.['io.modelcontextprotocol/related-task']).toEqual({ taskId: created.task.taskId });
  });

  test('closing answers a waiting call with its task before the pipe is let go, and the task goes on', async () => {
    const deps = protocolDeps();
    let started = (): void => undefined;
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    deps.publish('endless', () => {
      started();
      return new Promise(() => undefined);
    });
    const { client, front } = await connect(deps);
    const call = client.callTool({ name: 'endless', arguments: {} });
    await running;
    await front.close();
    expect((await call).structuredContent).toMatchObject({ task: { status: 'working' } });
    expect((await deps.tasks.list({ principal: 'local' })).tasks[0]?.status).toBe('working');
  });

  test('the front closes as soon as its input ends, although a run is going on', async () => {
    const deps = protocolDeps();
    deps.publish('endless', () => new Promise(() => undefined));
    const { client, front } = await connect(deps);
    const call = client.callTool({ name: 'endless', arguments: {} });
    call.catch(() => undefined);
    await client.close();
    await front.closed;
    await expect(call).rejects.toThrow(/closed/u);
    const { tasks } = await deps.tasks.list({ principal: 'local' });
    expect(tasks.map((task) => task.status)).toEqual(['working']);
  });
});
