import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stepFailure } from '../../../src/core/failure.ts';
import type { TaskManager } from '../../../src/tasks/task-manager.ts';
import type { TaskView } from '../../../src/tasks/task.ts';
import { gate } from '../../support/gate.ts';
import type { Gate } from '../../support/gate.ts';
import { ended, TaskWorld, viewWhere } from '../../support/task-world.ts';

const me = 'local';

let world: TaskWorld;
let begun: string[];
let gates: Map<string, Gate>;
beforeEach(() => {
  world = new TaskWorld();
  begun = [];
  gates = new Map();
});
afterEach(() => world.dispose());

function gateOf(name: string): Gate {
  const made = gates.get(name) ?? gate();
  gates.set(name, made);
  return made;
}

/** A workflow whose tasks run until the gate of their argument `n` is passed. */
function define(concurrency: { limit: number; on_conflict?: 'queue' | 'reject' | 'cancel_previous' }): void {
  world.define(
    'w',
    ({ step, task }) =>
      step('a', async () => {
        const name = JSON.stringify(task.input['n']);
        begun.push(name);
        return await gateOf(name).passed;
      }),
    { concurrency },
  );
}

const create = (tasks: TaskManager, n: number, principal = me): Promise<TaskView> =>
  tasks.create({ workflow: 'w', arguments: { n }, principal });

const says = (text: string) => (view: TaskView) => view.statusMessage === text;
const waiting = (before: number) => says(`waiting for its turn: ${before} before it`);

