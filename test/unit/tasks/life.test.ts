import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stepFailure } from '../../../src/core/failure.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { encodeValue } from '../../../src/store/value-codec.ts';
import { keys } from '../../../src/tasks/keys.ts';
import { TaskError } from '../../../src/tasks/task.ts';
import type { CreateTask, TaskEvent, TaskView } from '../../../src/tasks/task.ts';
import type { TaskManager } from '../../../src/tasks/task-manager.ts';
import { gate } from '../../support/gate.ts';
import { aborted } from '../../support/scripted-runner.ts';
import { ended, TaskWorld } from '../../support/task-world.ts';

const me = 'local';

let world: TaskWorld;
beforeEach(() => {
  world = new TaskWorld();
});
afterEach(() => world.dispose());

describe('a task', () => {
  it('is durable and working when create resolves, and completed with its outcome at the end (D1, T4)', async () => {
    const open = gate();
    world.define('w', async ({ step, task }) => {
      await step('a', () => open.passed);
      return step('b', () => ({ seen: task.input }));
    });
    const { tasks } = await world.started();
    const view = await tasks.create({ workflow: 'w', arguments: { x: 1 }, principal: me });
    expect(view).toMatchObject({ status: 'working', workflow: 'w', rev: 1, percent: 0, inputs: [] });
    const elsewhere = world.process({ claims: 'none' });
    expect(await elsewhere.tasks.get(view.taskId, me)).toMatchObject({ status: 'working' });
    expect(await tasks.outcome(view.taskId, me)).toBeUndefined();
    open.pass('done');
    const end = await ended(tasks, view.taskId);
    expect(end).toMatchObject({ status: 'completed', percent: 100, endedAt: end.lastUpdatedAt });
    expect(await tasks.outcome(view.taskId, me)).toMatchObject({ kind: 'result', output: { seen: { x: 1 } } });
    expect((await tasks.journal(view.taskId, me)).map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'finished'],
      [2, 'finished'],
      [3, 'settled'],
    ]);
    expect(await tasks.steps(view.taskId, me)).toMatchObject([
      { path: 'a', status: 'completed', attempts: 1 },
      { path: 'b', status: 'completed', attempts: 1 },
    ]);
  });

  it('writes what the run left to its outcome in the same commit as the outcome (T4)', async () => {
    world.define('w', async ({ step, ports }) => {
      await step('a', () => 1);
      const entry = {
        type: 'finished' as const,
        path: 'b',
        step: 'b',
        kind: 'set',
        startedAt: 0,
        result: { status: 'completed' as const, output: 2, attempts: 1 },
        saved: { kept: 2 },
      };
      expect(ports.journal.defer?.(entry)).toMatchObject([{ seq: 2, path: 'b' }]);
      return 3;
    });
    const { tasks } = await world.started();
    const commits: (readonly string[])[] = [];
    const setText = world.store.data.setText.bind(world.store.data);
    let version = -1;
    world.store.data.setText = (key, value): void => {
      if (version !== world.store.data.version) commits.push([]);
      ({ version } = world.store.data);
      commits.splice(-1, 1, [...(commits.at(-1) ?? []), key.split(':')[0] ?? '']);
      setText(key, value);
    };
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await ended(tasks, taskId);
    expect(commits.at(-1)).toEqual(['task', 'j', 'j', 'saved', 'out', 'open']);
    expect(await tasks.journal(taskId, me)).toMatchObject([
      { seq: 1, path: 'a' },
      { seq: 2, path: 'b' },
      { seq: 3, type: 'settled' },
    ]);
  });

  it('fails with the failure of its workflow in view and outcome', async () => {
    world.define('w', ({ step }) =>
      step('a', () => {
        throw stepFailure('tool_error', 'no luck');
      }),
    );
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    const end = await ended(tasks, taskId);
    expect(end).toMatchObject({
      status: 'failed',
      statusMessage: "step 'a' failed (tool_error): no luck",
      failure: { code: 'tool_error', step: 'a' },
    });
    expect(await tasks.outcome(taskId, me)).toMatchObject({ result: { isError: true } });
  });

  it('fails with a correlation id and nothing else when the run meets a bug', async () => {
    world.define('w', () => Promise.reject(new Error('secret detail')));
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    const end = await ended(tasks, taskId);
    expect(end.failure).toMatchObject({ code: 'internal_error' });
    expect(JSON.stringify([end, await tasks.outcome(taskId, me)])).not.toContain('secret detail');
  });

  it('is the principal’s alone: unknown and foreign tasks get the same answer', async () => {
    world.define('w', () => Promise.resolve(1));
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    expect(await tasks.get(taskId, 'eve')).toBeUndefined();
    const attempts = [taskId, 'nothing', 'a:b', '../x', ''].flatMap((id) => [
      tasks.cancel(id, 'eve'),
      tasks.outcome(id, 'eve'),
      tasks.journal(id, 'eve'),
      tasks.respond(id, 'eve', 'in-1', {}),
      tasks.resume(id, 'eve'),
      tasks.waitForChange(id, 'eve', 0, new AbortController().signal),
    ]);
    for (const settled of await Promise.allSettled(attempts)) {
      expect(settled).toMatchObject({ status: 'rejected', reason: { code: 'not_found', message: 'task not found' } });
    }
  });

  it('refuses unknown workflows and arguments that do not fit, naming the path', async () => {
    world.define('w', () => Promise.resolve(1), {
      input_schema: { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] },
    });
    const { tasks } = await world.started();
    await expect(tasks.create({ workflow: 'x', arguments: {}, principal: me })).rejects.toMatchObject({
      code: 'unknown_workflow',
    });
    const refused = tasks.create({ workflow: 'w', arguments: { n: 'one' }, principal: me });
    await expect(refused).rejects.toMatchObject({ code: 'invalid_arguments' });
    await expect(refused).rejects.toThrow(/\$\.n/);
  });

  it('keeps saved variables for the next run of the same workflow and principal', async () => {
    world.define('w', async ({ step, task }) => {
      await step('a', () => 1, { count: Number(task.saved['count'] ?? 0) + 1, 'odd: key': true });
      return task.saved;
    });
    world.define('other', ({ task }) => Promise.resolve(task.saved));
    const { tasks } = await world.started();
    const outputs = [];
    for (const [workflow, principal] of [
      ['w', me],
      ['w', me],
      ['w', 'eve'],
      ['other', me],
    ] as const) {
      const { taskId } = await tasks.create({ workflow, arguments: {}, principal });
      await tasks.waitForChange(taskId, principal, 2, new AbortController().signal);
      outputs.push(await tasks.outcome(taskId, principal));
    }
    expect(outputs.map((outcome) => outcome?.kind === 'result' && outcome.output)).toEqual([
      {},
      { count: 1, 'odd: key': true },
      {},
      {},
    ]);
  });

  it('tells progress with the next commit, by itself at most once a second, and never lets percent go back', async () => {
    const open = gate();
    world.define('w', async ({ ports, step }) => {
      for (let n = 1; n <= 100; n += 1)
        ports.progress.update({ message: `m${n}`, percent: n === 100 ? 10 : n / 2, phases: [] });
      await open.passed;
      await step('a', () => 1);
      return 1;
    });
    const { tasks } = await world.started();
    const views: TaskView[] = [];
    tasks.subscribe((event) => event.type === 'changed' && views.push(event.view));
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await world.clock.advance(900);
    const told = await tasks.get(taskId, me);
    expect(told).toMatchObject({ statusMessage: 'm100', percent: 10 });
    expect(views.length).toBeLessThanOrEqual(3);
    open.pass(1);
    expect((await ended(tasks, taskId)).percent).toBe(100);
  });

  it('publishes messages to those who listen, and a listener that throws harms nobody', async () => {
    world.define('w', ({ ports }) => {
      ports.progress.emit({ message: 'hello', level: 'info', data: { x: 1 } });
      return Promise.resolve(1);
    });
    const { tasks } = await world.started();
    const events: TaskEvent[] = [];
    tasks.subscribe(() => {
      throw new Error('bad listener');
    });
    const stop = tasks.subscribe((event) => events.push(event));
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await ended(tasks, taskId);
    expect(events.find((event) => event.type === 'message')).toMatchObject({
      taskId,
      message: 'hello',
      data: { x: 1 },
    });
    stop();
    const count = events.length;
    await ended(tasks, (await tasks.create({ workflow: 'w', arguments: {}, principal: me })).taskId);
    expect(events).toHaveLength(count);
  });

  it('lets a waiter go on abort', async () => {
    world.define('w', ({ signal }) => aborted(signal));
    const { tasks } = await world.started();
    const { taskId, rev } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    const controller = new AbortController();
    const waiting = tasks.waitForChange(taskId, me, rev, controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await tasks.cancel(taskId, me);
  });
});

