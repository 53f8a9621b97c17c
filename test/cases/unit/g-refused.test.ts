import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreError } from '../../../src/store/task-store.ts';
import type { TaskStore } from '../../../src/store/task-store.ts';
import { toolError } from '../../support/engine-world.ts';
import { ended, viewWhere } from '../../support/task-world.ts';
import { WorkflowWorld } from '../../support/workflow-world.ts';
import type { WorkflowProcess } from '../../support/workflow-world.ts';

const me = 'local';

let world: WorkflowWorld;
let store: Doubtful;
beforeEach(() => {
  world = new WorkflowWorld();
  store = new Doubtful(world.world.store.another());
  world.define('name: w\nsteps: [{ id: a, server: s, action: a }]\n');
  world.define('name: asks\nsteps: [{ id: q, type: elicit, message: Go on? }]\n');
  world.define('name: fails\nsteps: [{ id: a, server: s, action: bad }]\n');
  world.downstream.tools['bad'] = () => toolError('no');
});
afterEach(() => {
  store.fails = undefined;
  return world.dispose();
});

/** A store whose commits may fail as an fsync does: what was to be written may be found after a crash, or not. */
class Doubtful implements TaskStore {
  readonly #inner: TaskStore;
  #hasFailed = false;
  fails: { readonly isApplied: boolean; readonly readsFail: boolean } | undefined;

  constructor(inner: TaskStore) {
    this.#inner = inner;
  }

  get(key: string): ReturnType<TaskStore['get']> {
    // Only once a commit has failed: it is asked for what became of it.
    return this.#hasFailed && this.fails?.readsFail === true ? Promise.reject(failure()) : this.#inner.get(key);
  }

  getMany(all: readonly string[]): ReturnType<TaskStore['getMany']> {
    return this.#inner.getMany(all);
  }

  range(query: Parameters<TaskStore['range']>[0]): ReturnType<TaskStore['range']> {
    return this.#inner.range(query);
  }

  async commit(batch: Parameters<TaskStore['commit']>[0]): ReturnType<TaskStore['commit']> {
    const { fails } = this;
    if (fails === undefined) return this.#inner.commit(batch);
    this.#hasFailed = true;
    if (fails.isApplied) await this.#inner.commit(batch);
    throw failure();
  }

  changeCounter(): Promise<number> {
    return this.#inner.changeCounter();
  }

  probe(): Promise<void> {
    return this.fails === undefined ? this.#inner.probe() : Promise.reject(failure());
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

function failure(): StoreError {
  return new StoreError('io', 'SQLITE_IOERR: disk I/O error');
}

const FAILURES = [
  { what: 'was not written as far as can be seen', isApplied: false, readsFail: false },
  { what: 'may or may not have been written', isApplied: true, readsFail: true },
  { what: 'was not written, which nobody can see', isApplied: false, readsFail: true },
] as const;

/** What can be asked for, and what has to be there before. */
const CHANGES: { readonly [what: string]: (process: WorkflowProcess) => Promise<() => Promise<unknown>> } = {
  cancel: async ({ tasks }) => {
    const { taskId } = await tasks.create({ workflow: 'asks', arguments: {}, principal: me });
    await viewWhere(tasks, taskId, ({ inputs }) => inputs.length > 0);
    return () => tasks.cancel(taskId, me);
  },
  answer: async ({ tasks }) => {
    const { taskId } = await tasks.create({ workflow: 'asks', arguments: {}, principal: me });
    await viewWhere(tasks, taskId, ({ inputs }) => inputs.length > 0);
    return () => tasks.respond(taskId, me, 'in-1', { action: 'accept', content: {} });
  },
  resume: async ({ tasks }) => {
    const { taskId } = await tasks.create({ workflow: 'fails', arguments: {}, principal: me });
    await world.clock.during(ended(tasks, taskId));
    return () => tasks.resume(taskId, me);
  },
};

/** That the outcome of a request is not known. */
const UNKNOWN = /unknown|not known|may (?:or may not )?have/iu;

/** A process that has run the workflow before, so that the task is all that a call has to write. */
async function warm(): Promise<WorkflowProcess> {
  const process = await world.started({ store });
  const { taskId } = await process.tasks.create({ workflow: 'w', arguments: {}, principal: me });
  await world.clock.during(ended(process.tasks, taskId));
  return process;
}

const refusal = async (act: () => Promise<unknown>): Promise<string> => {
  try {
    await act();
    return 'it was not refused';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

describe.each(FAILURES)('G7: a call whose write failed and $what', (fault) => {
  it('G7: is refused with words that its outcome is not known, and that the same idempotency key is safe', async () => {
    const { tasks } = await warm();
    store.fails = fault;
    const said = await refusal(() =>
      tasks.create({ workflow: 'w', arguments: {}, principal: me, idempotencyKey: 'once' }),
    );
    expect(said).toMatch(UNKNOWN);
    expect(said).toMatch(/same idempotency key/iu);
  });

  it('G7: without a key is refused with words that its outcome is not known, and how a key makes it safe', async () => {
    const { tasks } = await warm();
    store.fails = fault;
    const said = await refusal(() => tasks.create({ workflow: 'w', arguments: {}, principal: me }));
    expect(said).toMatch(UNKNOWN);
    expect(said).toMatch(/idempotency key/iu);
  });

  it('G7: and is made again with the same key runs to its end, once, when the store works again', async () => {
    const { tasks } = await warm();
    const request = { workflow: 'w', arguments: {}, principal: me, idempotencyKey: 'once' };
    store.fails = fault;
    await refusal(() => tasks.create(request));
    store.fails = undefined;
    await world.clock.advance(10_000);
    const { taskId } = await tasks.create(request);
    expect(await world.clock.during(ended(tasks, taskId))).toMatchObject({ status: 'completed' });
    expect(world.callsOf('a')).toBe(2);
  });

  it('G7: and is made again with the same key after a crash runs to its end, once', async () => {
    const first = await warm();
    const request = { workflow: 'w', arguments: {}, principal: me, idempotencyKey: 'once' };
    store.fails = fault;
    await refusal(() => first.tasks.create(request));
    first.kill();
    const { tasks } = await world.started();
    await world.clock.advance(1000);
    const { taskId } = await tasks.create(request);
    expect(await world.clock.during(ended(tasks, taskId))).toMatchObject({ status: 'completed' });
    expect(world.callsOf('a')).toBe(2);
  });

  it.each(Object.keys(CHANGES))('G7: is refused with words that its outcome is not known: %s', async (change) => {
    const process = await warm();
    const act = await CHANGES[change]?.(process);
    store.fails = fault;
    expect(await refusal(async () => act?.())).toMatch(UNKNOWN);
  });
});
