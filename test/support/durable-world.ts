import { silentLogger } from '../../src/core/logger.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Definition, LoadedDefinition } from '../../src/definition/model.ts';
import { digestOf, parseSnapshot } from '../../src/definition/snapshot.ts';
import type { StoredEntry } from '../../src/engine/journal.ts';
import type { Downstream } from '../../src/engine/ports.ts';
import { createWorkflowRunner } from '../../src/engine/runner.ts';
import { stepKinds } from '../../src/steps/index.ts';
import type { ProcessIdentity } from '../../src/tasks/process-probe.ts';
import { TaskManager } from '../../src/tasks/task-manager.ts';
import { LOCAL_PRINCIPAL, TaskError } from '../../src/tasks/task.ts';
import type { TaskService, TaskView } from '../../src/tasks/task.ts';
import { StoreError } from '../../src/store/task-store.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import { DyingStore, FaultDirector } from './dying-store.ts';
import type { FaultPlan } from './dying-store.ts';
import { FakeDownstream } from './engine-world.ts';
import { ManualClock } from './manual-clock.ts';

/** One life of the process: what it offers, and when it is over. */
interface Life {
  readonly tasks: TaskManager;
  readonly died: Promise<'died'>;
}

/** What a client was told, to be held against what is there at the end. */
export interface Acknowledged {
  taskId: string | undefined;
  cancelled: boolean;
  answers: number;
}

/**
 * The real task manager and the real engine over a store in which one commit of all goes wrong. When the process dies,
 * a new one is started on the same data at the next call. A dead process reaches neither the data nor a downstream
 * server.
 */
export class DurableWorld {
  readonly clock = new ManualClock();
  readonly downstream = new FakeDownstream();
  readonly director: FaultDirector;
  readonly acknowledged: Acknowledged = { taskId: undefined, cancelled: false, answers: 0 };
  /** Number of calls at the death, and the steps that were committed by then, as `task path`. */
  death: { readonly calls: number; readonly committed: ReadonlySet<string> } | undefined;
  readonly #definitions = new Map<string, LoadedDefinition>();
  readonly #open: () => Promise<TaskStore>;
  readonly #dead = new Set<number>();
  #ids = 0;
  #pid = 0;
  #life: Life | undefined;
  /** Reads what is on the disk, whoever is dead. */
  readonly #observer: Promise<TaskStore>;

  readonly #onDisk: boolean;

  constructor(options: {
    readonly open: () => Promise<TaskStore>;
    readonly definitions: readonly Definition[];
    readonly plan?: FaultPlan;
    /** The store works outside this thread: time passes no faster than it can. */
    readonly onDisk?: boolean;
  }) {
    const { open, definitions, plan, onDisk = false } = options;
    this.#open = open;
    this.#onDisk = onDisk;
    this.#observer = open();
    this.director = new FaultDirector(plan);
    for (const definition of definitions) {
      const file = `${definition.name}.yaml`;
      this.#definitions.set(definition.name, { definition, digest: digestOf(definition), file });
    }
  }

  /**
   * Calls as a client would that comes back whenever the server was gone or could not write: until there is an answer
   * that is not about the store. What was not acknowledged is asked for again.
   */
  async call<T>(act: (tasks: TaskService) => Promise<T>): Promise<T> {
    for (;;) {
      const answer = await this.#once(act);
      if (answer !== undefined) return answer.value;
      await this.clock.sleep(1000);
    }
  }

  /** Runs until the task has ended, answering what it asks; resolves with its last view. */
  async untilEnded(taskId: string, answer: (method: string, params: JsonObject) => JsonValue): Promise<TaskView> {
    for (;;) {
      const views = await this.call((tasks) => tasks.list({ principal: LOCAL_PRINCIPAL }));
      const view = views.tasks.find((one) => one.taskId === taskId);
      if (view === undefined) throw new Error('an acknowledged task is gone');
      if (view.endedAt !== undefined) return view;
      for (const { taskId: asking, inputs } of views.tasks) {
        for (const { key, request } of inputs) {
          const response = answer(request.method, request.params);
          const verdict = await this.call((tasks) => tasks.respond(asking, LOCAL_PRINCIPAL, key, response));
          if (verdict === 'accepted') this.acknowledged.answers += 1;
        }
      }
      await this.clock.sleep(250);
    }
  }