describe('cancel', () => {
  it('is durable when it resolves, aborts the run and lets no later step count (D8)', async () => {
    const open = gate();
    let reason: unknown;
    let later = false;
    world.define('w', async ({ step, signal }) => {
      signal.addEventListener('abort', () => (reason = signal.reason));
      await step('a', () => 1);
      await step('b', () => open.passed);
      later = true;
      return 1;
    });
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await tasks.waitForChange(taskId, me, 1, new AbortController().signal);
    const view = await tasks.cancel(taskId, me, 'no longer needed');
    expect(view).toMatchObject({ status: 'cancelled', statusMessage: 'cancelled: no longer needed' });
    expect(reason).toMatchObject({ why: 'cancel' });
    const bytes = JSON.stringify(await tasks.get(taskId, me));
    open.pass('late');
    await open.turn();
    expect(later).toBe(false);
    expect(JSON.stringify(await tasks.get(taskId, me))).toBe(bytes);
    expect(await tasks.outcome(taskId, me)).toEqual({ kind: 'cancelled', reason: 'no longer needed' });
    await expect(tasks.cancel(taskId, me)).rejects.toMatchObject({ code: 'already_terminal' });
  });

  it('cleans up what had run, in the journal behind the terminal record, whose bytes stay (T3, D9)', async () => {
    const open = gate();
    world.define('w', async ({ step }) => {
      await step('a', () => 1);
      return step('b', () => open.passed);
    });
    const { tasks, runner } = await world.started();
    const cleaned = gate();
    runner.cleanUps.set('w', async ({ step, ports }) => {
      await step('cleanup/undo', () => 'undone');
      await expect(ports.input.ask('cleanup/x', { method: 'elicitation/create', params: {} })).rejects.toMatchObject({
        failure: { code: 'input_cancelled' },
      });
      cleaned.pass(1);
      return { undone: [{ step: 'a', by: 'undo', status: 'completed' }], warnings: ['w'] };
    });
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await tasks.waitForChange(taskId, me, 1, new AbortController().signal);
    const view = await tasks.cancel(taskId, me);
    open.pass(1);
    expect(await tasks.cleanUp(taskId, me)).toEqual({ status: 'working', undone: [], warnings: [] });
    await cleaned.passed;
    await world.clock.during(tasks.cleanedUp(taskId, me, new AbortController().signal));
    expect(await tasks.cleanUp(taskId, me)).toEqual({
      status: 'done',
      undone: [{ step: 'a', by: 'undo', status: 'completed' }],
      warnings: ['w'],
    });
    await expect(tasks.cleanUp(taskId, 'eve')).rejects.toMatchObject({ code: 'not_found' });
    expect(await tasks.get(taskId, me)).toEqual(view);
    const journal = await tasks.journal(taskId, me);
    expect(journal.map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'finished'],
      [2, 'settled'],
      [3, 'finished'],
    ]);
  });
});

