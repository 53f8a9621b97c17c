import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stepFailure } from '../../../src/core/failure.ts';
import { FaultyStore } from '../../support/faulty-store.ts';
import { gate } from '../../support/gate.ts';
import { aborted } from '../../support/scripted-runner.ts';
import type { ScriptBody } from '../../support/scripted-runner.ts';
import { ended, TaskWorld, viewWhere } from '../../support/task-world.ts';

const me = 'local';
let world: TaskWorld;
beforeEach(() => {
  world = new TaskWorld();
});
afterEach(() => world.dispose());

/** Runs the workflow named in `child` as a child and gives its outcome. */
const parent: ScriptBody = ({ step, ports, task, signal }) =>
  step('call', async () => {
    const { taskId } = await ports.children.start('call', JSON.stringify(task.input['child']).slice(1, -1), {
      from: task.taskId,
    });
    const outcome = await ports.children.outcome(taskId, signal);
    if (outcome.kind !== 'result' || outcome.failure !== undefined) throw stepFailure('child_failed', outcome.kind);
    return outcome.output;
  });

describe('a child workflow', () => {
  it('is a task of its own, of the same principal, linked to its parent', async () => {
    world.define('child', ({ task }) => Promise.resolve(task.input));
    world.define('parent', parent);
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'parent', arguments: { child: 'child' }, principal: 'eve' });
    expect(await ended(tasks, taskId, 'eve')).toMatchObject({ status: 'completed' });
    const { tasks: all } = await tasks.list({ principal: 'eve' });
    const child = all.find(({ workflow }) => workflow === 'child');
    expect(child).toMatchObject({ parent: { taskId, path: 'call' }, principal: 'eve', status: 'completed' });
    expect(await tasks.outcome(taskId, 'eve')).toMatchObject({ output: { from: taskId } });
  });

  it('waits, and does not turn in circles, while the store cannot be written: its creation is what shows that it can again (D13)', async () => {
    const store = new FaultyStore(world.store.another());
    const open = gate();
    world.define('child', ({ task }) => Promise.resolve(task.input));
    world.define('parent', async (run) => {
      await open.passed;
      return parent(run);
    });
    const { tasks } = await world.started({ store });
    const { taskId } = await tasks.create({ workflow: 'parent', arguments: { child: 'child' }, principal: me });
    let fails = false;
    // Small writes go well all the time, as probes are; that of the child does not.
    store.plan = () => (fails && store.puts.some((key) => key.startsWith('child:')) ? 'before' : undefined);
    fails = true;
    open.pass(1);
    await open.turn();
    await world.clock.advance(20_000);
    const tries = store.commits;
    await world.clock.advance(60_000);
    expect(store.commits - tries).toBeLessThan(100);
    fails = false;
    await world.clock.advance(120_000);
    expect(await ended(tasks, taskId)).toMatchObject({ status: 'completed' });
  });

  it('is found again after a restart, not started twice', async () => {
    const open = gate();
    const ran: string[] = [];
    world.define('child', ({ step }) =>
      step('a', async () => {
        ran.push('child');
        return open.passed;
      }),
    );
    world.define('parent', parent);
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'parent', arguments: { child: 'child' }, principal: me });
    await open.turn();
    first.kill();
    open.pass('x');
    const second = await world.started();
    expect(await ended(second.tasks, taskId)).toMatchObject({ status: 'completed' });
    expect((await second.tasks.list({ principal: me })).tasks).toHaveLength(2);
    expect(ran).toEqual(['child', 'child']);
  });

  it('that was started goes on after a restart without its definition, which was removed meanwhile (D2)', async () => {
    const { passed, pass } = gate();
    world.define('child', ({ step }) => step('x', () => passed));
    world.define('parent', parent);
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'parent', arguments: { child: 'child' }, principal: me });
    while ((await first.tasks.list({ principal: me })).tasks.length < 2) await world.clock.advance(10);
    first.kill();
    world.definitions.delete('child');
    const second = await world.started();
    pass('done');
    expect(await world.clock.during(ended(second.tasks, taskId))).toMatchObject({ status: 'completed' });
  });

  it('is cancelled with its parent, all the way down', async () => {
    world.define('leaf', ({ signal }) => aborted(signal));
    world.define('middle', ({ ports, signal }) =>
      ports.children
        .start('call', 'leaf', {})
        .then(({ taskId }) => ports.children.outcome(taskId, signal))
        .then(() => 1),
    );
    world.define('parent', parent);
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'parent', arguments: { child: 'middle' }, principal: me });
    await gate().turn();
    await tasks.cancel(taskId, me);
    const { tasks: all } = await tasks.list({ principal: me });
    expect(all.map(({ status }) => status)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  });

  it('is cancelled with its parent however many there are, and though the record of one of them is damaged (D14)', async () => {
    const many = 1010;
    world.define('leaf', ({ signal }) => aborted(signal));
    world.define('parent', async ({ ports, signal }) => {
      await Promise.all(Array.from({ length: many }, (_, n) => ports.children.start(`c${n}`, 'leaf', {})));
      return aborted(signal);
    });
    const { tasks } = await world.started({ limits: { descendants: many } });
    const { taskId } = await tasks.create({ workflow: 'parent', arguments: {}, principal: me });
    const open = async (): Promise<readonly string[]> =>
      (await world.store.range({ from: 'open:', to: 'open;', limit: 2000 })).items.map(({ key }) => key);
    while ((await open()).length <= many) await gate().turn();
    const damaged = (await world.store.range({ from: `child:${taskId}:`, to: `child:${taskId};`, limit: 5 })).items[3];
    const id = damaged?.key.split(':')[2] ?? '';
    world.store.data.setText(`task:${id}`, 'no record');
    expect(await tasks.cancel(taskId, me)).toMatchObject({ status: 'cancelled' });
    expect(await open()).toEqual([`open:${id}`]);
    expect(tasks.health().damaged).toEqual([`task:${id}`]);
  });

  it('is cancelled at the next start when its parent ended just before the process died', async () => {
    world.define('leaf', ({ signal }) => aborted(signal));
    world.define('parent', parent);
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'parent', arguments: { child: 'leaf' }, principal: me });
    await gate().turn();
    const cancelled = viewWhere(first.tasks, taskId, ({ status }) => status === 'cancelled');
    first.tasks.subscribe((event) => event.type === 'changed' && event.view.taskId === taskId && first.kill());
    first.tasks.cancel(taskId, me).catch(() => undefined);
    await cancelled;
    const second = await world.started();
    const { tasks: all } = await second.tasks.list({ principal: me });
    expect(all.map(({ status }) => status)).toEqual(['cancelled', 'cancelled']);
  });

  it('fails the step with a code when it cannot start: unknown, wrong arguments, nested too deep', async () => {
    world.define('strict', () => Promise.resolve(1), { input_schema: { type: 'object', required: ['n'] } });
    world.define('again', ({ ports, signal }) =>
      ports.children.start('call', 'again', {}).then(async ({ taskId }) => {
        const outcome = await ports.children.outcome(taskId, signal);
        if (outcome.kind === 'result' && outcome.failure) throw stepFailure('child_failed', outcome.failure.message);
        return 1;
      }),
    );
    world.define('parent', parent);
    const { tasks } = await world.started();
    const codes = [];
    for (const child of ['nothing', 'strict']) {
      const { taskId } = await tasks.create({ workflow: 'parent', arguments: { child }, principal: me });
      codes.push((await ended(tasks, taskId)).failure?.code);
    }
    expect(codes).toEqual(['tool_not_found', 'invalid_arguments']);
    const deep = await tasks.create({ workflow: 'again', arguments: {}, principal: me });
    expect(await ended(tasks, deep.taskId)).toMatchObject({ status: 'failed' });
    const { tasks: all } = await tasks.list({ principal: me, workflow: 'again', limit: 100 });
    expect(all).toHaveLength(17);
  });
});

