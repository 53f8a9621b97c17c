import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { POLL_MS } from '../../../src/tasks/foreign-watch.ts';
import { keys } from '../../../src/tasks/keys.ts';
import { StoreError } from '../../../src/store/task-store.ts';
import type { TaskStore } from '../../../src/store/task-store.ts';
import { gate } from '../../support/gate.ts';
import { aborted } from '../../support/scripted-runner.ts';
import { ended, TaskWorld, viewWhere } from '../../support/task-world.ts';
import type { WorldProcess } from '../../support/task-world.ts';

const me = 'local';
let world: TaskWorld;
beforeEach(() => {
  world = new TaskWorld();
});
afterEach(() => world.dispose());

describe('after a restart', () => {
  it('a task goes on from its last checkpoint; a committed step never runs again (D2, D3)', async () => {
    const ran: string[] = [];
    const open = gate();
    world.define('w', async ({ step }) => {
      await step('a', () => ran.push('a'));
      await step('b', async () => {
        ran.push('b');
        await open.passed;
        return 1;
      });
      return step('c', () => ran.push('c'));
    });
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await viewWhere(first.tasks, taskId, ({ rev }) => rev >= 2);
    const command = await world.started({ claims: 'none' });
    expect(await command.tasks.isRun(taskId, me)).toBe(true);
    first.kill();
    expect(await command.tasks.isRun(taskId, me)).toBe(false);
    open.pass(1);
    const second = await world.started();
    expect(second.tasks.health()).toMatchObject({ recovered: true });
    expect(await ended(second.tasks, taskId)).toMatchObject({ status: 'completed' });
    expect(ran).toEqual(['a', 'b', 'b', 'c']);
    expect((await second.tasks.journal(taskId, me)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  it('a phase began when its first process saw it begin, and not after the restart (D9)', async () => {
    const open = gate();
    world.define('w', async ({ ports, step }) => {
      const startedAt = world.clock.now();
      ports.progress.update({ message: 'a', percent: 0, phases: [{ name: 'one', status: 'working', startedAt }] });
      await step('a', () => 1);
      return step('b', () => open.passed);
    });
    const first = await world.started();
    const { taskId, createdAt } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await viewWhere(first.tasks, taskId, ({ phases }) => phases.length > 0);
    first.kill();
    await world.clock.advance(3_600_000);
    open.pass(1);
    const second = await world.started();
    expect((await ended(second.tasks, taskId)).phases).toMatchObject([{ name: 'one', startedAt: createdAt }]);
  });

  it('a task whose definition has changed keeps its own snapshot', async () => {
    const open = gate();
    world.define('w', ({ step }) => step('a', () => open.passed), { title: 'old' });
    const first = await world.started();
    const { taskId, digest } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await first.tasks.close();
    world.define('w', ({ step }) => step('a', () => open.passed), { title: 'new' });
    open.pass(1);
    const second = await world.started();
    expect(await ended(second.tasks, taskId)).toMatchObject({ status: 'completed', digest });
    expect((await second.tasks.create({ workflow: 'w', arguments: {}, principal: me })).digest).not.toBe(digest);
  });

  it('a task whose snapshot is lost fails with the reason, and the others go on', async () => {
    world.define('w', ({ signal }) => aborted(signal), { title: 'old' });
    world.define('v', ({ step }) => step('a', () => 1));
    const first = await world.started();
    const { taskId, digest } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    first.kill();
    world.definitions.delete('w');
    world.store.data.setText(keys.definition(digest), null);
    const second = await world.started();
    expect(await ended(second.tasks, taskId)).toMatchObject({ status: 'failed', failure: { code: 'interrupted' } });
    const other = await second.tasks.create({ workflow: 'v', arguments: {}, principal: me });
    expect(await ended(second.tasks, other.taskId)).toMatchObject({ status: 'completed' });
  });

  it('damaged data of one task is reported and harms no other (D14)', async () => {
    world.define('w', ({ step, signal, task }) => step('a', () => (task.input['wait'] === true ? aborted(signal) : 1)));
    const first = await world.started();
    const create = async (): Promise<string> =>
      (await first.tasks.create({ workflow: 'w', arguments: { wait: true }, principal: me })).taskId;
    const [record, args, sound] = [await create(), await create(), await create()];
    first.kill();
    for (const key of [keys.task(record), keys.args(args)]) {
      world.store.data.setText(key, `${world.store.data.texts.get(key) ?? ''}!`);
    }
    const second = await world.started();
    expect(await ended(second.tasks, args)).toMatchObject({ status: 'failed', failure: { code: 'interrupted' } });
    expect(second.tasks.health().damaged.toSorted()).toEqual([keys.args(args), keys.task(record)].toSorted());
    await expect(second.tasks.get(record, me)).rejects.toMatchObject({ code: 'store_unavailable' });
    const listed = (await second.tasks.list({ principal: me })).tasks.map(({ taskId }) => taskId);
    expect(listed.toSorted()).toEqual([args, sound].toSorted());
    expect(await second.tasks.cancel(sound, me)).toMatchObject({ status: 'cancelled' });
  });

  it('an index row that is damaged keeps no task from going on: whose it is stands in its record (D2, D14)', async () => {
    const open = gate();
    world.define('w', ({ step }) => step('a', () => open.passed));
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    first.kill();
    world.store.data.setText(keys.open(taskId), 'no row');
    const second = await world.started();
    const third = await world.started();
    open.pass(1);
    expect(await ended(second.tasks, taskId)).toMatchObject({ status: 'completed' });
    expect(third.runner.begun).toEqual([]);
    expect(second.tasks.health().damaged).toEqual([keys.open(taskId)]);
  });

  it('a snapshot or a counter that is damaged is made again, and keeps no new task away (D14)', async () => {
    world.define('w', ({ step }) => step('a', () => 1), { concurrency: { limit: 1, on_conflict: 'queue' } });
    const first = await world.started();
    await ended(first.tasks, (await first.tasks.create({ workflow: 'w', arguments: {}, principal: me })).taskId);
    first.kill();
    const digest = world.definitions.get('w')?.digest ?? '';
    for (const key of [keys.definition(digest), keys.turnCount('w')]) {
      world.store.data.setText(key, `${world.store.data.texts.get(key) ?? ''}!`);
    }
    const { tasks } = await world.started();
    for (let count = 0; count < 2; count += 1) {
      const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
      expect(await ended(tasks, taskId)).toMatchObject({ status: 'completed' });
    }
    expect(tasks.health().damaged.toSorted()).toEqual([keys.definition(digest), keys.turnCount('w')].toSorted());
  });

  it('a task whose record is damaged holds up no other in the line of its workflow (D14)', async () => {
    const limited = { concurrency: { limit: 1, on_conflict: 'queue' } } as const;
    world.define(
      'w',
      ({ step, task, signal }) => step('a', () => (task.input['wait'] === true ? aborted(signal) : 1)),
      limited,
    );
    const first = await world.started();
    const create = async (wait: boolean): Promise<string> =>
      (await first.tasks.create({ workflow: 'w', arguments: { wait }, principal: me })).taskId;
    const [broken, behind] = [await create(true), await create(false)];
    first.kill();
    world.store.data.setText(keys.task(broken), 'no record');
    const { tasks } = await world.started();
    expect(await world.clock.during(ended(tasks, behind))).toMatchObject({ status: 'completed' });
    expect([...world.store.data.texts.keys()].filter((key) => key.startsWith('turn:'))).toEqual([]);
  });

  it('a task is read although what tells of its clean-up is damaged (D14)', async () => {
    world.define('w', async ({ step, signal }) => {
      await step('a', () => 1);
      return aborted(signal);
    });
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await viewWhere(tasks, taskId, ({ rev }) => rev > 1);
    await tasks.cancel(taskId, me);
    world.store.data.setText(keys.cleaned(taskId), 'no report');
    expect(await tasks.cleanUp(taskId, me)).toMatchObject({
      status: 'done',
      warnings: [expect.stringContaining('damaged')],
    });
    world.store.data.setText(keys.clean(taskId), 'no row');
    expect(await tasks.steps(taskId, me)).toHaveLength(1);
    world.store.data.setText(keys.outcome(taskId), 'no outcome');
    await expect(tasks.outcome(taskId, me)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(tasks.health().damaged).toContain(keys.outcome(taskId));
  });

  it('a task whose journal is damaged fails and leaves no clean-up behind (D14)', async () => {
    world.define('w', async ({ step, signal }) => {
      await step('a', () => 1);
      return aborted(signal);
    });
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await viewWhere(first.tasks, taskId, ({ rev }) => rev > 1);
    first.kill();
    world.store.data.setText(keys.entry(taskId, 1), 'no entry');
    const { tasks } = await world.started();
    expect(await ended(tasks, taskId)).toMatchObject({ status: 'failed', failure: { code: 'interrupted' } });
    await world.clock.during(tasks.cleanedUp(taskId, me, new AbortController().signal));
    expect(await tasks.cleanUp(taskId, me)).toMatchObject({ status: 'done' });
  });

  it('a task that kills its process again and again is given up; one that waits is not', async () => {
    world.define('poison', async ({ ports, signal }) => {
      await ports.journal.append({ type: 'started', path: 'a', step: 'a', attempt: 1 });
      return aborted(signal);
    });
    world.define(
      'patient',
      async ({ ports }) => (await ports.input.ask('a', { method: 'roots/list', params: {} })) ?? 1,
    );
    let process = await world.started();
    const poison = await process.tasks.create({ workflow: 'poison', arguments: {}, principal: me });
    const patient = await process.tasks.create({ workflow: 'patient', arguments: {}, principal: me });
    await viewWhere(process.tasks, patient.taskId, ({ status }) => status === 'input_required');
    await viewWhere(process.tasks, poison.taskId, ({ rev }) => rev > 1);
    world.scripts.set('poison', ({ signal }) => aborted(signal));
    for (let crash = 0; crash < 12; crash += 1) {
      process.kill();
      process = await world.started();
    }
    expect(await process.tasks.get(poison.taskId, me)).toMatchObject({
      status: 'failed',
      failure: { code: 'interrupted' },
    });
    expect(await process.tasks.get(patient.taskId, me)).toMatchObject({ status: 'input_required' });
  });

  it('a graceful stop is no crash', async () => {
    world.define('w', ({ signal }) => aborted(signal));
    let process = await world.started();
    const { taskId } = await process.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    for (let n = 0; n < 12; n += 1) {
      await process.tasks.close();
      process = await world.started();
    }
    expect(await process.tasks.get(taskId, me)).toMatchObject({ status: 'working' });
  });

  it('an interrupted clean-up goes on, and its finished steps are not run again', async () => {
    const undone: string[] = [];
    world.define('w', async ({ step, signal }) => {
      await step('a', () => 1);
      return aborted(signal);
    });
    const first = await world.started();
    const begun = gate();
    first.runner.cleanUps.set('w', async ({ step, signal }) => {
      await step('cleanup/one', () => undone.push('one'));
      begun.pass(1);
      await step('cleanup/undo', () => aborted(signal));
    });
    const { taskId } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await viewWhere(first.tasks, taskId, ({ rev }) => rev > 1);
    await first.tasks.cancel(taskId, me);
    await begun.passed;
    first.kill();
    const second = world.process();
    const done = gate();
    second.runner.cleanUps.set('w', async ({ step }) => {
      await step('cleanup/one', () => undone.push('one'));
      await step('cleanup/undo', () => undone.push('undo'));
      done.pass(1);
    });
    await second.tasks.start();
    await done.passed;
    expect(undone).toEqual(['one', 'undo']);
    await done.turn();
    expect([...world.store.data.texts.keys()].filter((key) => key.startsWith('clean:'))).toEqual([]);
  });

  it('a clean-up that could not be begun is begun by the next sweep of the same process (D2)', async () => {
    world.define('w', async ({ step, signal }) => {
      await step('a', () => 1);
      return aborted(signal);
    });
    const inner = world.store.another();
    let failures = 1;
    const store: TaskStore = {
      get: (key) => {
        if (!key.startsWith('clean:') || (failures -= 1) < 0) return inner.get(key);
        return Promise.reject(new StoreError('io', 'once'));
      },
      getMany: (all) => inner.getMany(all),
      range: (query) => inner.range(query),
      commit: (batch) => inner.commit(batch),
      changeCounter: () => inner.changeCounter(),
      probe: () => inner.probe(),
      close: () => inner.close(),
    };
    const { tasks, runner } = await world.started({ store });
    let undone = 0;
    runner.cleanUps.set('w', ({ step }) => step('cleanup/undo', () => (undone += 1)).then(() => undefined));
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await viewWhere(tasks, taskId, ({ rev }) => rev > 1);
    await tasks.cancel(taskId, me);
    await world.clock.advance(1000);
    expect([failures, undone]).toEqual([0, 0]);
    await world.clock.advance(61_000);
    expect(undone).toBe(1);
    expect([...world.store.data.texts.keys()].filter((key) => key.startsWith('clean:'))).toEqual([]);
  });

  it('a clean-up over a damaged journal undoes nothing and says so (D14)', async () => {
    world.define('w', async ({ step, signal }) => {
      await step('a', () => 1);
      return aborted(signal);
    });
    const { tasks, runner } = await world.started();
    let undone = 0;
    runner.cleanUps.set('w', ({ step }) => step('cleanup/undo', () => (undone += 1)).then(() => undefined));
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await viewWhere(tasks, taskId, ({ rev }) => rev > 1);
    world.store.data.setText(keys.entry(taskId, 1), 'no entry');
    await tasks.cancel(taskId, me);
    await world.clock.during(tasks.cleanedUp(taskId, me, new AbortController().signal));
    expect(undone).toBe(0);
    expect(await tasks.cleanUp(taskId, me)).toEqual({
      status: 'done',
      undone: [],
      warnings: ['the journal of this task is damaged: nothing was undone'],
    });
  });
});

describe('two processes on one store (D6)', () => {
  it('a task that a short command leaves behind goes on at once on the server beside it, however short the command was (D2)', async () => {
    world.define('w', ({ signal }) => aborted(signal));
    const server = await world.started();
    await world.clock.advance(5000);
    const command = await world.started({ claims: 'own' });
    const { taskId } = await command.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await command.tasks.close();
    expect(await server.tasks.isRun(taskId, me)).toBe(false);
    await world.clock.advance(POLL_MS);
    expect(await server.tasks.isRun(taskId, me)).toBe(true);
  });

  it('a server that came and left between two sweeps is missed within seconds (D2)', async () => {
    world.define('w', ({ signal }) => aborted(signal));
    const server = await world.started();
    const brief = await world.started();
    const { taskId } = await brief.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await world.clock.advance(5000);
    await brief.tasks.close();
    await world.clock.advance(5000);
    expect(await server.tasks.isRun(taskId, me)).toBe(true);
  });

  it('leave each other’s tasks alone while both live, and answer for all', async () => {
    world.define('w', ({ signal }) => aborted(signal));
    const a = await world.started();
    const b = await world.started();
    const { taskId } = await a.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await world.clock.advance(120_000);
    expect(b.runner.begun).toEqual([]);
    expect(await b.tasks.get(taskId, me)).toMatchObject({ status: 'working' });
    expect((await b.tasks.list({ principal: me })).tasks).toHaveLength(1);
    await b.tasks.cancel(taskId, me);
    expect(await a.tasks.get(taskId, me)).toMatchObject({ status: 'cancelled' });
    await world.clock.advance(1000);
    expect(a.tasks.health().running).toBe(0);
  });

  it('take over what a dead one ran, within seconds', async () => {
    const open = gate();
    world.define('w', ({ step }) => step('a', () => open.passed));
    const a = await world.started();
    const b = await world.started();
    const { taskId } = await a.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    a.kill();
    open.pass(1);
    await world.clock.advance(5000);
    expect(await ended(b.tasks, taskId)).toMatchObject({ status: 'completed' });
    expect(b.runner.begun).toEqual(['w']);
  });

  it('take over what one leaves that stops', async () => {
    const open = gate();
    world.define('w', ({ step }) => step('a', () => open.passed));
    const a = await world.started();
    const b = await world.started();
    const { taskId } = await a.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await world.clock.advance(3000);
    await a.tasks.close();
    open.pass(1);
    await world.clock.advance(5000);
    expect(await ended(b.tasks, taskId)).toMatchObject({ status: 'completed' });
  });

  it('run what a process without runs of its own creates or resumes', async () => {
    world.define('w', ({ step }) => step('a', () => 1));
    const server = await world.started();
    const command = await world.started({ claims: 'none' });
    const { taskId } = await command.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    const end = ended(command.tasks, taskId);
    await world.clock.advance(1000);
    expect(await end).toMatchObject({ status: 'completed' });
    expect(server.runner.begun).toEqual(['w']);
    expect(command.runner.begun).toEqual([]);
  });

  it('fence one that was paused and comes back: its writes are refused, it lets go, nothing is lost', async () => {
    const paused = gate();
    const ran: string[] = [];
    world.define('w', async ({ step }) => {
      await step('a', () => 1);
      await step('b', async () => {
        ran.push('b');
        return ran.length === 1 ? paused.passed : 'from the second';
      });
      return step('c', () => ran.push('c'));
    });
    const a = await world.started();
    const b = await world.started();
    const { taskId } = await a.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await viewWhere(a.tasks, taskId, ({ rev }) => rev > 1);
    const goOn = a.pause();
    await world.clock.advance(9000);
    expect(b.runner.begun).toEqual([]);
    await world.clock.advance(5000);
    expect(await ended(b.tasks, taskId)).toMatchObject({ status: 'completed' });
    const bytes = JSON.stringify(await b.tasks.journal(taskId, me));
    goOn();
    paused.pass('stale');
    await paused.turn();
    await world.clock.advance(5000);
    expect(JSON.stringify(await b.tasks.journal(taskId, me))).toBe(bytes);
    expect(ran).toEqual(['b', 'b', 'c']);
    expect(bytes).toContain('from the second');
    expect(bytes).not.toContain('stale');
    expect(a.tasks.health().running).toBe(0);
  });

  describe('when one was paused, lost its task to another that then died, and still waits as if it had it', () => {
    /** The task waits for an answer, first in `a`, then in `b`; then `a` is back and `b` is dead. */
    async function lost() {
      world.define('w', async ({ step, ports }) => {
        await step('a', () => 1);
        return step('q', async () => (await ports.input.ask('q', { method: 'roots/list', params: {} })) ?? null);
      });
      const undone: string[] = [];
      const clean = (process: WorldProcess): void => {
        process.runner.cleanUps.set('w', ({ step }) =>
          step('cleanup/undo', () => undone.push('undo')).then(() => undefined),
        );
      };
      const a = await world.started();
      const b = await world.started();
      clean(a);
      clean(b);
      const { taskId } = await a.tasks.create({ workflow: 'w', arguments: {}, principal: me });
      await viewWhere(a.tasks, taskId, ({ inputs }) => inputs.length > 0);
      const goOn = a.pause();
      await world.clock.advance(14_000);
      expect(b.runner.begun).toEqual(['w']);
      goOn();
      b.kill();
      const command = await world.started({ claims: 'none' });
      return { a, taskId, command, undone };
    }

    it('it finds that out, takes the task again, and an answer is not lost (D2, D6, D8)', async () => {
      const { a, taskId, command } = await lost();
      expect(await command.tasks.respond(taskId, me, 'in-1', { roots: [] })).toBe('accepted');
      await world.clock.advance(70_000);
      expect(await a.tasks.get(taskId, me)).toMatchObject({ status: 'completed' });
    });

    it('it finds that out, and cleans up after a task that was cancelled meanwhile (D2, D8)', async () => {
      const { a, taskId, command, undone } = await lost();
      await command.tasks.cancel(taskId, me);
      await world.clock.advance(70_000);
      expect(await a.tasks.get(taskId, me)).toMatchObject({ status: 'cancelled' });
      expect(undone).toEqual(['undo']);
      expect(a.tasks.health().running).toBe(0);
      expect([...world.store.data.texts.keys()].filter((key) => key.startsWith('clean:'))).toEqual([]);
    });
  });
});
