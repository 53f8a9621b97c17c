import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Logger } from '../../../src/core/logger.ts';
import { StoreError } from '../../../src/store/task-store.ts';
import type { Batch, TaskStore } from '../../../src/store/task-store.ts';
import { text } from '../../support/engine-world.ts';
import { ended } from '../../support/task-world.ts';
import { WorkflowWorld } from '../../support/workflow-world.ts';
import type { WorkflowProcess } from '../../support/workflow-world.ts';

const me = 'local';
const SAMPLE_MS = 230;

let world: WorkflowWorld;
let store: ChoosyStore;
let lines: string[];
beforeEach(() => {
  world = new WorkflowWorld();
  store = new ChoosyStore(world.world.store.another());
  lines = [];
  world.downstream.tools['big'] = () => text('x'.repeat(20_000));
  world.define('name: big\nsteps: [{ id: a, server: s, action: big, idempotent: true }]\n');
  world.define('name: small\nsteps: [{ id: a, server: s, action: a, idempotent: true }]\n');
});
afterEach(() => {
  store.refuses = () => false;
  return world.dispose();
});

/** A store that refuses some writes, as a disk does that has room for small ones only. */
class ChoosyStore implements TaskStore {
  readonly #inner: TaskStore;
  refuses: (bytes: number) => boolean = () => false;

  constructor(inner: TaskStore) {
    this.#inner = inner;
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

  async commit(batch: Batch): ReturnType<TaskStore['commit']> {
    if (!this.refuses(JSON.stringify(batch.puts).length)) return this.#inner.commit(batch);
    // A disk takes its time to find that out.
    await world.clock.sleep(170);
    throw new StoreError('full', 'database or disk is full');
  }

  changeCounter(): Promise<number> {
    return this.#inner.changeCounter();
  }

  async probe(): Promise<void> {
    await this.commit({ guards: [], puts: [{ key: 'probe', value: null }], deletes: [] });
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** Keeps what is logged. */
function listening(): Logger {
  const say = (_fields: object, message: string): void => {
    lines.push(message);
  };
  const logger: Logger = { ...silentLogger, info: say, warn: say, error: say, child: () => logger };
  return logger;
}

const said = (what: string): number => lines.filter((line) => line.includes(what)).length;

/** Whether it was ready, about four times a second for so long. */
async function readiness({ tasks }: WorkflowProcess, ms: number): Promise<readonly boolean[]> {
  const seen: boolean[] = [];
  for (let passed = 0; passed < ms; passed += SAMPLE_MS) {
    await world.clock.advance(SAMPLE_MS);
    seen.push(tasks.health().writable);
  }
  return seen;
}

const changesIn = (seen: readonly boolean[]): number =>
  seen.filter((one, index) => index > 0 && one !== seen[index - 1]).length;

describe('H2: while a large write fails and small ones go well', () => {
  it('H2: it is not ready, says so once, and all goes on by itself when the large one fits', async () => {
    const process = await world.started({ store, logger: listening() });
    store.refuses = (bytes) => bytes > 10_000;
    const { taskId } = await process.tasks.create({ workflow: 'big', arguments: {}, principal: me });
    await world.clock.advance(500);
    const seen = await readiness(process, 30_000);
    expect(seen.filter(Boolean)).toHaveLength(0);
    expect([said('cannot be written'), said('can be written again')]).toEqual([1, 0]);
    expect(await process.tasks.get(taskId, me)).toMatchObject({ status: 'working' });
    store.refuses = () => false;
    expect(await world.clock.during(ended(process.tasks, taskId))).toMatchObject({ status: 'completed' });
    const after = await readiness(process, 60_000);
    expect(after.at(-1)).toBe(true);
    expect(changesIn(after)).toBeLessThanOrEqual(1);
    expect([said('cannot be written'), said('can be written again')]).toEqual([1, 1]);
  });

  it('H2: it refuses new work with a clear error all the time', async () => {
    const { tasks } = await world.started({ store });
    await tasks.create({ workflow: 'small', arguments: {}, principal: me });
    store.refuses = (bytes) => bytes > 10_000;
    await tasks.create({ workflow: 'big', arguments: {}, principal: me });
    await world.clock.advance(500);
    const taken: string[] = [];
    for (let asked = 0; asked < 60; asked += 1) {
      await world.clock.advance(1000);
      const one = tasks.create({ workflow: 'small', arguments: {}, principal: me });
      await one.then(
        ({ taskId }) => taken.push(taskId),
        () => undefined,
      );
    }
    expect(taken).toHaveLength(0);
  });
});

describe('H2: a store that fails now and then', () => {
  it('H2: makes it neither ready and not ready by turns nor the log long', async () => {
    let commits = 0;
    const process = await world.started({ store, logger: listening() });
    store.refuses = () => (commits += 1) % 3 === 0;
    for (let task = 0; task < 5; task += 1) {
      const made = process.tasks.create({ workflow: 'small', arguments: {}, principal: me });
      await world.clock.during(made.catch(() => undefined));
    }
    const seen = await readiness(process, 100_000);
    expect(changesIn(seen)).toBeLessThanOrEqual(4);
    expect(said('cannot be written')).toBeLessThanOrEqual(3);
  });

  it('H2: once is ready again soon, and goes on', async () => {
    let isFirst = true;
    const process = await world.started({ store, logger: listening() });
    store.refuses = (bytes) => {
      const refused = isFirst && bytes > 10_000;
      if (refused) isFirst = false;
      return refused;
    };
    const { taskId } = await process.tasks.create({ workflow: 'big', arguments: {}, principal: me });
    expect(await world.clock.during(ended(process.tasks, taskId))).toMatchObject({ status: 'completed' });
    expect((await readiness(process, 60_000)).at(-1)).toBe(true);
    expect([said('cannot be written'), said('can be written again')]).toEqual([1, 1]);
  });
});
