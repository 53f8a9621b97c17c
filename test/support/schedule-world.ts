import { silentLogger } from '../../src/core/logger.ts';
import type { Definition, LoadedDefinition, Schedule } from '../../src/definition/model.ts';
import type { ScheduleMetrics } from '../../src/schedule/metrics.ts';
import { Scheduler } from '../../src/schedule/scheduler.ts';
import type { SchedulerDeps } from '../../src/schedule/scheduler.ts';
import { Schedules } from '../../src/schedule/schedules.ts';
import { MemoryData, MemoryTaskStore } from '../../src/store/memory-task-store.ts';
import { TaskError } from '../../src/tasks/task.ts';
import type { CreateTask, TaskEvent, TaskView } from '../../src/tasks/task.ts';
import { StoreError } from '../../src/store/task-store.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import { ManualClock } from './manual-clock.ts';

/** Definitions with schedules, which can change. */
export class ScheduledDefinitions {
  readonly #loaded = new Map<string, LoadedDefinition>();
  readonly #listeners = new Set<() => void>();

  /** Adds or replaces a workflow; without a schedule it has none. */
  set(name: string, schedule?: Schedule): void {
    const definition: Definition = {
      name,
      tags: [],
      variables: { input: {}, global: {}, saved: {} },
      input_schema: { type: 'object' },
      task: 'optional',
      strict: false,
      secrets: [],
      steps: [],
      conditionals: [],
      tests: [],
      ...(schedule !== undefined && { schedule }),
    };
    this.#loaded.set(name, { definition, digest: '', file: `${name}.yaml` });
    this.#tell();
  }