  outcome(taskId: string): Promise<Outcome | undefined> {
    return this.call(async (tasks) => ({ value: await tasks.outcome(taskId, LOCAL_PRINCIPAL) })).then(
      ({ value }) => value,
    );
  }

  journal(taskId: string): Promise<readonly StoredEntry[]> {
    return this.call((tasks) => tasks.journal(taskId, LOCAL_PRINCIPAL));
  }

  /** Lets virtual time pass until the promise has settled. */
  async during<T>(promise: Promise<T>): Promise<T> {
    if (!this.#onDisk) return this.clock.during(promise);
    const state = { settled: false };
    const mark = (): void => {
      state.settled = true;
    };
    promise.then(mark, mark);
    while (!state.settled) {
      await this.clock.advance(200);
      // However slow the disk is, nothing comes too late by this clock because of it.
      do await turnOfTheDisk();
      while (this.director.pending > 0);
    }
    return promise;
  }

  async dispose(): Promise<void> {
    if (this.#life !== undefined) await this.during(this.#life.tasks.close());
    await (await this.#observer).close();
  }

  /** What the act gave; `undefined` when the process died over it or the store could not be written. */
  async #once<T>(act: (tasks: TaskService) => Promise<T>): Promise<{ readonly value: T } | undefined> {
    try {
      const life = (this.#life ??= await this.#start());
      if (life === undefined) return undefined;
      const end = await Promise.race([life.died, act(life.tasks).then((value) => ({ value }))]);
      return end === 'died' ? undefined : end;
    } catch (error) {
      if (error instanceof TaskError && error.code === 'store_unavailable') return undefined;
      throw error;
    }
  }

  /** `undefined` when it died or was refused while it started. */
  async #start(): Promise<Life | undefined> {
    const pid = (this.#pid += 1);
    let over: () => void = () => undefined;
    const died = new Promise<'died'>((resolve) => {
      over = (): void => resolve('died');
    });
    const store: DyingStore = new DyingStore(await this.#open(), this.director, () => {
      void this.#died(pid, over);
    });
    const identity: ProcessIdentity = { pid, host: 'h', boot: 'b', namespace: 'n', started: String(pid) };
    const tasks = new TaskManager({
      store,
      clock: this.clock,
      random: () => 0.5,
      ids: () => `id-${String((this.#ids += 1)).padStart(6, '0')}`,
      logger: silentLogger,
      definitions: { get: (name) => this.#definitions.get(name) },
      parseSnapshot,
      runner: createWorkflowRunner(stepKinds),
      kinds: stepKinds,
      downstream: mortal(this.downstream, () => store.dead),
      claims: 'all',
      processes: { self: () => identity, state: (other) => (this.#dead.has(other.pid) ? 'gone' : 'alive') },
    });
    try {
      const end = await Promise.race([died, tasks.start()]);
      return end === 'died' ? undefined : { tasks, died };
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // A process that cannot write at its start ends; its supervisor starts another one.
      await tasks.close();
      this.#dead.add(pid);
      return undefined;
    }
  }

  async #died(pid: number, over: () => void): Promise<void> {
    const calls = this.downstream.calls.length;
    const { items } = await (await this.#observer).range({ from: 'j:', to: 'j;', limit: 100_000 });
    const committed = items.flatMap(({ key, value }) => {
      const entry = value as { readonly type: string; readonly path?: string };
      return entry.type === 'finished' ? [`${key.split(':')[1] ?? ''} ${entry.path ?? ''}`] : [];
    });
    this.death = { calls, committed: new Set(committed) };
    this.#dead.add(pid);
    this.#life = undefined;
    over();
  }
}

/** Time for a commit to get through. */
function turnOfTheDisk(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 1);
  });
}

/** A downstream that a dead process cannot reach. */
function mortal(inner: Downstream, dead: () => boolean): Downstream {
  const alive = <T>(act: () => Promise<T>): Promise<T> => (dead() ? new Promise(() => undefined) : act());
  return {
    callTool: (tool, args, context) => alive(() => inner.callTool(tool, args, context)),
    readResource: (uri, context) => alive(() => inner.readResource(uri, context)),
    getPrompt: (name, args, context) => alive(() => inner.getPrompt(name, args, context)),
    abandon: (server, handle, signal) => alive(() => inner.abandon(server, handle, signal)),
    repeatability: (server, tool) => inner.repeatability(server, tool),
    learnRepeatability: (server, tool, signal) => inner.learnRepeatability(server, tool, signal),
  };
}
