import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { PLANNER_LIMITS } from '../../../src/planner/limits.ts';
import type { Planner } from '../../../src/planner/planner.ts';
import { PlannerRefusal } from '../../../src/planner/refusal.ts';
import { hashOf } from '../../../src/tasks/keys.ts';
import { caller, ME, PlannerWorld, tasksIn, textIn, TWO_TASKS } from '../../support/planner-world.ts';

const request = { originalRequest: 'r', tasks: TWO_TASKS };
const one = (title: string): JsonObject => ({ requestId: 'req-1', tasks: [{ title, description: '' }] });
const at = `plan:${hashOf('local')}`;

function times<T>(count: number, act: (index: number) => Promise<T>): Promise<readonly T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => act(index)));
}

/** Titles of the tasks of req-1, and ids, as they are stored now. */
async function tasksOf(planner: Planner, requestId = 'req-1'): Promise<readonly JsonObject[]> {
  return tasksIn(await planner.answer('get_next_task', { requestId }, ME));
}

describe('callers at the same time, in several processes', () => {
  it('give every request and every task a number of its own, and lose none (S1 to S3)', async () => {
    const world = new PlannerWorld();
    const processes = [world.process(), world.process(), world.process()];
    const answers = await times(60, (index) =>
      (processes[index % 3] ?? world.process()).answer('request_planning', request, ME),
    );
    const expected = Array.from({ length: 60 }, (_, index) => `req-${index + 1}`);
    expect(answers.map((answer) => textIn(answer, 'requestId')).toSorted()).toEqual(expected.toSorted());
    const ids = answers.flatMap((answer) => tasksIn(answer).map((task) => textIn(task, 'id')));
    expect(new Set(ids).size).toBe(120);
    const { requests } = await world.process().answer('list_requests', {}, ME);
    expect(requests).toHaveLength(60);
    expect((await world.stored()).get(`${at}:head`)).toEqual({ requests: 60, tasks: 120, kept: 60 });
  });

  it('add to one request without losing what the others add (S2)', async () => {
    const world = new PlannerWorld();
    const processes = [world.process(), world.process()] as const;
    await processes[0].answer('request_planning', request, ME);
    await times(40, (index) => processes[index % 2 === 0 ? 0 : 1].answer('add_tasks_to_request', one(`t${index}`), ME));
    const tasks = await tasksOf(processes[0]);
    const titles = Array.from({ length: 40 }, (_, index) => `t${index}`);
    expect(
      tasks
        .slice(2)
        .map((task) => textIn(task, 'title'))
        .toSorted(),
    ).toEqual(titles.toSorted());
    expect(new Set(tasks.map((task) => task['id'])).size).toBe(42);
  });

  it('add to requests of their own, and no number of a task is given out twice (S3)', async () => {
    const world = new PlannerWorld();
    const processes = [world.process(), world.process()] as const;
    for (const planner of processes) await planner.answer('request_planning', request, ME);
    await times(40, (index) => {
      const side = index % 2 === 0 ? 0 : 1;
      return processes[side].answer('add_tasks_to_request', { ...one('t'), requestId: `req-${side + 1}` }, ME);
    });
    const tasks = [...(await tasksOf(processes[0])), ...(await tasksOf(processes[0], 'req-2'))];
    expect(new Set(tasks.map((task) => task['id'])).size).toBe(44);
    expect(await world.stored(`${at}:task:`)).toHaveProperty('size', 44);
  });

  it('who deletes and who marks done: one of them, never both (P2, S2)', async () => {
    for (let round = 0; round < 20; round += 1) {
      const world = new PlannerWorld();
      const [here, there] = [world.process(), world.process()];
      await here.answer('request_planning', request, ME);
      const call = { requestId: 'req-1', taskId: 'task-1' };
      const [deleted, marked] = await Promise.allSettled([
        (round % 2 === 0 ? here : there).answer('delete_task', call, ME),
        (round % 2 === 0 ? there : here).answer('mark_task_done', call, ME),
      ]);
      const ids = (await tasksOf(here)).map((task) => task['id']);
      expect([deleted.status, marked.status].filter((status) => status === 'fulfilled')).toHaveLength(1);
      expect(ids.includes('task-1')).toBe(marked.status === 'fulfilled');
      const index = (await world.stored(`${at}:task:`)).size;
      expect(index).toBe(ids.length);
    }
  });

  it('a request is never completed while a task that was added is not approved (P4, S2)', async () => {
    for (let round = 0; round < 20; round += 1) {
      const world = new PlannerWorld();
      const [here, there] = [world.process(), world.process()];
      await here.answer('request_planning', request, ME);
      for (const taskId of ['task-1', 'task-2']) {
        await here.answer('mark_task_done', { requestId: 'req-1', taskId }, ME);
        await there.answer('approve_task_completion', { requestId: 'req-1', taskId }, ME);
      }
      await Promise.allSettled([
        here.answer('approve_request_completion', { requestId: 'req-1' }, ME),
        there.answer('add_tasks_to_request', one('late'), ME),
      ]);
      const { request: kept } = await here.answer('get_next_task', { requestId: 'req-1' }, ME);
      expect(kept).toMatchObject({ completed: false, tasks: { length: 3 } });
    }
  });
});

