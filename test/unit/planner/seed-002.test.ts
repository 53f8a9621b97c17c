import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import type { Planner } from '../../../src/planner/planner.ts';
import { plannerRoutes } from '../../../src/planner/routes.ts';
import { PLANNER_TOOLS } from '../../../src/planner/tools.ts';
import { FaultyStore } from '../../support/faulty-store.ts';
import { ME, PlannerWorld, tasksIn, textIn, TWO_TASKS } from '../../support/planner-world.ts';

/** A call that has to be answered. */
type Ask = (tool: string, args?: JsonObject) => Promise<JsonObject>;

function asking(planner: Planner): Ask {
  return (tool, args = {}) => planner.answer(tool, args, ME);
}

const request = { originalRequest: 'Automate financial reporting sequence', tasks: TWO_TASKS };
const both = ['task-1', 'task-2'];
const of = (taskId: string): JsonObject => ({ requestId: 'req-1', taskId });

async function planned(): Promise<Ask> {
  const ask = asking(new PlannerWorld().process());
  await ask('request_planning', request);
  return ask;
}

async function withAllDone(): Promise<Ask> {
  const ask = await planned();
  for (const id of both) await ask('mark_task_done', of(id));
  return ask;
}

async function withAllApproved(): Promise<Ask> {
  const ask = await withAllDone();
  for (const id of both) await ask('approve_task_completion', of(id));
  return ask;
}