  remove(name: string): void {
    this.#loaded.delete(name);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  list(): readonly LoadedDefinition[] {
    return [...this.#loaded.values()];
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** A task that a schedule has begun. Times are epoch milliseconds. */
export interface Begun {
  readonly taskId: string;
  readonly request: CreateTask;
  readonly at: number;
  endsAt: number;
  cancelled: boolean;
}

/** Tasks as schedules see them: the same idempotency key gives the same task, each ends after a while by itself. */
export class ScheduledTasks {
  readonly begun: Begun[] = [];
  /** Creations by a key that was known already. */
  repeats = 0;
  /** Milliseconds a task of this workflow takes; default 1 000. */
  readonly durations = new Map<string, number>();
  /** Thrown instead of creating. */
  refuse: ((request: CreateTask) => Error | undefined) | undefined;
  /** Called when the task is made and before anybody hears of it. */
  afterCreate: (() => void) | undefined;
  /** Whether the end of a task is told at once, as by the process that runs it, or only seen by who looks. */
  announces = false;
  readonly #byKey = new Map<string, Begun>();
  readonly #byId = new Map<string, Begun>();
  readonly #listeners = new Set<(event: TaskEvent) => void>();
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  async create(request: CreateTask): Promise<TaskView> {
    const refusal = this.refuse?.(request);
    if (refusal !== undefined) throw refusal;
    const key = request.idempotencyKey === undefined ? undefined : `${request.workflow} ${request.idempotencyKey}`;
    const known = key === undefined ? undefined : this.#byKey.get(key);
    if (known !== undefined) {
      this.repeats += 1;
      return this.#view(known);
    }
    const at = this.#clock.now();
    const task: Begun = {
      taskId: `task-${this.begun.length + 1}`,
      request,
      at,
      endsAt: this.#clock.monotonic() + (this.durations.get(request.workflow) ?? 1000),
      cancelled: false,
    };
    this.begun.push(task);
    this.#byId.set(task.taskId, task);
    if (key !== undefined) this.#byKey.set(key, task);
    this.afterCreate?.();
    if (this.announces) {
      void this.#clock.sleep(task.endsAt - this.#clock.monotonic()).then(() => this.finish(task));
    }
    return this.#view(task);
  }

  async get(taskId: string): Promise<TaskView | undefined> {
    const task = this.#byId.get(taskId);
    return task === undefined ? undefined : this.#view(task);
  }

  async cancel(taskId: string): Promise<TaskView> {
    const task = this.#byId.get(taskId);
    if (task === undefined) throw new TaskError('not_found', 'no such task');
    if (task.endsAt <= this.#clock.monotonic()) throw new TaskError('already_terminal', 'it has ended');
    task.cancelled = true;
    task.endsAt = this.#clock.monotonic();
    return this.#view(task);
  }

  subscribe(listener: (event: TaskEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends a task now and says so. */
  finish(task: Begun): void {
    task.endsAt = this.#clock.monotonic();
    for (const listener of this.#listeners) listener({ type: 'changed', view: this.#view(task) });
  }

  /** The occurrences of a workflow that became tasks, in order of creation. */
  times(workflow: string): string[] {
    return this.begun
      .filter((task) => task.request.workflow === workflow)
      .map((task) => (task.request.scheduleTime ?? '').replace(/(?::00)?\.000Z$/, 'Z'));
  }

  #view(task: Begun): TaskView {
    const ended = task.endsAt <= this.#clock.monotonic();
    return {
      taskId: task.taskId,
      workflow: task.request.workflow,
      digest: '',
      principal: task.request.principal,
      status: ended ? (task.cancelled ? 'cancelled' : 'completed') : 'working',
      statusMessage: '',
      percent: 0,
      phases: [],
      createdAt: task.at,
      lastUpdatedAt: task.at,
      ...(ended && { endedAt: task.at }),
      ttl: null,
      pollInterval: 1000,
      inputs: [],
      ...(task.request.scheduleTime !== undefined && { scheduleTime: task.request.scheduleTime }),
      rev: 1,
      warnings: [],
    };
  }
}

/** How often servers of a test look around; the real ones do it every five seconds. */
export const TEST_NAP_MS = 60_000;

/** A data folder, a clock and tasks, with as many servers on them as a test starts. */
export class ScheduleWorld {
  readonly clock: ManualClock;
  readonly data = new MemoryData();
  readonly definitions = new ScheduledDefinitions();
  readonly tasks: ScheduledTasks;
  readonly #servers: Scheduler[] = [];

  constructor(start = '2026-01-01T00:00:00Z') {
    this.clock = new ManualClock({ now: Date.parse(start) });
    this.tasks = new ScheduledTasks(this.clock);
  }

  /** A server's scheduler, running. `store`: its own view of the data. */
  async serve(
    options: { store?: TaskStore; definitions?: ScheduledDefinitions; napMs?: number; metrics?: ScheduleMetrics } = {},
  ): Promise<Scheduler> {
    const deps: SchedulerDeps = {
      store: options.store ?? new MemoryTaskStore(this.data),
      tasks: this.tasks,
      definitions: options.definitions ?? this.definitions,
      clock: this.clock,
      logger: silentLogger,
      napMs: options.napMs ?? TEST_NAP_MS,
      ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
    };
    const scheduler = new Scheduler(deps);
    scheduler.start();
    this.#servers.push(scheduler);
    await this.clock.advance(0);
    return scheduler;
  }

  /** The operator's view, from another process. */
  desk(definitions = this.definitions): Schedules {
    return new Schedules({ store: new MemoryTaskStore(this.data), tasks: this.tasks, definitions, clock: this.clock });
  }

  /** Lets time pass until this moment. */
  async until(time: string): Promise<void> {
    // What has just changed is noticed before time passes.
    await this.clock.advance(0);
    await this.clock.advance(Date.parse(time) - this.clock.now());
  }

  /** Time passes without any server. */
  async down(scheduler: Scheduler, until: string): Promise<void> {
    await scheduler.close();
    await this.until(until);
  }

  async close(): Promise<void> {
    for (const server of this.#servers) await server.close();
  }
}

/** A store that fails when told to, as one whose disk is full or whose process dies. */
export class FailingStore extends MemoryTaskStore {
  /** Thrown by every commit. */
  failure: Error | undefined;
  /** The process dies at this commit (1 = the next), before it is made or after. */
  diesAt: { readonly commit: number; readonly made: boolean } | undefined;
  commits = 0;

  override async commit(batch: Parameters<TaskStore['commit']>[0]): ReturnType<TaskStore['commit']> {
    if (this.failure !== undefined) throw this.failure;
    this.commits += 1;
    if (this.commits !== this.diesAt?.commit) return super.commit(batch);
    this.failure = new StoreError('io', 'the process is dead');
    if (this.diesAt.made) await super.commit(batch);
    throw this.failure;
  }
}
