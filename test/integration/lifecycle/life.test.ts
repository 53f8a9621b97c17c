import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ElicitRequestSchema, TaskStatusNotificationSchema, type Task } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, test } from 'vitest';
import { serveEngine, type Reach, type ServedEngine } from '../../support/served-engine.ts';
import { callAsTask, pollUntil, resultOf } from '../../support/task-calls.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { newWorkspace, type Workspace } from '../../support/workspace.ts';

const INVALID_PARAMS = -32602;
/** What `tasks/result` of a cancelled task is answered with. */
const CANCELLED = -31010;
const DEFINITIONS = {
  quick: 'steps:\n  - { id: a, type: set, values: { n: 1 } }\noutput: { n: "{{a.output.n}}" }\n',
  failing: 'steps:\n  - { id: boom, type: fail, code: no_luck, message: Nothing to be done }\n',
  calls: `
steps:
  - { id: one, server: ledger, action: record, arguments: { label: one } }
  - { id: two, server: ledger, action: record, idempotent: true, arguments: { label: two, held: 1 } }
  - { id: three, server: ledger, action: record, arguments: { label: three } }
output: { three: '{{three.text}}' }
`,
  endless: `
steps:
  - { id: hang, server: cancellable, action: wait }
  - { id: after, server: ledger, action: record, arguments: { label: after } }
`,
  retries: `
steps:
  - id: flaky
    server: ledger
    action: flaky
    arguments: { label: flaky, fail_times: 9 }
    retry: { max_attempts: 9, delay_seconds: 600 }
`,
  asks: `
steps:
  - id: question
    type: elicit
    message: Go on?
    schema: { type: object, properties: { ok: { type: boolean } }, required: [ok] }
  - { id: after, server: ledger, action: record, arguments: { label: after } }
output: { ok: '{{question.output.ok}}' }
`,
};

let workspace: Workspace | undefined;
let engine: ServedEngine | undefined;

afterEach(async () => {
  await engine?.stop();
  await workspace?.remove();
  workspace = engine = undefined;
});

interface World {
  readonly engine: ServedEngine;
  labels(): readonly string[];
  /** Lets the second step of `calls` end. */
  release(): void;
  /** What the stand-in `cancellable` has heard. */
  heard(): string;
}

async function begin(reach: Reach): Promise<World> {
  const files = Object.entries(DEFINITIONS).map(([name, text]) => [`${name}.yaml`, `name: ${name}\n${text}`]);
  const made = await newWorkspace({
    definitions: Object.fromEntries(files),
    standIns: { ledger: {}, cancellable: { LEDGER: 'heard.txt' } },
  });
  workspace = made;
  engine = serveEngine(reach, made.path);
  return {
    engine,
    release: () => made.release(),
    labels: () => made.ledger().map((call) => String(call.args['label'])),
    heard: () => {
      const file = join(made.path, 'heard.txt');
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    },
  };
}

async function codeOf(request: Promise<unknown>): Promise<unknown> {
  return request.then(
    () => 'no error',
    (error: unknown) => (error as { code: number }).code,
  );
}

