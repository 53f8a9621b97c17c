import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Batch, CommitResult, TaskStore } from '../../../src/store/task-store.ts';
import { FaultyStore } from '../../support/faulty-store.ts';
import { gate } from '../../support/gate.ts';
import { WorkflowWorld } from '../../support/workflow-world.ts';

const me = 'local';

let world: WorkflowWorld;
beforeEach(() => {
  world = new WorkflowWorld();
});
afterEach(() => world.dispose());

/** A store in which the creation of a child takes until the test lets it go on. */
class SlowToHaveChildren implements TaskStore {
  readonly #inner: TaskStore;
  readonly begun = gate();
  readonly #held = gate();

  constructor(inner: TaskStore) {
    this.#inner = inner;
  }

  letGo(): void {
    this.#held.pass('go on');
  }

  async commit(batch: Batch): Promise<CommitResult> {
    if (batch.puts.some(({ key }) => key.startsWith('child:'))) {
      this.begun.pass('asked for');
      await this.#held.passed;
    }
    return await this.#inner.commit(batch);
  }

  get(key: string): ReturnType<TaskStore['get']> {
    return this.#inner.get(key);
  }

  getMany(keys: readonly string[]): ReturnType<TaskStore['getMany']> {
    return this.#inner.getMany(keys);
  }

  range(query: Parameters<TaskStore['range']>[0]): ReturnType<TaskStore['range']> {
    return this.#inner.range(query);
  }

  changeCounter(): Promise<number> {
    return this.#inner.changeCounter();
  }

  probe(): Promise<void> {
    return this.#inner.probe();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

describe('a child that is being made while its parent is cancelled', () => {
  it.each(['the process that runs it', 'another process'])(
    'begins nothing, when %s took the cancel (D8)',
    async (who) => {
      world.define('name: top\nsteps: [{ id: s, type: workflow, workflow: child }]\n');
      world.define('name: child\nsteps: [{ id: a, server: s, action: a }, { id: b, server: s, action: b }]\n');
      const store = new SlowToHaveChildren(world.world.store.another());
      const { tasks } = await world.started({ store });
      const other = who === 'another process' ? await world.started({ claims: 'none' }) : undefined;
      const { taskId } = await tasks.create({ workflow: 'top', arguments: {}, principal: me });
      await store.begun.passed;
      await (other?.tasks ?? tasks).cancel(taskId, me);
      // All hear of the cancel before the child is there.
      await world.clock.advance(1000);
      store.letGo();
      await world.clock.advance(5000);
      const { tasks: all } = await tasks.list({ principal: me });
      expect(all.filter(({ workflow, status }) => workflow === 'child' && status !== 'cancelled')).toEqual([]);
      expect([world.callsOf('a'), world.callsOf('b')]).toEqual([0, 0]);
    },
  );

  it('ends all the same where the store failed as it was written, so that nobody knows whether it is there (D2, D8)', async () => {
    world.define('name: top\nsteps: [{ id: s, type: workflow, workflow: child }]\n');
    world.define('name: child\nsteps: [{ id: a, server: s, action: a }]\n');
    const disk = new FaultyStore(world.world.store.another());
    disk.plan = () => {
      if (!disk.puts.some((key) => key.startsWith('child:'))) return undefined;
      disk.readsFail = true;
      return 'after';
    };
    const store = new SlowToHaveChildren(disk);
    const { tasks } = await world.started({ store });
    const other = await world.started({ claims: 'none' });
    const { taskId } = await tasks.create({ workflow: 'top', arguments: {}, principal: me });
    await store.begun.passed;
    await other.tasks.cancel(taskId, me);
    await world.clock.advance(1000);
    store.letGo();
    await world.clock.advance(1000);
    disk.readsFail = false;
    disk.plan = () => undefined;
    // Longer than the time between two looks through all open tasks.
    await world.clock.advance(180_000);
    const { tasks: all } = await other.tasks.list({ principal: me });
    expect(disk.faults).toBe(1);
    expect(all.map(({ workflow, status }) => `${workflow} ${status}`).toSorted()).toEqual([
      'child cancelled',
      'top cancelled',
    ]);
    expect(world.callsOf('a')).toBe(0);
  });
});