describe('resume', () => {
  it('runs a failed task again from the failed step; finished outputs are kept', async () => {
    const ran: string[] = [];
    let luck = false;
    world.define('w', async ({ step }) => {
      await step('a', () => ran.push('a'));
      await step('b', () => {
        ran.push('b');
        if (!luck) throw stepFailure('tool_error', 'no luck');
        return 2;
      });
      return step('c', () => ran.push('c'));
    });
    const { tasks } = await world.started();
    const { taskId, ttl } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await ended(tasks, taskId);
    await world.clock.advance(1000);
    luck = true;
    const { view, warnings } = await tasks.resume(taskId, me);
    expect(view).toMatchObject({ taskId, status: 'working' });
    expect(view.ttl).toBe((ttl ?? 0) + 1000);
    expect(warnings).toEqual([]);
    expect(await ended(tasks, taskId)).toMatchObject({ status: 'completed' });
    expect(ran).toEqual(['a', 'b', 'b', 'c']);
    expect((await tasks.journal(taskId, me)).map(({ type }) => type)).toEqual([
      'finished',
      'finished',
      'settled',
      'resumed',
      'finished',
      'finished',
      'settled',
    ]);
    expect((await tasks.steps(taskId, me)).map(({ path, status }) => [path, status])).toEqual([
      ['a', 'completed'],
      ['b', 'completed'],
      ['c', 'completed'],
    ]);
  });

  it('counts the time limits of a workflow from the resume, so that a late one is not over at once', async () => {
    const begun: (number | undefined)[] = [];
    world.define('w', ({ step, task }) => {
      begun.push(task.begunAt);
      return step('a', () => {
        if (begun.length === 1) throw stepFailure('tool_error', 'no luck');
        return 1;
      });
    });
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await ended(tasks, taskId);
    await world.clock.advance(86_400_000);
    const at = world.clock.now();
    await tasks.resume(taskId, me);
    expect(await ended(tasks, taskId)).toMatchObject({ status: 'completed' });
    expect(begun).toEqual([undefined, at]);
  });

  it('from a chosen step drops what came later and warns of what happens a second time', async () => {
    const ran: string[] = [];
    world.define('w', async ({ step }) => {
      for (const path of ['a', 'b']) await step(path, () => ran.push(path));
      return step('c', () => {
        throw stepFailure('tool_error', 'never');
      });
    });
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await ended(tasks, taskId);
    await expect(tasks.resume(taskId, me, { from: 'zzz' })).rejects.toMatchObject({ code: 'not_resumable' });
    const { warnings } = await tasks.resume(taskId, me, { from: 'b' });
    expect(warnings).toEqual(["step 'b' had finished and runs again: what it does outside happens a second time"]);
    await ended(tasks, taskId);
    expect(ran).toEqual(['a', 'b', 'b']);
  });

  it('refuses what is open, completed or cancelled', async () => {
    world.define('w', ({ step, task, signal }) => step('a', () => (task.input['wait'] === true ? aborted(signal) : 1)));
    const { tasks } = await world.started();
    const open = await tasks.create({ workflow: 'w', arguments: { wait: true }, principal: me });
    const done = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await ended(tasks, done.taskId);
    for (const id of [open.taskId, done.taskId]) {
      await expect(tasks.resume(id, me)).rejects.toMatchObject({ code: 'not_resumable' });
    }
    await tasks.cancel(open.taskId, me);
    await expect(tasks.resume(open.taskId, me)).rejects.toMatchObject({ code: 'not_resumable' });
  });

  it('takes up an open task that nobody runs, with its child, in a process that runs only its own (D2)', async () => {
    const ran: string[] = [];
    world.define('child', async ({ step, ports }) => {
      await step('x', () => ran.push('x'));
      const answer = await ports.input.ask('y', { method: 'roots/list', params: {} });
      return step('y', () => answer ?? null);
    });
    world.define('parent', parent);
    const first = await world.started({ claims: 'own' });
    const { taskId } = await first.tasks.create({ workflow: 'parent', arguments: { child: 'child' }, principal: me });
    const second = await world.started({ claims: 'own' });
    const child = await world.clock.during(
      (async () => {
        for (;;) {
          const { tasks } = await second.tasks.list({ principal: me, workflow: 'child', status: 'input_required' });
          if (tasks[0] !== undefined) return tasks[0].taskId;
          await world.clock.sleep(50);
        }
      })(),
    );
    await expect(second.tasks.resume(taskId, me)).rejects.toMatchObject({ code: 'not_resumable' });
    first.kill();
    expect(await second.tasks.respond(child, me, 'in-1', { roots: [] })).toBe('accepted');
    await expect(second.tasks.resume(taskId, me, { from: 'call' })).rejects.toMatchObject({ code: 'not_resumable' });
    expect((await second.tasks.resume(taskId, me)).view).toMatchObject({ taskId, status: 'working' });
    expect(await world.clock.during(ended(second.tasks, taskId))).toMatchObject({ status: 'completed' });
    expect(ran).toEqual(['x']);
  });

  it('is done once when two ask at the same time', async () => {
    let luck = false;
    const ran: string[] = [];
    world.define('w', ({ step }) =>
      step('a', () => {
        ran.push('a');
        if (!luck) throw stepFailure('tool_error', 'no luck');
        return 1;
      }),
    );
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await ended(tasks, taskId);
    luck = true;
    const both = await Promise.allSettled([tasks.resume(taskId, me), tasks.resume(taskId, me)]);
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await ended(tasks, taskId);
    expect(ran).toEqual(['a', 'a']);
  });

  it('runs a failed child again with its parent, its finished steps kept', async () => {
    let luck = false;
    const ran: string[] = [];
    world.define('child', async ({ step }) => {
      await step('x', () => ran.push('x'));
      return step('y', () => {
        ran.push('y');
        if (!luck) throw stepFailure('tool_error', 'no luck');
        return 'lucky';
      });
    });
    world.define('parent', parent);
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'parent', arguments: { child: 'child' }, principal: me });
    expect(await ended(tasks, taskId)).toMatchObject({ status: 'failed' });
    luck = true;
    await tasks.resume(taskId, me);
    expect(await ended(tasks, taskId)).toMatchObject({ status: 'completed' });
    expect(ran).toEqual(['x', 'y', 'y']);
    expect((await tasks.list({ principal: me })).tasks).toHaveLength(2);
  });
});