describe('principals', () => {
  it('have plans and numbers of their own, and one text for what is not theirs', async () => {
    const planner = new PlannerWorld().process();
    await planner.answer('request_planning', request, caller('ada'));
    await expect(planner.answer('get_next_task', { requestId: 'req-1' }, caller('bob'))).rejects.toThrow(
      'Request not found',
    );
    await expect(planner.answer('open_task_details', { taskId: 'task-1' }, caller('bob'))).rejects.toThrow(
      'Task not found',
    );
    expect((await planner.answer('list_requests', {}, caller('bob')))['requests']).toEqual([]);
    const own = await planner.answer('request_planning', request, caller('bob'));
    expect(own['requestId']).toBe('req-1');
  });

  it('that are several people are refused, as ids can be guessed', async () => {
    const planner = new PlannerWorld().process();
    const shared = { principal: 'local', listsAll: false };
    await expect(planner.answer('list_requests', {}, shared)).rejects.toThrow('cannot be told apart');
    expect(await planner.call('request_planning', request, shared)).toMatchObject({ isError: true });
  });
});

describe('an idempotency key', () => {
  it('makes a call that is repeated change nothing more, also in another process', async () => {
    const world = new PlannerWorld();
    const first = await world.process().answer('request_planning', request, ME, 'k');
    const again = await world.process().answer('request_planning', request, ME, 'k');
    expect(again).toEqual(first);
    await world.process().answer('add_tasks_to_request', one('x'), ME, 'k');
    await world.process().answer('add_tasks_to_request', one('x'), ME, 'k');
    expect(await tasksOf(world.process())).toHaveLength(3);
    expect((await world.process().answer('list_requests', {}, ME))['requests']).toHaveLength(1);
  });

  it('that comes many times at once is met once', async () => {
    const world = new PlannerWorld();
    const answers = await times(20, (index) =>
      world.process().answer('request_planning', request, ME, `k${index % 2}`),
    );
    expect(new Set(answers.map((answer) => answer['requestId'])).size).toBe(2);
  });

  it('is answered with the request as it is by then', async () => {
    const planner = new PlannerWorld().process();
    await planner.answer('request_planning', request, ME, 'k');
    await planner.answer('delete_task', { requestId: 'req-1', taskId: 'task-2' }, ME, 'd');
    expect(tasksIn(await planner.answer('request_planning', request, ME, 'k'))).toHaveLength(1);
    // Without its key the second time would be refused.
    expect(await planner.answer('delete_task', { requestId: 'req-1', taskId: 'task-2' }, ME, 'd')).toMatchObject({
      message: expect.stringContaining('Task deleted successfully.'),
    });
  });

  it('of another call is refused', async () => {
    const planner = new PlannerWorld().process();
    await planner.answer('request_planning', request, ME, 'k');
    const other = planner.answer('request_planning', { ...request, originalRequest: 'other' }, ME, 'k');
    await expect(other).rejects.toMatchObject({ code: 'idempotency_conflict' });
  });

  it('is remembered for the latest calls of a request', async () => {
    const world = new PlannerWorld();
    const planner = world.process({ limits: { ...PLANNER_LIMITS, keys: 2 } });
    await planner.answer('request_planning', request, ME, 'k');
    for (const key of ['a', 'b', 'c']) await planner.answer('add_tasks_to_request', one(key), ME, key);
    expect(await world.stored(`${at}:key:`)).toHaveProperty('size', 2);
    await planner.answer('add_tasks_to_request', one('c'), ME, 'c');
    expect(await tasksOf(planner)).toHaveLength(5);
  });
});