describe('limits (D16)', () => {
  const create = (tasks: TaskManager, args = {}, principal = me): Promise<TaskView> =>
    tasks.create({ workflow: 'w', arguments: args, principal });

  it('bounds open tasks in all and per principal, and takes new ones when one has ended', async () => {
    world.define('w', ({ signal }) => aborted(signal));
    const { tasks } = await world.started({ limits: { openTasks: 3, openTasksPerPrincipal: 2 } });
    const first = await create(tasks);
    await create(tasks);
    await expect(create(tasks)).rejects.toMatchObject({ code: 'limit_exceeded' });
    await create(tasks, {}, 'eve');
    await expect(create(tasks, {}, 'adam')).rejects.toMatchObject({ code: 'limit_exceeded' });
    await expect(tasks.cancel(first.taskId, me)).resolves.toMatchObject({ status: 'cancelled' });
  });

  it('bounds open tasks of a principal also over processes, and for one that runs none', async () => {
    world.define('w', ({ signal }) => aborted(signal));
    const limits = { openTasksPerPrincipal: 2 };
    const [one, two] = [await world.started({ limits }), await world.started({ limits })];
    const first = await create(one.tasks);
    await create(two.tasks);
    await world.clock.advance(2000);
    const none = await world.started({ claims: 'none', limits });
    for (const { tasks } of [one, two, none]) {
      await expect(create(tasks)).rejects.toMatchObject({ code: 'limit_exceeded' });
      await expect(create(tasks, {}, `somebody else ${String(tasks === one.tasks)}`)).resolves.toBeDefined();
    }
    await one.tasks.cancel(first.taskId, me);
    const { taskId } = await create(none.tasks);
    await world.clock.advance(2000);
    for (const { tasks } of [one, two, none])
      await expect(create(tasks)).rejects.toMatchObject({ code: 'limit_exceeded' });
    // Rows of older releases do not say whose they are.
    const open = `open:${taskId}`;
    world.store.data.setText(open, encodeValue(open, { runner: null }).text);
    await expect(create(none.tasks)).rejects.toMatchObject({ code: 'limit_exceeded' });
  });

  it('bounds arguments in bytes and depth', async () => {
    world.define('w', () => Promise.resolve(1));
    const { tasks } = await world.started({ limits: { argumentBytes: 100, argumentDepth: 3 } });
    await expect(create(tasks, { x: 'ü'.repeat(60) })).rejects.toMatchObject({ code: 'limit_exceeded' });
    await expect(create(tasks, { a: { b: { c: { d: 1 } } } })).rejects.toMatchObject({ code: 'limit_exceeded' });
    await expect(create(tasks, { a: { b: { c: 1 } } })).resolves.toMatchObject({ status: 'working' });
  });

  it('fails a task alone whose journal entry, journal or result is too large', async () => {
    world.define('entry', ({ step }) => step('a', () => 'x'.repeat(2000)));
    world.define('journal', async ({ step }) => {
      for (let n = 0; n < 10; n += 1) await step(`s${n}`, () => n);
      return 1;
    });
    world.define('result', () => Promise.resolve('x'.repeat(2000)));
    const { tasks } = await world.started({ limits: { entryBytes: 1000, entries: 5, outcomeBytes: 1000 } });
    for (const workflow of ['entry', 'journal', 'result']) {
      const { taskId } = await tasks.create({ workflow, arguments: {}, principal: me });
      expect(await ended(tasks, taskId)).toMatchObject({ status: 'failed', failure: { code: 'limit_exceeded' } });
    }
  });

  it('clamps the ttl and reports the actual one', async () => {
    world.define('w', () => Promise.resolve(1));
    const { tasks } = await world.started({ limits: { ttlDefault: 5000, ttlMax: 10_000 } });
    const ttlOf = async (ttl?: number | null): Promise<number | null> =>
      (await tasks.create({ workflow: 'w', arguments: {}, principal: me, ...(ttl !== undefined && { ttl }) })).ttl;
    expect([await ttlOf(), await ttlOf(1e12), await ttlOf(null), await ttlOf(-5), await ttlOf(700)]).toEqual([
      5000, 10_000, 10_000, 0, 700,
    ]);
  });
});