describe('a question of a child', () => {
  const question = {
    method: 'elicitation/create',
    params: { message: 'Sure?', requestedSchema: { type: 'object', properties: { ok: { type: 'boolean' } } } },
  };
  const yes = { action: 'accept', content: { ok: true } };
  /** As the step kind `workflow` does it. */
  const asking: ScriptBody = ({ step, ports, signal }) =>
    step('call', async () => {
      const { taskId } = await ports.children.start('call', 'child', {});
      const outcome = await ports.children.outcome(taskId, signal, ({ path, request }, withdrawn) =>
        ports.input.ask(`call!${path}`, request, { signal: withdrawn }),
      );
      return outcome.kind === 'result' ? outcome.output : null;
    });

  beforeEach(() => {
    world.define('child', ({ step, ports }) => step('a', async () => (await ports.input.ask('a', question)) ?? 'late'));
    world.define('parent', asking);
  });

  async function asked(process: Awaited<ReturnType<TaskWorld['started']>>): Promise<{ parent: string; child: string }> {
    const { taskId } = await process.tasks.create({ workflow: 'parent', arguments: {}, principal: me });
    await viewWhere(process.tasks, taskId, (view) => view.status === 'input_required');
    const { tasks } = await process.tasks.list({ principal: me, workflow: 'child' });
    return { parent: taskId, child: tasks[0]?.taskId ?? '' };
  }

  it("is asked of whoever called the parent, and the answer is the child's", async () => {
    const process = await world.started();
    const { parent: taskId, child } = await asked(process);
    expect((await process.tasks.get(taskId, me))?.inputs).toMatchObject([{ path: 'call!a', request: question }]);
    expect(await process.tasks.respond(taskId, me, 'in-1', yes)).toBe('accepted');
    expect(await ended(process.tasks, taskId)).toMatchObject({ status: 'completed' });
    expect(await process.tasks.outcome(taskId, me)).toMatchObject({ output: yes });
    expect(await process.tasks.outcome(child, me)).toMatchObject({ output: yes });
  });

  it('that is answered on the child is withdrawn from the parent', async () => {
    const process = await world.started();
    const { parent: taskId, child } = await asked(process);
    expect(await process.tasks.respond(child, me, 'in-1', yes)).toBe('accepted');
    expect(await ended(process.tasks, taskId)).toMatchObject({ status: 'completed', inputs: [] });
    expect(await process.tasks.respond(taskId, me, 'in-1', { action: 'decline' })).toBe('ignored');
    expect(await process.tasks.outcome(taskId, me)).toMatchObject({ output: yes });
  });

  it('is still open on the parent after a restart, under the same key', async () => {
    const first = await world.started();
    const { parent: taskId } = await asked(first);
    first.kill();
    const second = await world.started();
    const view = await viewWhere(second.tasks, taskId, ({ status }) => status === 'input_required');
    expect(view.inputs).toMatchObject([{ key: 'in-1', path: 'call!a' }]);
    expect(await second.tasks.respond(taskId, me, 'in-1', yes)).toBe('accepted');
    await ended(second.tasks, taskId);
    expect(await second.tasks.outcome(taskId, me)).toMatchObject({ output: yes });
  });
});
