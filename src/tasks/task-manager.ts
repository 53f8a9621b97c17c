import type { JsonValue } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import type { StoredEntry } from '../engine/journal.ts';
import { Admission } from './admission.ts';
import type { Admitted } from './admission.ts';
import { ChangeFeed } from './change-feed.ts';
import { ChildTasks } from './child-tasks.ts';
import type { ChildOperations } from './child-tasks.ts';
import type { TaskContext, TaskManagerDeps } from './context.ts';
import { DefinitionSnapshots } from './definition-snapshots.ts';
import { ForeignWatch, POLL_MS } from './foreign-watch.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { repeat } from './loop.ts';
import { machineProcesses } from './process-probe.ts';
import { IndexRepair } from './index-repair.ts';
import { loadRecord, runnerOf, viewOf } from './record.ts';
import type { MarkedRecord } from './record.ts';
import { OutsideChanges } from './outside-changes.ts';
import { RecoverySweep } from './recovery-sweep.ts';
import { refusing, refusingChange } from './refusal.ts';
import { notResumable, resumeChange } from './resume.ts';
import { RetentionClock } from './retention-clock.ts';
import { BEAT_MS, RunnerRegistry } from './runner-registry.ts';
import { SNAPSHOT_SWEEP_MS, SnapshotSweep } from './snapshot-sweep.ts';
import { StoreHealth } from './store-health.ts';
import { SWEEP_MS, Sweeper } from './sweeper.ts';
import type {
  CleanUpState,
  CreateTask,
  ListQuery,
  StepRow,
  TaskEvent,
  TaskInside,
  TaskService,
  TaskView,
} from './task.ts';
import { TaskReads } from './task-reads.ts';
import { TaskRuns } from './task-runs.ts';
import { StoreError } from '../store/task-store.ts';
import { GuardConflict } from './task-writer.ts';
import { TurnTickets } from './turn-tickets.ts';
import { Turns } from './turns.ts';

/** For readiness and metrics. Times are epoch milliseconds. */
export interface TaskHealth {
  readonly writable: boolean;
  /** Since when the store is writable, or not. */
  readonly since: number;
  /** Why it is not. */
  readonly reason?: string;
  /** Every task that was open at the start has been taken up or settled. */
  readonly recovered: boolean;
  /** Keys of damaged values that were met (D14), at most 100. */
  readonly damaged: readonly string[];
  /** Tasks that run in this process. */
  readonly running: number;
}

const MAX_DAMAGED = 100;

/**
 * The life of tasks. Several processes may share one store: each task is run by one of them (D6), and all of them
 * answer for every task. `start` before use, `close` after; the store is the caller's to close.
 */
export class TaskManager implements TaskService {
  readonly #context: TaskContext;
  readonly #reads: TaskReads;
  readonly #runs: TaskRuns;
  readonly #changes: OutsideChanges;
  readonly #tickets: TurnTickets;
  readonly #admission: Admission;
  readonly #registry: RunnerRegistry;
  readonly #recovery: RecoverySweep;
  readonly #repair: IndexRepair;
  readonly #watch: ForeignWatch;
  readonly #sweeper: Sweeper;
  readonly #stop = new AbortController();
  readonly #damaged = new Set<string>();
  #loops: readonly Promise<void>[] = [];
  #recovered = false;