describe('concurrency with on_conflict: queue', () => {
  it('runs no more than the limit, the others in the order they came, and says how many are before', async () => {
    define({ limit: 2 });
    const { tasks } = await world.started();
    const views = await Promise.all([1, 2, 3, 4, 5].map((n) => create(tasks, n)));
    const ids = views.map(({ taskId }) => taskId);
    await world.clock.during(viewWhere(tasks, ids[2] ?? '', waiting(2)));
    await world.clock.during(viewWhere(tasks, ids[4] ?? '', waiting(4)));
    expect((await tasks.get(ids[4] ?? '', me))?.status).toBe('working');
    expect(begun).toEqual(['1', '2']);
    gateOf('2').pass('x');
    await world.clock.during(viewWhere(tasks, ids[4] ?? '', waiting(3)));
    expect(begun).toEqual(['1', '2', '3']);
    for (const n of [1, 3, 4, 5]) {
      gateOf(String(n)).pass('x');
      await world.clock.during(ended(tasks, ids[n - 1] ?? ''));
    }
    expect(begun).toEqual(['1', '2', '3', '4', '5']);
    expect([...world.store.data.texts.keys()].filter((key) => key.startsWith('turn:'))).toEqual([]);
  });

  it('counts over all callers, and leaves other workflows alone', async () => {
    define({ limit: 1 });
    world.define('free', () => Promise.resolve(1));
    const { tasks } = await world.started();
    const first = await create(tasks, 1);
    const second = await create(tasks, 2, 'eve');
    const free = await tasks.create({ workflow: 'free', arguments: {}, principal: me });
    await ended(tasks, free.taskId);
    await world.clock.advance(2000);
    expect(begun).toEqual(['1']);
    gateOf('1').pass('x');
    gateOf('2').pass('x');
    await ended(tasks, first.taskId);
    await ended(tasks, second.taskId, 'eve');
  });

  it('goes on in order after every process has died, and a task that was running runs again first', async () => {
    define({ limit: 1 });
    const first = await world.started();
    const ids: string[] = [];
    for (const n of [1, 2, 3]) ids.push((await create(first.tasks, n)).taskId);
    await world.clock.during(viewWhere(first.tasks, ids[2] ?? '', waiting(2)));
    first.kill();
    begun = [];
    for (const n of [1, 2, 3]) gateOf(String(n)).pass('x');
    const second = await world.started();
    for (const id of ids) await world.clock.during(ended(second.tasks, id));
    expect(begun).toEqual(['1', '2', '3']);
  });

  it('is one line for two processes on one store', async () => {
    define({ limit: 1 });
    const [one, two] = [await world.started(), await world.started()];
    const ids: string[] = [];
    for (const [n, { tasks }] of [one, two, one, two].entries()) ids.push((await create(tasks, n)).taskId);
    await world.clock.during(viewWhere(two.tasks, ids[3] ?? '', waiting(3)));
    expect(begun).toEqual(['0']);
    for (const [n, id] of ids.entries()) {
      gateOf(String(n)).pass('x');
      await world.clock.during(ended(one.tasks, id));
    }
    expect(begun).toEqual(['0', '1', '2', '3']);
  });

  it('gives every task one place when two processes create at the same time', async () => {
    define({ limit: 1 });
    const processes = [await world.started(), await world.started()];
    const names = Array.from({ length: 20 }, (_, n) => n);
    for (const n of names) gateOf(String(n)).pass('x');
    const views = await Promise.all(
      names.map((n) => create((processes[n % 2] ?? processes[0])?.tasks as TaskManager, n)),
    );
    const tasks = processes[0]?.tasks as TaskManager;
    await world.clock.during(Promise.all(views.map(({ taskId }) => ended(tasks, taskId))));
    expect(begun.toSorted()).toEqual(names.map(String).toSorted());
  });

  it('lets go of a place when a waiting task is cancelled, and of one whose process has left', async () => {
    define({ limit: 1 });
    const first = await world.started();
    await create(first.tasks, 1);
    const gone = await create(first.tasks, 2);
    const last = await create(first.tasks, 3);
    await first.tasks.cancel(gone.taskId, me);
    await world.clock.during(viewWhere(first.tasks, last.taskId, waiting(1)));
    await first.tasks.close();
    expect(begun).toEqual(['1']);
    const second = await world.started();
    gateOf('1').pass('x');
    gateOf('3').pass('x');
    expect(await world.clock.during(ended(second.tasks, last.taskId))).toMatchObject({ status: 'completed' });
    expect(begun).toEqual(['1', '1', '3']);
  });

  it('keeps the place of a cancelled task until it is cleaned up', async () => {
    define({ limit: 1 });
    const { tasks, runner } = await world.started();
    const undone = gate();
    runner.cleanUps.set('w', async ({ step }) => {
      await step('cleanup/undo', () => undone.passed);
    });
    const reached = gate();
    runner.bodies.set('w', async ({ step, task }) => {
      begun.push(JSON.stringify(task.input['n']));
      await step('a', () => 1);
      reached.pass(1);
      return step('b', () => gateOf(JSON.stringify(task.input['n'])).passed);
    });
    const first = await create(tasks, 1);
    await reached.passed;
    const second = await create(tasks, 2);
    await tasks.cancel(first.taskId, me);
    await world.clock.advance(2000);
    expect(begun).toEqual(['1']);
    gateOf('2').pass('x');
    undone.pass('x');
    expect(await world.clock.during(ended(tasks, second.taskId))).toMatchObject({ status: 'completed' });
  });

  it('does not make a child wait for the task of the same workflow around it', async () => {
    world.define(
      'w',
      async ({ ports, task, signal }) => {
        begun.push(String(task.depth));
        if (task.depth === 2) return 'deep';
        const child = await ports.children.start('call', 'w', {});
        return (await ports.children.outcome(child.taskId, signal)).kind;
      },
      { concurrency: { limit: 1 } },
    );
    const { tasks } = await world.started();
    const { taskId } = await create(tasks, 1);
    await world.clock.during(ended(tasks, taskId));
    expect(begun).toEqual(['0', '1', '2']);
  });

  it('puts a resumed task at the end of the line, and tells the run when its turn came', async () => {
    const starts: (number | undefined)[] = [];
    let luck = false;
    world.define(
      'w',
      ({ step, task }) =>
        step('a', async () => {
          const name = JSON.stringify(task.input['n']);
          begun.push(name);
          starts.push(task.begunAt);
          if (!luck) throw stepFailure('tool_error', 'no luck');
          return await gateOf(name).passed;
        }),
      { concurrency: { limit: 1 } },
    );
    const { tasks } = await world.started();
    const first = await create(tasks, 1);
    await world.clock.during(ended(tasks, first.taskId));
    luck = true;
    const second = await create(tasks, 2);
    await world.clock.during(viewWhere(tasks, second.taskId, ({ rev }) => rev > 1));
    await tasks.resume(first.taskId, me);
    await world.clock.during(viewWhere(tasks, first.taskId, waiting(1)));
    await world.clock.advance(60_000);
    for (const n of ['1', '2']) gateOf(n).pass('x');
    await world.clock.during(ended(tasks, first.taskId));
    expect(begun).toEqual(['1', '2', '1']);
    expect(starts[2]).toBeGreaterThanOrEqual((starts[1] ?? 0) + 60_000);
  });

  it('does not take many restarts in the line for crashes of the task', async () => {
    define({ limit: 1 });
    let process = await world.started();
    await create(process.tasks, 1);
    const { taskId } = await create(process.tasks, 2);
    for (let n = 0; n < 12; n += 1) {
      process.kill();
      process = await world.started();
    }
    expect(await process.tasks.get(taskId, me)).toMatchObject({ status: 'working' });
  });
});

