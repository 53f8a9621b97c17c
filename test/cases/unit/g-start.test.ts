import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TaskStore } from '../../../src/store/task-store.ts';
import { ended } from '../../support/task-world.ts';
import { WorkflowWorld } from '../../support/workflow-world.ts';

const me = 'local';
let world: WorkflowWorld;
beforeEach(() => {
  world = new WorkflowWorld();
});
afterEach(() => world.dispose());

/** Counts the rows that are read. */
class CountingStore implements TaskStore {
  readonly #inner: TaskStore;
  readonly rows = new Map<string, number>();

  constructor(inner: TaskStore) {
    this.#inner = inner;
  }

  #count(key: string, rows: number): void {
    const kind = key.slice(0, key.indexOf(':') + 1);
    this.rows.set(kind, (this.rows.get(kind) ?? 0) + rows);
  }

  get(key: string): ReturnType<TaskStore['get']> {
    this.#count(key, 1);
    return this.#inner.get(key);
  }

  getMany(all: readonly string[]): ReturnType<TaskStore['getMany']> {
    for (const key of all) this.#count(key, 1);
    return this.#inner.getMany(all);
  }

  async range(query: Parameters<TaskStore['range']>[0]): ReturnType<TaskStore['range']> {
    const page = await this.#inner.range(query);
    this.#count(query.from, page.items.length + page.damaged.length);
    return page;
  }

  commit(batch: Parameters<TaskStore['commit']>[0]): ReturnType<TaskStore['commit']> {
    return this.#inner.commit(batch);
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

/** What is read at a start beside so many tasks that have ended, and in the minutes after it. */
async function readBeside(tasks: number): Promise<ReadonlyMap<string, number>> {
  world.define('name: w\nsteps: [{ id: a, server: s, action: a }]\n');
  const first = await world.started();
  for (let made = 0; made < tasks; made += 1) {
    const { taskId } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await ended(first.tasks, taskId);
  }
  first.kill();
  const store = new CountingStore(world.world.store.another());
  await world.started({ store });
  await world.clock.advance(180_000);
  return store.rows;
}

describe('G15: a start beside many tasks that have ended', () => {
  it('reads no more than one beside few, and no more while it runs', async () => {
    const few = await readBeside(1);
    await world.dispose();
    world = new WorkflowWorld();
    const many = await readBeside(300);
    for (const [kind, rows] of many) expect(rows, kind).toBeLessThanOrEqual((few.get(kind) ?? 0) + 5);
  });
});
