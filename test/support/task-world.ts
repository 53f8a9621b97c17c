import { randomBytes } from 'node:crypto';
import type { Clock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { Definition, LoadedDefinition } from '../../src/definition/model.ts';
import { digestOf, parseSnapshot } from '../../src/definition/snapshot.ts';
import type { Downstream, WorkflowRunner } from '../../src/engine/ports.ts';
import { stepKinds } from '../../src/steps/index.ts';
import { MemoryTaskStore } from '../../src/store/memory-task-store.ts';
import type { Claims } from '../../src/tasks/context.ts';
import type { TaskLimits } from '../../src/tasks/limits.ts';
import type { ProcessIdentity } from '../../src/tasks/process-probe.ts';
import { TaskManager } from '../../src/tasks/task-manager.ts';
import type { TaskService, TaskView } from '../../src/tasks/task.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import { ManualClock } from './manual-clock.ts';
import { ScriptedRunner } from './scripted-runner.ts';
import type { ScriptBody } from './scripted-runner.ts';

/** A definition with these step ids; what it does is up to the script of its name. */
export function definitionOf(name: string, more: Partial<Definition> = {}): Definition {
  return {
    name,
    tags: [],
    variables: { input: {}, global: {}, saved: {} },
    input_schema: { type: 'object' },
    task: 'optional',
    strict: false,
    secrets: [],
    steps: ['a', 'b', 'c'].map((id) => ({ id, type: 'tool', server: 's', action: id, arguments: {} })),
    conditionals: [],
    tests: [],
    ...more,
  };
}

const noDownstream: Downstream = {
  callTool: () => Promise.reject(new Error('no downstream here')),
  readResource: () => Promise.reject(new Error('no downstream here')),
  getPrompt: () => Promise.reject(new Error('no downstream here')),
  abandon: () => Promise.resolve(),
  repeatability: () => 'unknown',
  learnRepeatability: () => Promise.resolve('unknown'),
};

export interface ProcessOptions {
  readonly claims?: Claims;
  readonly store?: TaskStore;
  readonly limits?: Partial<TaskLimits>;
  readonly runner?: ScriptedRunner;
  /** Runs workflows instead of the scripts: the engine itself. */
  readonly workflows?: WorkflowRunner;
  readonly downstream?: Downstream;
  /** A view of the world's clock that is this process's own. */
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/**
 * A process of the world: a task manager with its own connection and runner; `kill` lets it vanish without a goodbye.
 */
export interface WorldProcess {
  readonly tasks: TaskManager;
  readonly runner: ScriptedRunner;
  /** From now on the others see that the process is gone, and nothing it still tries reaches the store. */
  readonly kill: () => void;
  /** Stops it as SIGSTOP does: its calls to the store wait until the returned function is called. */
  readonly pause: () => () => void;
}

/** One store, one clock, definitions, and as many processes as a test wants. */
export class TaskWorld {
  readonly clock: ManualClock;
  readonly store = new MemoryTaskStore();
  readonly definitions = new Map<string, LoadedDefinition>();
  readonly scripts = new Map<string, ScriptBody>();
  readonly dead = new Set<number>();
  #pids = 100;
  readonly #processes = new Map<number, TaskManager>();

  constructor(options: { readonly auto?: boolean } = {}) {
    this.clock = new ManualClock({ auto: options.auto ?? false });
  }

  define(name: string, body: ScriptBody, more: Partial<Definition> = {}): void {
    const definition = definitionOf(name, more);
    this.definitions.set(name, { definition, digest: digestOf(definition), file: `${name}.yaml` });
    this.scripts.set(name, body);
  }

  process(options: ProcessOptions = {}): WorldProcess {
    const pid = (this.#pids += 1);
    const runner = options.runner ?? new ScriptedRunner();
    for (const [name, body] of this.scripts) if (!runner.bodies.has(name)) runner.bodies.set(name, body);
    const identity: ProcessIdentity = { pid, host: 'h', boot: 'b', namespace: 'n', started: String(pid) };
    const store = new MortalStore(options.store ?? this.store.another());
    const tasks = new TaskManager({
      store,
      clock: options.clock ?? this.clock,
      random: () => 0.5,
      ids: () => randomBytes(16).toString('base64url'),
      logger: options.logger ?? silentLogger,
      definitions: { get: (name) => this.definitions.get(name) },
      parseSnapshot,
      runner: options.workflows ?? runner,
      kinds: stepKinds,
      downstream: options.downstream ?? noDownstream,
      claims: options.claims ?? 'all',
      ...(options.limits && { limits: options.limits }),
      processes: { self: () => identity, state: (other) => (this.dead.has(other.pid) ? 'gone' : 'alive') },
    });
    this.#processes.set(pid, tasks);
    const kill = (): void => {
      store.kill();
      this.dead.add(pid);
    };
    return { tasks, runner, kill, pause: () => store.pause() };
  }

  /** A process that has started. */
  async started(options: ProcessOptions = {}): Promise<WorldProcess> {
    const process = this.process(options);
    await process.tasks.start();
    return process;
  }

  /** Closes whatever still lives. */
  async dispose(): Promise<void> {
    const living = [...this.#processes].filter(([pid]) => !this.dead.has(pid));
    await Promise.all(living.map(([, tasks]) => tasks.close()));
  }
}

/** The view of a task once it has ended. */
export async function ended(tasks: TaskService, taskId: string, principal = 'local'): Promise<TaskView> {
  for (let rev = 0; ;) {
    const view = await tasks.waitForChange(taskId, principal, rev, new AbortController().signal);
    if (view.endedAt !== undefined) return view;
    ({ rev } = view);
  }
}

/** The first view of a task, from its present one on, that fulfils a condition. */
export async function viewWhere(
  tasks: TaskService,
  taskId: string,
  condition: (view: TaskView) => boolean,
): Promise<TaskView> {
  for (let rev = 0; ;) {
    const view = await tasks.waitForChange(taskId, 'local', rev, new AbortController().signal);
    if (condition(view)) return view;
    if (view.endedAt !== undefined) throw new Error(`the task is ${view.status}: ${view.statusMessage}`);
    ({ rev } = view);
  }
}

/**
 * A store whose process may die or be paused: of a dead one nothing reaches the data any more, and no call ever comes
 * back.
 */
class MortalStore implements TaskStore {
  readonly #inner: TaskStore;
  #dead = false;
  #paused: Promise<void> | undefined;

  constructor(inner: TaskStore) {
    this.#inner = inner;
  }

  kill(): void {
    this.#dead = true;
  }

  /** Holds every call from now on, until the returned function is called. */
  pause(): () => void {
    let resume: () => void = () => undefined;
    this.#paused = new Promise((resolve) => {
      resume = resolve;
    });
    return resume;
  }

  get(key: string): ReturnType<TaskStore['get']> {
    return this.#alive(() => this.#inner.get(key));
  }

  getMany(keys: readonly string[]): ReturnType<TaskStore['getMany']> {
    return this.#alive(() => this.#inner.getMany(keys));
  }

  range(query: Parameters<TaskStore['range']>[0]): ReturnType<TaskStore['range']> {
    return this.#alive(() => this.#inner.range(query));
  }

  commit(batch: Parameters<TaskStore['commit']>[0]): ReturnType<TaskStore['commit']> {
    return this.#alive(() => this.#inner.commit(batch));
  }

  changeCounter(): Promise<number> {
    return this.#alive(() => this.#inner.changeCounter());
  }

  probe(): Promise<void> {
    return this.#alive(() => this.#inner.probe());
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #alive<T>(act: () => Promise<T>): Promise<T> {
    await this.#paused;
    if (this.#dead) return new Promise(() => undefined);
    const result = await act();
    return this.#dead ? new Promise(() => undefined) : result;
  }
}
