import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyvTaskStore } from '../../../src/store/keyv-task-store.ts';
import { MemoryTaskStore } from '../../../src/store/memory-task-store.ts';
import { keys } from '../../../src/tasks/keys.ts';
import { DamagedValueError } from '../../../src/store/task-store.ts';
import type { TaskStore } from '../../../src/store/task-store.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { WorkflowWorld } from '../../support/workflow-world.ts';

const me = 'local';

/** A key with one bit of its first or last character flipped. */
function flipped(key: string, where: 'first' | 'last'): string {
  const at = where === 'first' ? 0 : key.length - 1;
  const other = String.fromCharCode(key.charCodeAt(at) ^ 1);
  return key.slice(0, at) + other + key.slice(at + 1);
}

interface OpenStore {
  readonly store: TaskStore;
  /** Renames a key behind the store's back. */
  rename(from: string, to: string): Promise<void>;
  close(): Promise<void>;
}

const STORES: { readonly [name: string]: () => Promise<OpenStore> } = {
  memory: () => {
    const store = new MemoryTaskStore();
    const rename = (from: string, to: string): Promise<void> => {
      const text = store.data.texts.get(from) ?? null;
      store.data.setText(from, null);
      store.data.setText(to, text);
      return Promise.resolve();
    };
    return Promise.resolve({ store, rename, close: () => store.close() });
  },
  SQLite: async () => {
    const { path, remove } = await tempDir();
    const file = join(path, 'tasks.sqlite');
    const store = await KeyvTaskStore.open(file);
    return {
      store,
      rename: async (from, to) => {
        const database = new sqlite3.Database(file);
        await new Promise<void>((resolve, reject) => {
          database.run('UPDATE tasks SET key = ? WHERE key = ?', [to, from], (error) =>
            error === null ? resolve() : reject(error),
          );
        });
        await new Promise((resolve) => database.close(resolve));
      },
      close: async () => {
        await store.close();
        await remove();
      },
    };
  },
};

describe.each(Object.keys(STORES))('G10: a value in a store (%s) whose key has a flipped bit', (name) => {
  let opened: OpenStore | undefined;
  afterEach(() => opened?.close());

  it.each([
    ['an object', { n: 1 }],
    ['null, as index rows have it', null],
  ])('G10: is damaged, whatever the value: %s', async (_, value) => {
    opened = await STORES[name]?.();
    const store = opened?.store;
    await store?.commit({ guards: [], puts: [{ key: 'task:a', value }], deletes: [] });
    await opened?.rename('task:a', 'task:c');
    await expect(store?.get('task:c')).rejects.toThrow(DamagedValueError);
    await expect(store?.getMany(['task:c'])).rejects.toThrow(DamagedValueError);
    expect(await store?.range({ from: 'task:', to: 'task;', limit: 10 })).toEqual({ items: [], damaged: ['task:c'] });
  });
});