  constructor(deps: TaskManagerDeps) {
    const { store, clock, logger, definitions, parseSnapshot } = deps;
    const health = new StoreHealth({ store, clock, logger });
    const shared: Omit<TaskContext, 'turns'> = {
      ...deps,
      limits: { ...DEFAULT_LIMITS, ...deps.limits },
      health,
      retention: new RetentionClock(clock),
      feed: new ChangeFeed(logger),
      snapshots: new DefinitionSnapshots({
        store,
        parse: parseSnapshot,
        current: (name) => definitions.get(name),
        reportDamage: (key, message) => this.#reportDamage(key, message),
      }),
      runnerId: deps.ids(),
      reportDamage: (key, message) => this.#reportDamage(key, message),
    };
    this.#context = { ...shared, turns: new Turns(shared, (id, principal) => this.#changes.giveWay(id, principal)) };
    this.#tickets = new TurnTickets(this.#context);
    this.#reads = new TaskReads(this.#context);
    const operations = this.#childOperations();
    this.#runs = new TaskRuns(this.#context, {
      childrenOf: (run) => new ChildTasks(run, operations),
      orphaned: (parent) => this.#changes.cancelChildren(parent, 'its parent has ended'),
    });
    this.#changes = new OutsideChanges(this.#context, this.#reads, this.#runs);
    this.#admission = new Admission(this.#context, this.#runs, this.#tickets, (id) =>
      this.#changes.withdraw(id, this.#stop.signal),
    );
    this.#registry = new RunnerRegistry({ ...this.#context, processes: deps.processes ?? machineProcesses() });
    this.#recovery = new RecoverySweep(this.#context, this.#registry, this.#runs);
    this.#repair = new IndexRepair(this.#context);
    this.#watch = new ForeignWatch(this.#context, this.#runs, (id) => this.#recovery.takeUp(id));
    this.#sweeper = new Sweeper(this.#context, this.#runs);
  }

  /**
   * Registers this process and, with claims `all`, takes up every open task that nobody runs; resolves when all are
   * taken (they run in the background). Rejects with `StoreError` when the store cannot be written at the start.
   */
  async start(): Promise<void> {
    const { claims, store, clock, logger } = this.#context;
    if (claims !== 'none') {
      await store.probe();
      await this.#registry.beat();
    }
    if (claims === 'all') await this.#recovery.sweep();
    this.#recovered = true;
    const deps = { clock, logger, signal: this.#stop.signal };
    const loops = [repeat(deps, 'other processes', POLL_MS, () => this.#watch.round())];
    if (claims !== 'none') loops.push(repeat(deps, 'beat', BEAT_MS, () => this.#registry.beat()));
    if (claims === 'all') {
      loops.push(repeat(deps, 'recovery', BEAT_MS, () => this.#recover()));
      loops.push(repeat(deps, 'sweeper', SWEEP_MS, () => this.#sweeper.round()));
      const snapshots = new SnapshotSweep(this.#context);
      loops.push(repeat(deps, 'unused definitions', SNAPSHOT_SWEEP_MS, () => snapshots.round()));
    }
    this.#loops = loops;
  }

  /**
   * Stops every run and leaves its task open for the next start, or for another process. Resolves when all have let go,
   * at the latest after ten seconds.
   */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#context.health.stop();
    await Promise.all(this.#loops);
    // A process with its own tasks alone may come and go between two looks of a server, which would not miss it. A
    // server that leaves is missed, and may leave very many.
    const left = this.#context.claims === 'own' ? this.#runs.ids() : [];
    const free = await this.#runs.close();
    // While something of ours may still do something, our row says so; the others take over once the process is gone.
    if (this.#context.claims === 'none' || !free) return;
    try {
      await this.#registry.release(left);
    } catch (error) {
      // The row stays; the others see that the process is gone.
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** How it stands, for `/readyz`, metrics and the log. */
  health(): TaskHealth {
    return {
      ...this.#context.health.state,
      recovered: this.#recovered,
      damaged: [...this.#damaged],
      running: this.#runs.open,
    };
  }

  async isRun(taskId: string, principal: string): Promise<boolean> {
    const { record } = await this.#reads.get(taskId, principal);
    const runner = runnerOf(record);
    if (record.state.kind === 'ended' || runner === null) return false;
    return (await refusing(() => this.#registry.states())).get(runner) === 'alive';
  }

  async create(request: CreateTask): Promise<TaskView> {
    return this.#begin(await this.#admission.admit(request));
  }

  get(taskId: string, principal: string): Promise<TaskView | undefined> {
    return this.#reads.view(taskId, principal);
  }

  list(query: ListQuery): Promise<{ readonly tasks: readonly TaskView[]; readonly nextCursor?: string }> {
    return this.#reads.list(query);
  }

  outcome(taskId: string, principal: string): Promise<Outcome | undefined> {
    return this.#reads.outcome(taskId, principal);
  }

  journal(taskId: string, principal: string, afterSeq = 0): Promise<readonly StoredEntry[]> {
    return this.#reads.journal(taskId, principal, afterSeq);
  }

  steps(taskId: string, principal: string): Promise<readonly StepRow[]> {
    return this.#reads.steps(taskId, principal);
  }

  inside(taskId: string, principal: string, path?: string): Promise<TaskInside> {
    return this.#reads.inside(taskId, principal, path);
  }

  cleanUp(taskId: string, principal: string): Promise<CleanUpState | undefined> {
    return this.#reads.cleanUp(taskId, principal);
  }

  cleanedUp(taskId: string, principal: string, signal: AbortSignal): Promise<void> {
    return this.#reads.cleanedUp(taskId, principal, signal);
  }

  waitForChange(taskId: string, principal: string, afterRev: number, signal: AbortSignal): Promise<TaskView> {
    return this.#reads.waitForChange(taskId, principal, afterRev, signal);
  }

  cancel(taskId: string, principal: string, reason?: string): Promise<TaskView> {
    return this.#changes.cancel(taskId, principal, reason);
  }

  respond(taskId: string, principal: string, key: string, response: JsonValue): Promise<'accepted' | 'ignored'> {
    return this.#changes.respond(taskId, principal, key, response);
  }

  async resume(
    taskId: string,
    principal: string,
    options: { readonly from?: string } = {},
  ): Promise<{ readonly view: TaskView; readonly warnings: readonly string[] }> {
    const marked = await this.#reads.get(taskId, principal);
    if (marked.record.state.kind === 'open')
      return { view: await this.#adopt(taskId, principal, options), warnings: [] };
    return refusingChange(() =>
      this.#tickets.exclusive(marked.record.workflow, () => this.#again(marked, options.from)),
    );
  }

  async #again(
    marked: MarkedRecord,
    from: string | undefined,
  ): Promise<{ readonly view: TaskView; readonly warnings: readonly string[] }> {
    const change = await resumeChange(this.#context, marked.record, from, this.#tickets);
    const writer = this.#runs.writerFor(marked);
    try {
      const { record } = await writer.change({ patient: false, apply: change.apply });
      if (this.#context.claims !== 'none') await this.#runs.startClaimed(writer.marked);
      return { view: viewOf(record), warnings: change.warnings };
    } catch (error) {
      // Another process has drawn the number of this task's place.
      if (error instanceof GuardConflict) return this.#again(marked, from);
      throw error;
    }
  }

  subscribe(listener: (event: TaskEvent) => void, taskId?: string): () => void {
    return this.#context.feed.subscribe(listener, taskId);
  }

  /** Takes up an open task that nobody runs; one that a living process runs is left to it (D6). */
  async #adopt(taskId: string, principal: string, options: { readonly from?: string }): Promise<TaskView> {
    if (options.from !== undefined) throw notResumable('it has not failed, so there is no step to choose');
    if (this.#context.claims === 'none' || this.#runs.get(taskId) !== undefined)
      throw notResumable('the task has not ended');
    await refusing(() => this.#recovery.takeUp(taskId));
    const { record } = await this.#reads.get(taskId, principal);
    const { runnerId } = this.#context;
    if (record.state.kind === 'open' && runnerOf(record) !== runnerId) throw notResumable('another process runs it');
    return viewOf(record);
  }

  /** Runs a task that was made just now; one that was found goes its own way. */
  #begin({ marked, given }: Admitted): TaskView {
    const view = viewOf(marked.record);
    if (given === undefined) return view;
    this.#context.feed.publish({ type: 'changed', view });
    if (this.#context.claims !== 'none') this.#runs.startNew(marked, given);
    return view;
  }

  #childOperations(): ChildOperations {
    return {
      health: this.#context.health,
      workflows: () => (this.#context.definitions.list?.() ?? []).map(({ definition }) => definition.name),
      createChild: async (request, id) => {
        // One that was started before goes on by its own snapshot, whatever has become of its definition since.
        const existing = await refusing(() => loadRecord(this.#context.store, id));
        const admitted = existing === undefined ? await this.#admission.admit(request, id) : { marked: existing };
        // Whoever ended the parent meanwhile has not seen this child: then nobody else cancels it.
        const parent = await refusing(() => loadRecord(this.#context.store, request.parent?.taskId ?? ''));
        if (parent?.record.state.kind !== 'open') {
          await this.#changes.cancelChildren(request.parent?.taskId ?? '', 'its parent has ended');
          return viewOf(admitted.marked.record);
        }
        const view = this.#begin(admitted);
        // Found again after a restart: it may have lost its process with its parent.
        if (admitted.given === undefined && view.endedAt === undefined) await refusing(() => this.#recovery.takeUp(id));
        return view;
      },
      resumeChild: async ({ taskId, principal }) => {
        await this.resume(taskId, principal);
      },
      respond: (taskId, principal, key, response) => this.respond(taskId, principal, key, response),
      waitForEnd: async (taskId, principal, signal, onView) => {
        for (let rev = 0; ;) {
          const view = await this.waitForChange(taskId, principal, rev, signal);
          onView(view);
          const outcome = view.endedAt === undefined ? undefined : await this.outcome(taskId, principal);
          if (outcome !== undefined) return outcome;
          ({ rev } = view);
        }
      },
    };
  }

  async #recover(): Promise<void> {
    await this.#recovery.check();
    if (await this.#repair.round()) await this.#recovery.sweep();
  }

  #reportDamage(key: string, message: string): void {
    this.#repair.noticed(key);
    if (this.#damaged.has(key) || this.#damaged.size >= MAX_DAMAGED) return;
    this.#damaged.add(key);
    this.#context.logger.error({ key, damage: message }, 'a stored value is damaged; it is left where it is');
  }
}