describe('idempotent create (D7)', () => {
  it('gives the same task for the same principal, workflow and key, also at the same time', async () => {
    world.define('w', ({ step }) => step('a', () => 1));
    const { tasks, runner } = await world.started();
    const request = { workflow: 'w', arguments: { a: 1, b: 2 }, principal: me, idempotencyKey: 'k' };
    const views = await Promise.all([tasks.create(request), tasks.create({ ...request, arguments: { b: 2, a: 1 } })]);
    expect(views[0]?.taskId).toBe(views[1]?.taskId);
    await ended(tasks, views[0]?.taskId ?? '');
    expect((await tasks.create(request)).taskId).toBe(views[0]?.taskId);
    expect(runner.begun).toEqual(['w']);
    const eve = await tasks.create({ ...request, principal: 'eve' });
    expect(eve.taskId).not.toBe(views[0]?.taskId);
  });

  it('says clearly when the task of the key is damaged, and reports it (D14)', async () => {
    world.define('w', () => Promise.resolve(1));
    const { tasks } = await world.started();
    const request = { workflow: 'w', arguments: {}, principal: me, idempotencyKey: 'k' };
    const { taskId } = await tasks.create(request);
    await ended(tasks, taskId);
    const { texts } = world.store.data;
    world.store.data.setText(keys.task(taskId), `${texts.get(keys.task(taskId)) ?? ''}!`);
    // Another process, which has read nothing yet.
    const other = await world.started();
    await expect(other.tasks.create(request)).rejects.toMatchObject({
      code: 'store_unavailable',
      message: 'stored data of this task is damaged',
    });
    expect(other.tasks.health().damaged).toEqual([keys.task(taskId)]);
  });

  it('refuses the key with other arguments', async () => {
    world.define('w', () => Promise.resolve(1));
    const { tasks } = await world.started();
    const request = { workflow: 'w', arguments: { a: 1 }, principal: me, idempotencyKey: 'k' };
    await tasks.create(request);
    const refused = tasks.create({ ...request, arguments: { a: 2 } });
    await expect(refused).rejects.toBeInstanceOf(TaskError);
    await expect(refused).rejects.toMatchObject({ code: 'idempotency_conflict' });
  });
});

