import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keys } from '../../../src/tasks/keys.ts';
import { FaultyStore } from '../../support/faulty-store.ts';
import { gate } from '../../support/gate.ts';
import { ended, TaskWorld, viewWhere } from '../../support/task-world.ts';

const me = 'local';
let world: TaskWorld;
let store: FaultyStore;
beforeEach(() => {
  world = new TaskWorld();
  store = new FaultyStore(world.store.another());
});
afterEach(async () => {
  store.plan = () => undefined;
  await world.dispose();
});

describe('a store that cannot be written (D13)', () => {
  it('refuses new work, cancels and answers clearly, still reads, and all goes on by itself when it works again', async () => {
    const open = gate();
    world.define('w', async ({ step }) => {
      await step('a', () => 1);
      await step('b', () => open.passed);
      return step('c', () => 3);
    });
    const { tasks } = await world.started({ store });
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    const before = await viewWhere(tasks, taskId, ({ rev }) => rev > 1);
    store.plan = () => 'before';
    open.pass(2);
    await open.turn();
    expect(tasks.health()).toMatchObject({ writable: false, reason: 'database or disk is full' });
    await expect(tasks.create({ workflow: 'w', arguments: {}, principal: me })).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    expect(await tasks.get(taskId, me)).toEqual(before);
    const asked = store.commits;
    await world.clock.advance(60_000);
    expect(store.commits - asked).toBeLessThan(100);
    expect(await tasks.get(taskId, me)).toEqual(before);
    store.plan = () => undefined;
    await world.clock.advance(6000);
    expect(await ended(tasks, taskId)).toMatchObject({ status: 'completed' });
    expect(tasks.health()).toMatchObject({ writable: true });
    expect((await tasks.journal(taskId, me)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  it('refuses a cancel at once also while the run of that task waits to write', async () => {
    const { passed, pass, turn } = gate();
    world.define('w', async ({ step }) => {
      await passed;
      return step('a', () => 1);
    });
    const { tasks } = await world.started({ store });
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    store.plan = () => 'before';
    pass(1);
    await turn();
    await expect(tasks.cancel(taskId, me)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await tasks.get(taskId, me)).toMatchObject({ status: 'working' });
    store.plan = () => undefined;
    expect(await world.clock.during(ended(tasks, taskId))).toMatchObject({ status: 'completed' });
  });

  it('does not acknowledge a cancel that could not be written', async () => {
    const open = gate();
    world.define('w', ({ step }) => step('a', () => open.passed));
    const { tasks } = await world.started({ store });
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    store.plan = () => 'before';
    await expect(tasks.cancel(taskId, me)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await tasks.get(taskId, me)).toMatchObject({ status: 'working' });
    store.plan = () => undefined;
    expect(await tasks.cancel(taskId, me)).toMatchObject({ status: 'cancelled' });
  });

  it('lets a run stop at shutdown while it waits for the store, and its task goes on at the next start', async () => {
    const open = gate();
    world.define('w', ({ step }) => step('a', () => open.passed));
    const { tasks } = await world.started({ store });
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    store.plan = () => 'before';
    open.pass(1);
    await open.turn();
    await tasks.close();
    // Its row could not be removed either, and the test's processes never die by themselves.
    world.store.data.setText([...world.store.data.texts.keys()].find((key) => key.startsWith('runner:')) ?? '', null);
    const next = await world.started();
    expect(await ended(next.tasks, taskId)).toMatchObject({ status: 'completed' });
  });

  it('waits with a read that a start of a run needs', async () => {
    world.define('w', ({ step }) => step('a', () => 1));
    const { tasks } = await world.started({ store });
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    store.readsFail = true;
    await expect(tasks.get(taskId, me)).rejects.toMatchObject({ code: 'store_unavailable' });
    store.readsFail = false;
    await world.clock.advance(6000);
    expect(await ended(tasks, taskId)).toMatchObject({ status: 'completed' });
  });
});

describe('a write that was made although the store said no', () => {
  it('is found out: a creation is acknowledged, a cancel is, and a step is not written twice', async () => {
    const open = gate();
    const ran: number[] = [];
    world.define('w', async ({ step }) => {
      await step('a', () => ran.push(1));
      return step('b', () => open.passed);
    });
    const { tasks } = await world.started({ store });
    const first = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await tasks.cancel(first.taskId, me);
    await open.turn();
    ran.length = 0;
    store.plan = () => 'after';
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await viewWhere(tasks, taskId, ({ rev }) => rev > 1);
    expect(tasks.health()).toMatchObject({ writable: false });
    expect(await tasks.cancel(taskId, me)).toMatchObject({ status: 'cancelled' });
    expect(store.faults).toBeGreaterThanOrEqual(3);
    expect(ran).toEqual([1]);
    expect((await tasks.journal(taskId, me)).map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'finished'],
      [2, 'settled'],
    ]);
    store.plan = () => undefined;
    open.pass(1);
  });

  it('is taken back when it was a creation that nobody could be told of', async () => {
    world.define('w', ({ step }) => step('a', () => 1));
    const { tasks, runner } = await world.started({ store });
    const first = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await ended(tasks, first.taskId);
    store.plan = () => {
      store.readsFail = true;
      return 'after';
    };
    await expect(tasks.create({ workflow: 'w', arguments: {}, principal: me })).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    store.plan = () => undefined;
    store.readsFail = false;
    await world.clock.advance(6000);
    expect(runner.begun).toHaveLength(1);
    const left = (await tasks.list({ principal: me })).tasks.map(({ status }) => status);
    expect(left.toSorted()).toEqual(['cancelled', 'completed']);
    expect([...world.store.data.texts.keys()].filter((key) => key.startsWith(keys.allOpen))).toEqual([]);
  });
});

describe('every single write failing once, before or after it was made', () => {
  it.each(['before', 'after'] as const)(
    '(%s) changes nothing about the outcome and runs no step twice',
    async (fault) => {
      world.define('w', async ({ step, ports }) => {
        await step('a', () => 1);
        const answer = await ports.input.ask('b', { method: 'roots/list', params: {} });
        await step('b', () => answer ?? null);
        return step('c', () => 3, { last: 3 });
      });
      for (let failing = 0; ; failing += 1) {
        const faulty = new FaultyStore(world.store.another());
        const { tasks } = await world.started({ store: faulty });
        // The start writes too; a store that fails then is refused by `start` itself.
        const base = faulty.commits;
        faulty.plan = (n) => (n === base + failing ? fault : undefined);
        const run = async (): Promise<string> => {
          for (;;) {
            try {
              return (
                await tasks.create({
                  workflow: 'w',
                  arguments: {},
                  principal: me,
                  idempotencyKey: `${fault}${failing}`,
                })
              ).taskId;
            } catch {
              await world.clock.advance(6000);
            }
          }
        };
        const taskId = await run();
        await world.clock.during(viewWhere(tasks, taskId, ({ status }) => status === 'input_required'));
        let answered;
        while (answered === undefined) {
          answered = await tasks.respond(taskId, me, 'in-1', { roots: [] }).catch(() => undefined);
          await world.clock.advance(6000);
        }
        expect(await world.clock.during(ended(tasks, taskId))).toMatchObject({ status: 'completed' });
        const journal = await tasks.journal(taskId, me);
        expect(journal.map(({ seq }) => seq)).toEqual(journal.map((_, index) => index + 1));
        const finished = journal.flatMap((entry) => (entry.type === 'finished' ? [entry.path] : []));
        expect(finished).toEqual(['a', 'b', 'c']);
        expect(await tasks.outcome(taskId, me)).toMatchObject({ kind: 'result', output: 3 });
        await tasks.close();
        if (faulty.faults === 0) {
          expect(failing).toBeGreaterThan(5);
          return;
        }
      }
    },
  );
});