describe('limits', () => {
  const limits = { ...PLANNER_LIMITS, requests: 2, tasks: 3, requestBytes: 2000 };

  it('a request over its bounds is refused, and nothing of the call is kept', async () => {
    const world = new PlannerWorld();
    const planner = world.process({ limits });
    await planner.answer('request_planning', request, ME);
    const before = await world.stored();
    const many = { requestId: 'req-1', tasks: TWO_TASKS };
    await expect(planner.answer('add_tasks_to_request', many, ME)).rejects.toThrow('at most 3 tasks');
    const large = { requestId: 'req-1', taskId: 'task-1', description: 'x'.repeat(2000) };
    await expect(planner.answer('update_task', large, ME)).rejects.toThrow('at most 2000 bytes');
    expect(await world.stored()).toEqual(before);
  });

  it('a further request takes the place of the oldest completed one, of which nothing is left', async () => {
    const world = new PlannerWorld();
    const planner = world.process({ limits });
    await planner.answer('request_planning', request, ME);
    await planner.answer('request_planning', request, ME, 'kept-key');
    await expect(planner.answer('request_planning', request, ME)).rejects.toThrow('complete one of them first');
    for (const taskId of ['task-3', 'task-4']) {
      await planner.answer('mark_task_done', { requestId: 'req-2', taskId }, ME);
      await planner.answer('approve_task_completion', { requestId: 'req-2', taskId }, ME);
    }
    await planner.answer('approve_request_completion', { requestId: 'req-2' }, ME);
    expect((await planner.answer('request_planning', request, ME))['requestId']).toBe('req-3');
    await expect(planner.answer('open_task_details', { taskId: 'task-3' }, ME)).rejects.toThrow('Task not found');
    const numbers = [...(await world.stored()).keys()].map((key) => key.slice(at.length + 1));
    expect(numbers).toEqual([
      'head',
      ...[1, 3].map((n) => `req:${String(n).padStart(12, '0')}`),
      ...[1, 3].map((n) => `row:${String(n).padStart(12, '0')}`),
      ...[1, 2, 5, 6].map((n) => `task:${String(n).padStart(12, '0')}`),
    ]);
  });
});

describe('damaged values', () => {
  async function damagedAt(part: string, text = 'nonsense'): Promise<{ world: PlannerWorld; planner: Planner }> {
    const world = new PlannerWorld();
    const planner = world.process();
    await planner.answer('request_planning', request, ME, 'k');
    await planner.answer('request_planning', request, ME);
    world.store.data.setText(`${at}:${part}`, text);
    return { world, planner };
  }

  it('numbers that were lost are made again, and none that is held is given out twice', async () => {
    const { world, planner } = await damagedAt('head');
    const next = await planner.answer('request_planning', request, ME);
    expect(next['requestId']).toBe('req-3');
    expect(tasksIn(next).map((task) => task['id'])).toEqual(['task-5', 'task-6']);
    expect(world.damaged).toContain(`${at}:head`);
    expect((await world.stored()).get(`${at}:head`)).toEqual({ requests: 3, tasks: 6, kept: 3 });
  });

  it('a row of the inventory is made again from its request', async () => {
    const { world, planner } = await damagedAt('row:000000000001');
    const { requests } = await planner.answer('list_requests', {}, ME);
    expect(requests).toMatchObject([{ requestId: 'req-1', totalTasks: 2 }, { requestId: 'req-2' }]);
    expect(world.damaged).toEqual([`${at}:row:000000000001`]);
  });

  it.each([
    ['a text that is no value', 'nonsense'],
    ['a value of another kind', undefined],
  ])('a request with %s is refused and reported; all others work', async (_what, text) => {
    const { world, planner } = await damagedAt('head', '');
    await planner.answer('request_planning', request, ME);
    const key = `${at}:req:000000000001`;
    if (text !== undefined) world.store.data.setText(key, text);
    else await world.store.commit({ guards: [], puts: [{ key, value: { requestId: 7 } }], deletes: [] });
    const refused = planner.answer('get_next_task', { requestId: 'req-1' }, ME);
    await expect(refused).rejects.toThrow(PlannerRefusal);
    await expect(refused).rejects.toMatchObject({ code: 'damaged' });
    expect(world.damaged).toContain(key);
    expect(await planner.answer('get_next_task', { requestId: 'req-2' }, ME)).toMatchObject({ taskId: 'task-3' });
    expect((await planner.answer('list_requests', {}, ME))['requests']).toHaveLength(3);
  });
});

describe('metrics', () => {
  it('count calls by tool and outcome, and the seconds they took', async () => {
    const world = new PlannerWorld();
    const planner = world.process();
    await planner.answer('request_planning', request, ME);
    await expect(planner.answer('get_next_task', { requestId: 'req-9' }, ME)).rejects.toThrow('Request not found');
    await expect(planner.answer('no_such_tool', {}, ME)).rejects.toThrow('Unknown tool');
    expect(planner.metrics()).toContain(
      'mcp_workflow_planner_calls_total{tool="request_planning",outcome="answered"} 1\n' +
        'mcp_workflow_planner_calls_total{tool="get_next_task",outcome="refused"} 1\n',
    );
    expect(planner.metrics()).toContain('mcp_workflow_planner_call_seconds_count 2\n');
  });
});