describe('idempotency_key of the definition', () => {
  const create = (tasks: TaskManager, args: JsonObject, more: Partial<CreateTask> = {}): Promise<TaskView> =>
    tasks.create({ workflow: 'order', arguments: args, principal: me, ...more });

  it('makes calls with equal keys one task, whatever else their arguments say', async () => {
    world.define('order', ({ step, task }) => step('a', () => task.input['note'] ?? 'none'), {
      idempotency_key: 'order-{{input.id}}-{{input.part}}',
      variables: { input: { part: 1 }, global: {}, saved: {} },
    });
    const { tasks } = await world.started();
    const first = await create(tasks, { id: 7, note: 'first' });
    expect((await create(tasks, { id: 7, part: 1, note: 'second' })).taskId).toBe(first.taskId);
    expect((await create(tasks, { id: 7, part: 2 })).taskId).not.toBe(first.taskId);
    expect((await create(tasks, { id: 7 }, { principal: 'eve' })).taskId).not.toBe(first.taskId);
    await ended(tasks, first.taskId);
    expect(await tasks.outcome((await create(tasks, { id: 7 })).taskId, me)).toMatchObject({ output: 'first' });
  });

  it('gives way to the key of the client, which it never meets', async () => {
    world.define('order', ({ step }) => step('a', () => 1), { idempotency_key: 'k{{input.id}}' });
    const { tasks } = await world.started();
    const byDefinition = await create(tasks, { id: 1 });
    const byClient = await create(tasks, { id: 1 }, { idempotencyKey: 'k1' });
    expect(byClient.taskId).not.toBe(byDefinition.taskId);
    expect((await create(tasks, { id: 1 }, { idempotencyKey: 'k1' })).taskId).toBe(byClient.taskId);
    await expect(create(tasks, { id: 2 }, { idempotencyKey: 'k1' })).rejects.toMatchObject({
      code: 'idempotency_conflict',
    });
  });

  it('is no key where it resolves to nothing, so that unlike calls are not taken for one', async () => {
    world.define('order', ({ step }) => step('a', () => 1), {
      idempotency_key: 'order-{{input.id}}',
      variables: { input: { id: null }, global: {}, saved: {} },
    });
    const { tasks } = await world.started();
    const views = [await create(tasks, {}), await create(tasks, {})];
    expect(new Set(views.map(({ taskId }) => taskId)).size).toBe(2);
  });
});