describe('concurrency with on_conflict: reject', () => {
  it('refuses while all places are taken, in every process, and takes the next one after', async () => {
    define({ limit: 1, on_conflict: 'reject' });
    const [one, two] = [await world.started(), await world.started()];
    const results = await Promise.allSettled([create(one.tasks, 1), create(two.tasks, 2), create(one.tasks, 3)]);
    const made = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(made).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'conflict' });
    for (const n of ['1', '2', '3']) gateOf(n).pass('x');
    await world.clock.during(ended(one.tasks, made[0]?.taskId ?? ''));
    await expect(create(two.tasks, 4)).resolves.toMatchObject({ status: 'working' });
  });
});

describe('concurrency with on_conflict: cancel_previous', () => {
  it('cancels the older tasks of the caller that are in the way, and waits for those of others', async () => {
    define({ limit: 1, on_conflict: 'cancel_previous' });
    const { tasks } = await world.started();
    const old = await create(tasks, 1);
    const next = await create(tasks, 2);
    expect(await world.clock.during(ended(tasks, old.taskId))).toMatchObject({
      status: 'cancelled',
      statusMessage: 'cancelled: a newer call takes its place',
    });
    const other = await create(tasks, 3, 'eve');
    await world.clock.advance(5000);
    expect(await tasks.get(next.taskId, me)).toMatchObject({ status: 'working' });
    expect(begun).toEqual(['1', '2']);
    gateOf('2').pass('x');
    gateOf('3').pass('x');
    expect(await world.clock.during(ended(tasks, other.taskId, 'eve'))).toMatchObject({ status: 'completed' });
  });

  it('does so also when the process died between the creation and the cancel', async () => {
    define({ limit: 1, on_conflict: 'cancel_previous' });
    const first = await world.started();
    const old = await create(first.tasks, 1);
    await world.clock.during(viewWhere(first.tasks, old.taskId, ({ rev }) => rev > 1));
    const none = await world.started({ claims: 'none' });
    const { taskId } = await create(none.tasks, 2);
    first.kill();
    gateOf('2').pass('x');
    const second = await world.started();
    expect(await world.clock.during(ended(second.tasks, taskId))).toMatchObject({ status: 'completed' });
    expect(await second.tasks.get(old.taskId, me)).toMatchObject({ status: 'cancelled' });
  });
});