/** All tasks by following the cursors; the pages as they came. */
async function pagesOf(client: Client): Promise<readonly (readonly Task[])[]> {
  const pages: Task[][] = [];
  let cursor: string | undefined;
  do {
    const page = await client.experimental.tasks.listTasks(cursor);
    pages.push(page.tasks);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return pages;
}

describe.each(['stdio', 'HTTP'] as const)('the life of a task over %s', (reach) => {
  test('working with progress a person can read, then completed with its result', async () => {
    const world = await begin(reach);
    const seen: Task[] = [];
    const client = await world.engine.connect({
      prepare: (each) =>
        each.setNotificationHandler(TaskStatusNotificationSchema, ({ params }) => {
          seen.push(params);
        }),
    });
    const task = await callAsTask(client, 'calls');
    expect(task).toMatchObject({ status: 'working', ttl: 3_600_000 });
    await waitUntil('the second of the three steps', async () => {
      const { status, statusMessage } = await client.experimental.tasks.getTask(task.taskId);
      return status === 'working' && /step 2 of 3.*two/i.test(statusMessage ?? '');
    });
    world.release();
    await pollUntil(client, task.taskId, 'completed');
    expect((await resultOf(client, task.taskId)).structuredContent).toEqual({ three: 'record three #1' });
    await waitUntil('it was told', () =>
      seen.some(({ taskId, status }) => taskId === task.taskId && status === 'completed'),
    );
    expect(new Set(seen.map(({ taskId }) => taskId))).toEqual(new Set([task.taskId]));
  });

  test('failed: tasks/result is a tool result with isError that says where and why', async () => {
    const { engine: server } = await begin(reach);
    const client = await server.connect();
    const { taskId } = await callAsTask(client, 'failing');
    expect((await pollUntil(client, taskId, 'failed', 'completed')).status).toBe('failed');
    const result = await resultOf(client, taskId);
    expect(result.isError).toBe(true);
    expect(result.content).toEqual([{ type: 'text', text: "step 'boom' failed (no_luck): Nothing to be done" }]);
  });

  test('input_required: the question comes on the open tasks/result, and the answer lets it complete', async () => {
    const world = await begin(reach);
    const asked: string[] = [];
    const client = await world.engine.connect({
      capabilities: { elicitation: {} },
      prepare: (each) =>
        each.setRequestHandler(ElicitRequestSchema, ({ params }) => {
          asked.push(params.message);
          return { action: 'accept', content: { ok: true } };
        }),
    });
    const { taskId } = await callAsTask(client, 'asks');
    await pollUntil(client, taskId, 'input_required');
    expect(asked).toEqual([]);
    expect((await resultOf(client, taskId)).structuredContent).toEqual({ ok: true });
    expect(asked).toEqual(['Go on?']);
    expect(world.labels()).toEqual(['after']);
  });

  test('cancel while a call is in flight: the downstream server is told, and no step follows', async () => {
    const world = await begin(reach);
    const client = await world.engine.connect();
    const { taskId } = await callAsTask(client, 'endless');
    await waitUntil('the call', () => world.heard().includes('started'));
    const waiting = codeOf(resultOf(client, taskId));
    const cancelled = await client.experimental.tasks.cancelTask(taskId);
    expect(cancelled).toMatchObject({ taskId, status: 'cancelled' });
    await waitUntil('the server heard of it', () => world.heard().includes('cancelled'));
    expect((await client.experimental.tasks.getTask(taskId)).status).toBe('cancelled');
    expect(await waiting).toBe(CANCELLED);
    expect(world.labels()).toEqual([]);
  });

  test('cancel while it waits for a retry, and while it waits for an answer', async () => {
    const world = await begin(reach);
    const client = await world.engine.connect({ capabilities: { elicitation: {} } });
    const retries = await callAsTask(client, 'retries');
    await waitUntil('the first attempt failed', async () => {
      const { statusMessage } = await client.experimental.tasks.getTask(retries.taskId);
      return statusMessage?.includes('attempt 1 failed') ?? false;
    });
    const asks = await callAsTask(client, 'asks');
    await pollUntil(client, asks.taskId, 'input_required');
    for (const { taskId } of [retries, asks]) {
      expect((await client.experimental.tasks.cancelTask(taskId)).status).toBe('cancelled');
      expect((await client.experimental.tasks.getTask(taskId)).status).toBe('cancelled');
    }
    expect(world.labels()).toEqual(['flaky']);
  });

  test('cancel of what has ended, in each way, and of what was never there: -32602, and nothing changes', async () => {
    const { engine: server } = await begin(reach);
    const client = await server.connect();
    const completed = await callAsTask(client, 'quick');
    const failed = await callAsTask(client, 'failing');
    const cancelled = await callAsTask(client, 'retries');
    await pollUntil(client, completed.taskId, 'completed');
    await pollUntil(client, failed.taskId, 'failed');
    await client.experimental.tasks.cancelTask(cancelled.taskId);
    const before = await pagesOf(client);
    for (const { taskId } of [completed, failed, cancelled, { taskId: 'no-such-task' }]) {
      expect(await codeOf(client.experimental.tasks.cancelTask(taskId))).toBe(INVALID_PARAMS);
    }
    expect(await pagesOf(client)).toEqual(before);
  });

  test('tasks/list: pages with cursors that show each task once, newest first, whatever is added meanwhile', async () => {
    const { engine: server } = await begin(reach);
    const client = await server.connect();
    const ids: string[] = [];
    for (let made = 0; made < 120; made += 1) ids.push((await callAsTask(client, 'quick')).taskId);
    const first = await client.experimental.tasks.listTasks();
    expect(first.nextCursor).toBeDefined();
    await callAsTask(client, 'quick');
    const listed = [...first.tasks];
    let cursor = first.nextCursor;
    while (cursor !== undefined) {
      const page = await client.experimental.tasks.listTasks(cursor);
      listed.push(...page.tasks);
      cursor = page.nextCursor;
    }
    expect(listed.map((task) => task.taskId)).toEqual([...ids].reverse());
    expect((await pagesOf(client)).flat()).toHaveLength(121);
    expect(await codeOf(client.experimental.tasks.listTasks('not-a-cursor'))).toBe(INVALID_PARAMS);
  });

  test('two clients: both see the task and wait for it, both get the same result; one cancels what the other began', async () => {
    const world = await begin(reach);
    const { engine: server } = world;
    const one = await server.connect();
    const two = await server.connect();
    const { taskId } = await callAsTask(one, 'calls');
    expect((await two.experimental.tasks.getTask(taskId)).status).toBe('working');
    const both = Promise.all([resultOf(one, taskId), resultOf(two, taskId)]);
    world.release();
    const [first, second] = await both;
    expect(second).toEqual(first);
    expect(first.structuredContent).toEqual({ three: 'record three #1' });
    const other = await callAsTask(one, 'retries');
    expect((await two.experimental.tasks.cancelTask(other.taskId)).status).toBe('cancelled');
    expect((await one.experimental.tasks.getTask(other.taskId)).status).toBe('cancelled');
  });

  test('reconnect: a client that goes away in the middle finds its task by the id, and no finished step ran again', async () => {
    const world = await begin(reach);
    const client = await world.engine.connect();
    const { taskId } = await callAsTask(client, 'calls');
    await waitUntil('the second call', () => world.labels().includes('two'));
    await client.close();
    const again = await world.engine.connect();
    world.release();
    expect((await resultOf(again, taskId)).structuredContent).toEqual({ three: 'record three #1' });
    const labels = world.labels();
    expect(labels.filter((label) => label === 'one')).toHaveLength(1);
    expect(labels.filter((label) => label === 'three')).toHaveLength(1);
    // Over stdio the server goes with the pipe, so the call in flight may be made once more.
    expect(labels.filter((label) => label === 'two').length).toBeLessThanOrEqual(reach === 'HTTP' ? 1 : 2);
  });
});
