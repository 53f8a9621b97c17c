import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import type { ToolResult } from '../../src/core/outcome.ts';
import { KnownTasks, type Caller } from '../../src/protocol/caller.ts';
import { callOwnTool } from '../../src/protocol/task-tools.ts';
import { StoreError } from '../../src/store/task-store.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { protocolDeps } from '../support/protocol-deps.ts';

const never = new AbortController().signal;

function caller(listsAll = true): Caller {
  return { principal: 'local', identified: listsAll, listsAll, known: new KnownTasks() };
}

function setUp(more: Parameters<typeof protocolDeps>[0] = {}): ReturnType<typeof protocolDeps> & {
  readonly call: (tool: string, args: JsonObject, who?: Caller) => Promise<ToolResult>;
  readonly start: (name: string) => Promise<string>;
} {
  const deps = protocolDeps(more);
  deps.publish('endless', () => new Promise(() => undefined));
  deps.publish('quick', async () => ({ content: [{ type: 'text', text: 'ok' }] }));
  return {
    ...deps,
    call: (tool, args, who = caller()) => callOwnTool(tool, args, who, never, deps),
    start: async (workflow) => (await deps.tasks.create({ workflow, arguments: {}, principal: 'local' })).taskId,
  };
}

function textOf(result: ToolResult): string {
  return result.content.map((block) => (typeof block['text'] === 'string' ? block['text'] : '')).join('\n');
}

function idsOf(result: ToolResult): unknown[] {
  const { tasks } = result.structuredContent as { tasks: JsonObject[] };
  return tasks.map((task) => task['taskId']);
}

describe('tasks_get', () => {
  test('carries the task object of the protocol, with percent and phases', async () => {
    const { call, start } = setUp();
    const taskId = await start('endless');
    const { structuredContent } = await call('tasks_get', { taskId });
    expect(structuredContent).toMatchObject({
      taskId,
      workflow: 'endless',
      status: 'working',
      ttl: 3_600_000,
      pollInterval: 1_000,
      percent: 0,
      phases: [],
    });
  });

  test('tells what was undone after a cancel, beside the record that stays as it is', async () => {
    const { call, start, tasks } = setUp();
    const undone = [{ step: 'book', by: 'unbook', status: 'completed' }];
    const taskId = await start('endless');
    expect((await call('tasks_get', { taskId })).structuredContent).not.toHaveProperty('cleanUp');
    await call('tasks_cancel', { taskId });
    tasks.cleaning = { state: { status: 'done', undone, warnings: ['w'] }, done: Promise.resolve() };
    expect((await call('tasks_get', { taskId })).structuredContent).toMatchObject({
      status: 'cancelled',
      cleanUp: { status: 'done', compensation: undone, warnings: ['w'] },
    });
  });

  test('waits no longer than it was asked to, and says what to do next', async () => {
    const clock = new ManualClock();
    const { call, start } = setUp({ clock });
    const taskId = await start('endless');
    const pending = call('tasks_get', { taskId, wait_seconds: 10 });
    await clock.untilSleeping();
    await clock.advance(10_000);
    const result = await pending;
    expect(result.structuredContent).toMatchObject({ status: 'working' });
    expect(textOf(result)).toContain('tasks_get');
    expect(clock.sleeping).toBe(0);
  });

  test('a task that has ended is answered at once, without a timer', async () => {
    const clock = new ManualClock();
    const { call, start, tasks } = setUp({ clock });
    const taskId = await start('quick');
    await tasks.waitForChange(taskId, 'local', 1, never);
    expect((await call('tasks_get', { taskId, wait_seconds: 45 })).structuredContent).toMatchObject({
      status: 'completed',
    });
  });
});

describe('wrong arguments are a result that a model can mend', () => {
  test.each([
    ['tasks_get', {}, 'taskId'],
    ['tasks_get', { taskId: 7 }, 'taskId'],
    ['tasks_get', { taskId: 'x', wait_seconds: 46 }, 'not found'],
    ['tasks_list', { status: 'busy' }, 'status'],
    ['tasks_list', { limit: 0 }, 'limit'],
    ['tasks_list', { limit: 1.5 }, 'limit'],
    [
      'tasks_list',
      { state: 'working' },
      'arguments/state: there is no such argument, only cursor, limit, workflow, status',
    ],
    ['workflow_search', { words: 'x' }, 'arguments/words'],
    ['tasks_list', { cursor: 'forged' }, 'cursor'],
    ['tasks_result', { taskId: 'unknown' }, 'not found'],
    ['tasks_cancel', { taskId: 'unknown' }, 'not found'],
    ['tasks_update', { taskId: 'unknown', inputResponses: {} }, 'not found'],
  ] as [string, JsonObject, string][])('%s %j names %s', async (tool, args, named) => {
    const { call } = setUp();
    const result = await call(tool, args);
    expect(result.isError).toBe(true);
    expect(textOf(result)).toContain(named);
  });

  test('wait_seconds beyond the limit is refused', async () => {
    const { call, start } = setUp();
    const result = await call('tasks_get', { taskId: await start('quick'), wait_seconds: 46 });
    expect(textOf(result)).toContain('arguments/wait_seconds: a number from 0 to 45 is expected');
  });
});

describe('tasks_cancel', () => {
  test('cancels, and says so of a task that has ended', async () => {
    const { call, start } = setUp();
    const taskId = await start('endless');
    expect((await call('tasks_cancel', { taskId, reason: 'enough' })).structuredContent).toMatchObject({
      status: 'cancelled',
    });
    const again = await call('tasks_cancel', { taskId });
    expect(again.isError).toBe(true);
    expect(textOf(again)).toContain('ended already (cancelled)');
    expect(textOf(await call('tasks_result', { taskId }))).toContain('cancelled: enough');
  });
});

describe('tasks_list', () => {
  test('filters and pages', async () => {
    const { call, start } = setUp();
    const ids = [await start('endless'), await start('quick'), await start('endless')];
    const listed = async (args: JsonObject): Promise<unknown[]> => idsOf(await call('tasks_list', args));
    expect(await listed({})).toEqual([ids[2], ids[1], ids[0]]);
    expect(await listed({ workflow: 'endless' })).toEqual([ids[2], ids[0]]);
    const first = await call('tasks_list', { limit: 2 });
    expect(await listed({ cursor: first.structuredContent?.['nextCursor'] ?? null })).toEqual([ids[0]]);
  });

  test('where callers are not told apart it shows what this connection has named, and nothing else', async () => {
    const { call, start } = setUp();
    const who = caller(false);
    const [mine] = [await start('endless'), await start('endless')];
    await call('tasks_get', { taskId: mine ?? '' }, who);
    const result = await call('tasks_list', {}, who);
    expect(idsOf(result)).toEqual([mine]);
  });
});

test('a store that fails is told without its internals', async () => {
  const deps = setUp();
  const failing = { ...deps, tasks: Object.create(deps.tasks) as typeof deps.tasks };
  failing.tasks.list = () => Promise.reject(new StoreError('io', 'SQLITE_IOERR /root/db'));
  const result = await callOwnTool('tasks_list', {}, caller(), never, failing);
  expect(result.isError).toBe(true);
  expect(textOf(result)).not.toContain('SQLITE');
});