describe('seed 002, a test for each line', () => {
  it('002.1 there are exactly ten tools', () => {
    expect(PLANNER_TOOLS.map(({ name }) => name).toSorted()).toEqual([
      'add_tasks_to_request',
      'approve_request_completion',
      'approve_task_completion',
      'delete_task',
      'get_next_task',
      'list_requests',
      'mark_task_done',
      'open_task_details',
      'request_planning',
      'update_task',
    ]);
  });

  it('002.2 a request and its tasks have the members of the seed’s schemas', async () => {
    const answer = await asking(new PlannerWorld().process())('request_planning', { ...request, splitDetails: 'by q' });
    expect(answer['request']).toEqual({
      requestId: 'req-1',
      originalRequest: request.originalRequest,
      splitDetails: 'by q',
      completed: false,
      tasks: TWO_TASKS.map((task, index) => ({
        id: `task-${index + 1}`,
        ...task,
        done: false,
        approved: false,
        completedDetails: '',
      })),
    });
  });

  it('002.3 request_planning answers with req-N and a progress table; tasks are task-N', async () => {
    const ask = asking(new PlannerWorld().process());
    const first = await ask('request_planning', request);
    expect(first['requestId']).toBe('req-1');
    expect(first['message']).toBe(
      'Request registered successfully.\nTask Progress:\n| Status | Task | Description |\n|--------|------|-------------|\n' +
        '| ❌ | Gather Q1 Data | Extract sales figures from DB |\n| ❌ | Write it up | One page |\n',
    );
    const second = await ask('request_planning', { ...request, splitDetails: '' });
    expect(second['requestId']).toBe('req-2');
    expect(tasksIn(second).map((task) => task['id'])).toEqual(['task-3', 'task-4']);
  });

  it.each([
    ['no tasks', { originalRequest: 'x' }, 'arguments/tasks'],
    ['an empty list of tasks', { originalRequest: 'x', tasks: [] }, 'arguments/tasks'],
    [
      'a task without a description',
      { originalRequest: 'x', tasks: [{ title: 'a' }] },
      'arguments/tasks/0/description',
    ],
    ['no request', { tasks: TWO_TASKS }, 'arguments/originalRequest'],
    ['an argument that does not exist', { ...request, priority: 1 }, 'priority'],
  ])('002.3 request_planning refuses %s, and says where', async (_what, args, place) => {
    const world = new PlannerWorld();
    await expect(asking(world.process())('request_planning', args)).rejects.toThrow(
      expect.objectContaining({ message: expect.stringMatching(`^Invalid parameters: .*${place}`) }),
    );
    expect((await world.stored()).size).toBe(0);
  });

  it('002.4 get_next_task gives the first task that is not done', async () => {
    const ask = await planned();
    expect(await ask('get_next_task', { requestId: 'req-1' })).toMatchObject({
      taskId: 'task-1',
      allTasksDone: false,
      message: expect.stringMatching(/^Next task: Gather Q1 Data\nExtract sales figures from DB\nTask Progress:\n/),
    });
    await ask('mark_task_done', of('task-1'));
    expect(await ask('get_next_task', { requestId: 'req-1' })).toMatchObject({ taskId: 'task-2', allTasksDone: false });
  });

  it('002.4 get_next_task says when some tasks need approval, and when all are approved', async () => {
    expect(await (await withAllDone())('get_next_task', { requestId: 'req-1' })).toMatchObject({
      taskId: null,
      allTasksDone: false,
      message: expect.stringContaining('All tasks are done but some need approval'),
    });
    expect(await (await withAllApproved())('get_next_task', { requestId: 'req-1' })).toMatchObject({
      taskId: null,
      allTasksDone: true,
    });
  });

  it('002.5 mark_task_done keeps what came of the task', async () => {
    const ask = await planned();
    const answer = await ask('mark_task_done', { ...of('task-1'), completedDetails: '12 figures' });
    expect(answer['message']).toMatch(/^Task marked as done\. Awaiting approval\.\n[^]*\| ⏳ \| Gather Q1 Data \|/);
    expect(tasksIn(answer)[0]).toMatchObject({ done: true, approved: false, completedDetails: '12 figures' });
  });

  it('002.6 approve_task_completion approves one task', async () => {
    const answer = await (await withAllDone())('approve_task_completion', of('task-2'));
    expect(answer['message']).toMatch(/^Task completion approved\.\n/);
    expect(tasksIn(answer).map((task) => task['approved'])).toEqual([false, true]);
  });

  it('002.7 approve_request_completion completes a request when all tasks are approved, and not before', async () => {
    const ask = await withAllDone();
    await ask('approve_task_completion', of('task-1'));
    await expect(ask('approve_request_completion', { requestId: 'req-1' })).rejects.toThrow(
      /^Not all tasks are approved yet$/,
    );
    await ask('approve_task_completion', of('task-2'));
    expect(await ask('approve_request_completion', { requestId: 'req-1' })).toMatchObject({
      message: expect.stringMatching(/^Request completion approved\. All done!\n/),
      request: { completed: true },
    });
  });

  it('002.8 add_tasks_to_request opens a completed request again', async () => {
    const ask = await withAllApproved();
    await ask('approve_request_completion', { requestId: 'req-1' });
    const tasks = [{ title: 'Send it', description: 'By mail' }];
    const answer = await ask('add_tasks_to_request', { requestId: 'req-1', tasks });
    expect(answer).toMatchObject({
      message: expect.stringMatching(/^Tasks added to request\.\n/),
      request: { completed: false },
    });
    expect(await ask('get_next_task', { requestId: 'req-1' })).toMatchObject({ taskId: 'task-3' });
  });

  it('002.9 update_task and delete_task change pending tasks only', async () => {
    const ask = await planned();
    const updated = await ask('update_task', { ...of('task-1'), title: 'Gather Q2 Data' });
    expect(updated['message']).toMatch(/^Task updated successfully\.\n[^]*\| ❌ \| Gather Q2 Data \|/);
    await ask('mark_task_done', of('task-1'));
    await expect(ask('update_task', { ...of('task-1'), title: 'x' })).rejects.toThrow(
      /^Cannot update completed or approved tasks$/,
    );
    await expect(ask('delete_task', of('task-1'))).rejects.toThrow(/^Cannot delete completed or approved tasks$/);
    const deleted = await ask('delete_task', of('task-2'));
    expect(deleted['message']).toMatch(/^Task deleted successfully\.\n/);
    expect(tasksIn(deleted).map((task) => task['id'])).toEqual(['task-1']);
    await expect(ask('update_task', of('task-1'))).rejects.toThrow('title or description is expected');
  });

  it('002.10 open_task_details tells Pending, Done and Approved', async () => {
    const ask = await planned();
    await ask('mark_task_done', { ...of('task-1'), completedDetails: '12 figures' });
    await ask('approve_task_completion', of('task-1'));
    await ask('add_tasks_to_request', { requestId: 'req-1', tasks: [{ title: 'c', description: '' }] });
    await ask('mark_task_done', of('task-3'));
    const opened = await Promise.all(
      ['task-1', 'task-2', 'task-3'].map((taskId) => ask('open_task_details', { taskId })),
    );
    expect(opened.map((answer) => /Status: (?<s>\w+)/.exec(textIn(answer, 'message'))?.[1])).toEqual([
      'Approved',
      'Pending',
      'Done',
    ]);
    expect(opened[0]).toMatchObject({
      message: expect.stringContaining('Completion Details: 12 figures'),
      requestId: 'req-1',
      details: { id: 'task-1', approved: true },
    });
  });

  it('002.10 list_requests is an inventory with metrics', async () => {
    const ask = await withAllDone();
    await ask('request_planning', { ...request, originalRequest: 'Another' });
    await ask('approve_task_completion', of('task-1'));
    const list = await ask('list_requests');
    expect(list['message']).toBe(
      'Requests:\n| ID | Original Request | Tasks Done | Total Tasks |\n|-----|-----------------|------------|-------------|\n' +
        '| req-1 | Automate financial reporting sequence | 1 | 2 |\n| req-2 | Another | 0 | 2 |\n',
    );
    expect(list['requests']).toEqual([
      { requestId: 'req-1', originalRequest: request.originalRequest, tasksDone: 1, totalTasks: 2, completed: false },
      { requestId: 'req-2', originalRequest: 'Another', tasksDone: 0, totalTasks: 2, completed: false },
    ]);
  });

  it.each([
    ['get_next_task', { requestId: 'req-9' }, 'Request not found'],
    ['mark_task_done', { requestId: 'req-9', taskId: 'task-1' }, 'Request not found'],
    ['mark_task_done', { requestId: 'req-1', taskId: 'task-9' }, 'Task not found'],
    ['approve_task_completion', { requestId: 'req-1', taskId: 'task-9' }, 'Task not found'],
    ['approve_request_completion', { requestId: 'req-9' }, 'Request not found'],
    ['add_tasks_to_request', { requestId: 'req-9', tasks: TWO_TASKS }, 'Request not found'],
    ['update_task', { requestId: 'req-1', taskId: 'nonsense', title: 'x' }, 'Task not found'],
    ['delete_task', { requestId: 'nonsense', taskId: 'task-1' }, 'Request not found'],
    ['open_task_details', { taskId: 'task-9' }, 'Task not found'],
  ])('002.10 %s of %j is answered with %s', async (tool, args, text) => {
    await expect((await planned())(tool, args)).rejects.toThrow(new RegExp(`^${text}$`));
  });

  it('002.11 a task goes Pending, Done, Approved: none is approved before it is done, none edited after', async () => {
    const ask = await planned();
    await expect(ask('approve_task_completion', of('task-1'))).rejects.toThrow(/^Task is not done yet$/);
    await ask('mark_task_done', { ...of('task-1'), completedDetails: 'once' });
    await expect(ask('mark_task_done', { ...of('task-1'), completedDetails: 'twice' })).rejects.toThrow(
      'Cannot update completed or approved tasks',
    );
    await ask('approve_task_completion', of('task-1'));
    for (const change of [ask('update_task', { ...of('task-1'), title: 'x' }), ask('delete_task', of('task-1'))]) {
      await expect(change).rejects.toThrow('completed or approved tasks');
    }
  });

  it('002.12 the two routes take the seed’s bodies and answer without an envelope', async () => {
    const routes = plannerRoutes(new PlannerWorld().process());
    const listed = await routes.get('/list-tools')?.({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, ME);
    expect(listed).toMatchObject({ status: 200, body: { tools: PLANNER_TOOLS.map(({ name }) => ({ name })) } });
    const params = { name: 'request_planning', arguments: request };
    const called = await routes.get('/call-tool')?.({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }, ME);
    expect(called).toMatchObject({ status: 200, body: { requestId: 'req-1' } });
  });

  it.each([
    ['/list-tools', { jsonrpc: '2.0', id: 1, method: 'tools/call' }, /^Invalid parameters: method/],
    ['/list-tools', [], /^Invalid parameters/],
    ['/call-tool', { method: 'tools/call' }, /^Invalid parameters: params/],
    ['/call-tool', { method: 'tools/call', params: { name: 'get_next_task', arguments: [] } }, /params\/arguments/],
    ['/call-tool', { method: 'tools/call', params: { name: 'toString' } }, /^Unknown tool: toString$/],
    ['/call-tool', { method: 'tools/call', params: { name: 'get_next_task' } }, /arguments\/requestId/],
    [
      '/call-tool',
      { method: 'tools/call', params: { name: 'get_next_task', arguments: { requestId: 'req-9' } } },
      /^Request not found$/,
    ],
  ])('002.12 %s answers %j with 400 and {error}', async (path, body, error) => {
    const answer = await plannerRoutes(new PlannerWorld().process()).get(path)?.(body, ME);
    expect(answer).toEqual({ status: 400, body: { error: expect.stringMatching(error) } });
  });

  it('002.14 what was answered is in the store, and another process sees it at once', async () => {
    const world = new PlannerWorld();
    const here = asking(world.process());
    const there = asking(world.process());
    await here('request_planning', request);
    await there('mark_task_done', { ...of('task-1'), completedDetails: 'there' });
    expect(await here('get_next_task', { requestId: 'req-1' })).toMatchObject({ taskId: 'task-2' });
    const after = asking(world.process());
    expect(await after('open_task_details', { taskId: 'task-1' })).toMatchObject({
      status: 'Done',
      details: { completedDetails: 'there' },
    });
  });

  it('002.20 while the store fails a call is refused, and the same call goes well when it works again', async () => {
    const stores: FaultyStore[] = [];
    const world = new PlannerWorld();
    const planner = world.process({
      over: (inner) => {
        const store = new FaultyStore(inner);
        stores.push(store);
        return store;
      },
    });
    for (const store of stores) store.plan = (commit) => (commit === 0 ? 'before' : undefined);
    const body = { method: 'tools/call', params: { name: 'request_planning', arguments: request } };
    const call = plannerRoutes(planner).get('/call-tool');
    expect(await call?.(body, ME)).toMatchObject({ status: 503, body: { error: expect.stringContaining('store') } });
    expect((await world.stored()).size).toBe(0);
    expect(await call?.(body, ME)).toMatchObject({ status: 200, body: { requestId: 'req-1' } });
  });
});