describe('G10: a flipped bit in a key', () => {
  let world: WorkflowWorld;
  beforeEach(() => {
    world = new WorkflowWorld();
    world.define(
      'name: w\nsteps: [{ id: a, server: s, action: a }, { id: b, server: s, action: b }, { id: nap, type: wait, seconds: 30 }, { id: c, server: s, action: c }]\n',
    );
  });
  afterEach(() => world.dispose());

  function flip(key: string, where: 'first' | 'last'): void {
    const { data } = world.world.store;
    const text = data.texts.get(key);
    if (text === undefined) throw new Error(`no ${key}`);
    data.setText(key, null);
    data.setText(flipped(key, where), text);
  }

  /** The one key that begins so. */
  function keyFrom(prefix: string): string {
    const found = world.world.store.data.keys.find((key) => key.startsWith(prefix));
    if (found === undefined) throw new Error(`no key begins with ${prefix}`);
    return found;
  }

  const OF_OPEN: readonly (readonly [string, 'first' | 'last', (id: string) => string])[] = [
    ['its record', 'last', (id) => keys.task(id)],
    ['its record', 'first', (id) => keys.task(id)],
    ['its arguments', 'last', (id) => keys.args(id)],
    ['its arguments', 'first', (id) => keys.args(id)],
    ['the row that shows that it is open', 'last', (id) => keys.open(id)],
    ['the row that shows that it is open', 'first', (id) => keys.open(id)],
    ['its first journal entry', 'last', (id) => keys.entry(id, 1)],
    ['its first journal entry', 'first', (id) => keys.entry(id, 1)],
    ['its definition', 'last', () => keyFrom('def:')],
    ['its definition', 'first', () => keyFrom('def:')],
  ];

  it.each(OF_OPEN)(
    'G10: of an open task, in %s (%s character), is reported, and nothing stays working for ever',
    async (_, where, keyOf) => {
      const first = await world.started();
      const { taskId } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
      await world.clock.advance(2000);
      first.kill();
      flip(keyOf(taskId), where);
      // Nobody can make it again.
      world.world.definitions.clear();
      const { tasks } = await world.started();
      await world.clock.advance(130_000);
      const view = await tasks.get(taskId, me).catch(() => undefined);
      expect(view?.status).not.toBe('working');
      expect(tasks.health().damaged).not.toEqual([]);
    },
  );

  it.each<readonly [string, (id: string) => string]>([
    ['its record', (id) => keys.task(id)],
    ['its outcome', (id) => keys.outcome(id)],
    ['its second journal entry', (id) => keys.entry(id, 2)],
    ['its row in the listing', () => keyFrom('list:')],
    ['the row that says when it is over', () => keyFrom('end:')],
  ])('G10: of a task that has ended, in %s, is reported when somebody comes to it', async (_, keyOf) => {
    const first = await world.started();
    const request = { workflow: 'w', arguments: {}, principal: me, idempotencyKey: 'k', ttl: 3_600_000 };
    const { taskId } = await first.tasks.create(request);
    await world.clock.advance(40_000);
    expect(await first.tasks.get(taskId, me)).toMatchObject({ status: 'completed' });
    first.kill();
    flip(keyOf(taskId), 'last');
    const { tasks } = await world.started();
    const looks: readonly (() => Promise<unknown>)[] = [
      () => tasks.list({ principal: me }),
      () => tasks.get(taskId, me),
      () => tasks.outcome(taskId, me),
      () => tasks.journal(taskId, me),
      () => tasks.create(request),
    ];
    for (const look of looks) await look().catch(() => undefined);
    await world.clock.advance(3_700_000);
    expect(tasks.health().damaged).not.toEqual([]);
  });

  it('G10: costs no task its place in the listing: the row is made again, and the damaged one goes', async () => {
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    first.kill();
    flip(keyFrom('list:'), 'last');
    const { tasks } = await world.started();
    await tasks.list({ principal: me });
    await world.clock.advance(4000);
    expect((await tasks.list({ principal: me })).tasks.map((task) => task.taskId)).toEqual([taskId]);
    expect(world.world.store.data.keys.filter((key) => key.startsWith('list:'))).toHaveLength(1);
  });

  it('G10: keeps no task over its ttl: the row that says when it is over is made again', async () => {
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me, ttl: 60_000 });
    await world.clock.advance(40_000);
    first.kill();
    const end = keyFrom('end:');
    flip(end, 'first');
    await world.started();
    await world.clock.advance(100_000);
    // What belongs nowhere stays for whoever looks into it.
    expect(world.world.store.data.keys.filter((key) => key.includes(taskId))).toEqual([flipped(end, 'first')]);
  });

  it('G10: does not run the work of an idempotency key again whose record cannot be found', async () => {
    const request = { workflow: 'w', arguments: {}, principal: me, idempotencyKey: 'k' };
    const first = await world.started();
    const { taskId } = await first.tasks.create(request);
    await world.clock.advance(40_000);
    flip(keys.task(taskId), 'last');
    await expect(first.tasks.create(request)).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  it('G10: leads nowhere for a healthy store: nothing is read twice or made again', async () => {
    const first = await world.started();
    await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await world.clock.advance(40_000);
    first.kill();
    const { tasks } = await world.started();
    await world.clock.advance(70_000);
    expect(tasks.health().damaged).toEqual([]);
  });
});
