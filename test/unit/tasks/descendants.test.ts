import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StepFailure } from '../../../src/core/failure.ts';
import type { JsonValue } from '../../../src/core/json.ts';
import { gate } from '../../support/gate.ts';
import { aborted } from '../../support/scripted-runner.ts';
import type { Script } from '../../support/scripted-runner.ts';
import { ended, TaskWorld } from '../../support/task-world.ts';

const me = 'local';
let world: TaskWorld;
beforeEach(() => {
  world = new TaskWorld();
});
afterEach(() => world.dispose());

/** Starts a child at a path and waits for its end; the code of the failure when it cannot be started. */
async function child({ ports, signal }: Script, path: string, workflow: string): Promise<JsonValue> {
  try {
    const { taskId } = await ports.children.start(path, workflow, {});
    await ports.children.outcome(taskId, signal);
    return 'made';
  } catch (error) {
    if (error instanceof StepFailure) return error.failure.code;
    throw error;
  }
}

async function outputOf(tasks: Awaited<ReturnType<TaskWorld['started']>>['tasks'], taskId: string): Promise<unknown> {
  await ended(tasks, taskId);
  const outcome = await tasks.outcome(taskId, me);
  return outcome?.kind === 'result' ? outcome.output : outcome;
}

async function rowsOf(prefix: string): Promise<number> {
  return (await world.store.range({ from: `${prefix}:`, to: `${prefix};`, limit: 10_000 })).items.length;
}

describe('the tasks below one root task', () => {
  it('refuses the child that is one too many, and counts again after a restart (D16)', async () => {
    const { passed, pass } = gate();
    world.define('leaf', () => Promise.resolve(1));
    world.define('root', async (script) => {
      const first = [await child(script, 'a', 'leaf'), await child(script, 'b', 'leaf')];
      await script.step('held', () => passed);
      return [...first, await child(script, 'c', 'leaf'), await child(script, 'd', 'leaf')];
    });
    const limits = { descendants: 3 };
    const first = await world.started({ limits });
    const { taskId } = await first.tasks.create({ workflow: 'root', arguments: {}, principal: me });
    while ((await first.tasks.list({ principal: me })).tasks.length < 3) await world.clock.advance(10);
    first.kill();
    const { tasks } = await world.started({ limits });
    pass(0);
    // The two that were there are found, not counted twice; the third fits, the fourth does not.
    expect(await outputOf(tasks, taskId)).toEqual(['made', 'made', 'made', 'limit_exceeded']);
    expect(await rowsOf('tree')).toBe(3);
  });

  it('takes no more than the limit of many that start at once, and another root has its own', async () => {
    world.define('leaf', () => Promise.resolve(1));
    world.define('root', (script) =>
      Promise.all(Array.from({ length: 20 }, (_, n) => child(script, `s${n}`, 'leaf'))).then(
        (made) => made.filter((one) => one === 'made').length,
      ),
    );
    const { tasks } = await world.started({ limits: { descendants: 7 } });
    for (let root = 0; root < 2; root += 1) {
      const { taskId } = await tasks.create({ workflow: 'root', arguments: {}, principal: me });
      expect(await outputOf(tasks, taskId)).toBe(7);
    }
  });

  it('counts all generations: what starts itself over and over comes to an end, and one cancel ends it all', async () => {
    world.define('again', async (script) => {
      await Promise.all(['a', 'b', 'c'].map((path) => child(script, path, 'again')));
      return await aborted(script.signal);
    });
    const { tasks } = await world.started({ limits: { descendants: 50 } });
    const { taskId } = await tasks.create({ workflow: 'again', arguments: {}, principal: me });
    while ((await rowsOf('tree')) < 50) await world.clock.advance(10);
    await world.clock.advance(5000);
    expect(await rowsOf('tree')).toBe(50);
    expect(await rowsOf('open')).toBe(51);
    await tasks.cancel(taskId, me);
    expect(await rowsOf('open')).toBe(0);
  });

  it('are counted together with those that another process has added, two seconds later at the latest', async () => {
    const { passed, pass } = gate();
    world.define('leaf', () => Promise.resolve(1));
    world.define('root', async (script) => {
      const before = await child(script, 'a', 'leaf');
      await script.step('held', () => passed);
      return [before, await child(script, 'b', 'leaf')];
    });
    const { tasks } = await world.started({ limits: { descendants: 2 } });
    const { taskId } = await tasks.create({ workflow: 'root', arguments: {}, principal: me });
    while ((await rowsOf('tree')) < 1) await world.clock.advance(10);
    const row = { key: `tree:${taskId}:made-elsewhere`, value: null };
    await world.store.commit({ guards: [], puts: [row], deletes: [] });
    await world.clock.advance(2000);
    pass(0);
    expect(await outputOf(tasks, taskId)).toEqual(['made', 'limit_exceeded']);
  });

  it('leave nothing behind when their time is over', async () => {
    world.define('leaf', () => Promise.resolve(1));
    world.define('root', (script) => child(script, 'a', 'leaf'));
    const { tasks } = await world.started({ limits: { ttlDefault: 60_000 } });
    const { taskId } = await tasks.create({ workflow: 'root', arguments: {}, principal: me });
    await ended(tasks, taskId);
    expect([await rowsOf('tree'), await rowsOf('child')]).toEqual([1, 1]);
    await world.clock.advance(300_000);
    expect([await rowsOf('tree'), await rowsOf('child')]).toEqual([0, 0]);
  });
});