describe('list', () => {
  it('pages newest first without loss or repeat, filters, and hides others’ tasks', async () => {
    world.define('w', () => Promise.resolve(1));
    world.define('v', ({ signal }) => aborted(signal));
    const { tasks } = await world.started();
    const ids: string[] = [];
    for (let n = 0; n < 25; n += 1) {
      const workflow = n % 5 === 0 ? 'v' : 'w';
      ids.unshift((await tasks.create({ workflow, arguments: {}, principal: me })).taskId);
      if (n % 2 === 0) await world.clock.advance(1);
    }
    await tasks.create({ workflow: 'w', arguments: {}, principal: 'eve' });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await tasks.list({ principal: me, limit: 7, ...(cursor && { cursor }) });
      expect(page.tasks.length).toBeLessThanOrEqual(7);
      seen.push(...page.tasks.map(({ taskId }) => taskId));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    // Several were made in one millisecond.
    expect(seen).toEqual(ids);
    expect((await tasks.list({ principal: me, workflow: 'v' })).tasks).toHaveLength(5);
    expect((await tasks.list({ principal: me, status: 'completed' })).tasks).toHaveLength(20);
    expect((await tasks.list({ principal: 'eve' })).tasks).toHaveLength(1);
    expect((await tasks.list({ principal: 'nobody' })).tasks).toHaveLength(0);
  });

  it('refuses a forged cursor and one of another principal', async () => {
    world.define('w', () => Promise.resolve(1));
    const { tasks } = await world.started();
    for (let n = 0; n < 3; n += 1) await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    const { nextCursor } = await tasks.list({ principal: me, limit: 1 });
    expect(nextCursor).toBeDefined();
    await expect(tasks.list({ principal: 'eve', cursor: nextCursor ?? '' })).rejects.toMatchObject({
      code: 'invalid_cursor',
    });
    for (const cursor of ['', 'x', Buffer.from('a:b').toString('base64url'), `${nextCursor}x`.slice(2)]) {
      await expect(tasks.list({ principal: me, cursor })).rejects.toMatchObject({ code: 'invalid_cursor' });
    }
  });
});

describe('close', () => {
  it('does not wait without bound for a run that ignores its abort; its task is taken once the process is gone', async () => {
    world.define('deaf', () => new Promise(() => undefined));
    const deaf = await world.started();
    const { taskId } = await deaf.tasks.create({ workflow: 'deaf', arguments: {}, principal: me });
    await world.clock.during(deaf.tasks.close());
    world.scripts.set('deaf', ({ step }) => step('a', () => 'heard'));
    const next = await world.started();
    await world.clock.advance(5000);
    expect(next.runner.begun).toEqual([]);
    deaf.kill();
    await world.clock.during(ended(next.tasks, taskId));
    expect(await next.tasks.outcome(taskId, me)).toMatchObject({ output: 'heard' });
  });
});
