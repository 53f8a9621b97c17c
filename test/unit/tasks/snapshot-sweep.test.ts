import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/definition/snapshot.ts';
import type { TaskStore } from '../../../src/store/task-store.ts';
import { SnapshotSweep } from '../../../src/tasks/snapshot-sweep.ts';
import { definitionOf, ended, TaskWorld } from '../../support/task-world.ts';

const me = 'local';

let world: TaskWorld;
beforeEach(() => {
  world = new TaskWorld();
});
afterEach(() => world.dispose());

const sweep = (store: TaskStore = world.store.another()): SnapshotSweep =>
  new SnapshotSweep({ store, definitions: { get: (name) => world.definitions.get(name) } });

const snapshots = (): readonly string[] =>
  [...world.store.data.texts.keys()].filter((key) => key.startsWith('def:')).toSorted();

/** Makes the nth version of the workflow the current one. */
function version(n: number): string {
  world.define('w', ({ step }) => step('a', () => n), { description: `version ${n}` });
  return digestOf(definitionOf('w', { description: `version ${n}` }));
}

async function run(n: number): Promise<string> {
  version(n);
  const { tasks } = await world.started();
  const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me, ttl: n * 3_600_000 });
  await ended(tasks, taskId);
  await tasks.close();
  return taskId;
}

describe('definition snapshots', () => {
  it('go when no task uses them any more, but for those that are current', async () => {
    for (const n of [1, 2, 3]) await run(n);
    expect(snapshots()).toHaveLength(3);
    await sweep().round();
    expect(snapshots()).toHaveLength(3);
    await world.clock.advance(3_600_001);
    const { tasks } = await world.started();
    await world.clock.advance(60_000);
    await sweep().round();
    expect(snapshots()).toEqual(
      [2, 3].map((n) => `def:${digestOf(definitionOf('w', { description: `version ${n}` }))}`).toSorted(),
    );
    await tasks.close();
  });

  it('are removed by a server by itself', async () => {
    const id = await run(1);
    version(2);
    const { tasks } = await world.started();
    await world.clock.advance(2 * 3_600_000 + 60_000);
    expect(await tasks.get(id, me)).toBeUndefined();
    expect(snapshots()).toEqual([]);
  });

  it('are written again by a task that is created while they go: no task is without its own', async () => {
    version(1);
    const process = await world.started();
    const old = await process.tasks.create({ workflow: 'w', arguments: {}, principal: me, ttl: 1000 });
    await ended(process.tasks, old.taskId);
    await world.clock.advance(120_000);
    expect(await process.tasks.get(old.taskId, me)).toBeUndefined();
    // The process still counts on the snapshot it has written; the sweeping one has loaded other definitions.
    const elsewhere = (store: TaskStore): SnapshotSweep =>
      new SnapshotSweep({ store, definitions: { get: () => undefined } });
    await elsewhere(world.store.another()).round();
    expect(snapshots()).toEqual([]);
    const next = await process.tasks.create({ workflow: 'w', arguments: {}, principal: me, ttl: 1000 });
    expect(snapshots()).toHaveLength(1);
    // Between the retirement and the removal: the creation takes it back.
    await ended(process.tasks, next.taskId);
    await world.clock.advance(120_000);
    expect(await process.tasks.get(next.taskId, me)).toBeUndefined();
    let created = '';
    const store = world.store.another();
    const slow = new Proxy(store, {
      get: (target, name) => {
        if (name !== 'commit') {
          const member: unknown = Reflect.get(target, name);
          return typeof member === 'function'
            ? (...args: unknown[]): unknown => Reflect.apply(member, target, args)
            : member;
        }
        return async (batch: Parameters<TaskStore['commit']>[0]) => {
          const result = await target.commit(batch);
          if (created === '') {
            created = 'soon';
            created = (await process.tasks.create({ workflow: 'w', arguments: {}, principal: me })).taskId;
          }
          return result;
        };
      },
    });
    await elsewhere(slow).round();
    expect(snapshots()).toHaveLength(1);
    world.definitions.delete('w');
    await ended(process.tasks, created);
    const late = await world.started();
    expect(await late.tasks.get(created, me)).toMatchObject({ status: 'completed' });
  });

  it('stay while a damaged record may be the one that needs them', async () => {
    const id = await run(1);
    version(2);
    await world.clock.advance(10);
    world.store.data.setText(`task:${id}`, 'damaged');
    await sweep().round();
    expect(snapshots()).toHaveLength(1);
    world.store.data.setText(`task:${id}`, null);
    await sweep().round();
    expect(snapshots()).toEqual([]);
  });
});
