import { messageOf } from '../core/failure.ts';
import type { Children } from '../engine/ports.ts';
import type { Given } from './admission.ts';
import { CleanUps } from './clean-up.ts';
import type { TaskContext } from './context.ts';
import { failFromOutside } from './ending.ts';
import { OpenRun } from './open-run.ts';
import type { RunStart, RunStop } from './open-run.ts';
import { keys } from './keys.ts';
import { viewOf } from './record.ts';
import type { MarkedRecord, TaskRecord } from './record.ts';
import { loadEntries } from './run-journal.ts';
import { TaskWriter } from './task-writer.ts';

/** What a run needs to have children, and what becomes of those it leaves behind. */
export interface ChildKeeper {
  childrenOf(run: OpenRun): Children;
  /** The run has ended: children that are still open are cancelled. */
  orphaned(parent: string): Promise<void>;
}

/** How long a shutdown waits for runs that do not let go. */
const LET_GO_MS = 10_000;

/** The runs of this process. */
export class TaskRuns {
  readonly #context: TaskContext;
  readonly #keeper: ChildKeeper;
  readonly #runs = new Map<string, OpenRun>();
  readonly #openOf = new Map<string, number>();
  readonly #after = new Set<Promise<void>>();
  readonly cleanUps: CleanUps;
  #closed = false;

  constructor(context: TaskContext, keeper: ChildKeeper) {
    this.#context = context;
    this.#keeper = keeper;
    this.cleanUps = new CleanUps(context);
  }

  get open(): number {
    return this.#runs.size;
  }

  /** The tasks that run here now. */
  ids(): readonly string[] {
    return [...this.#runs.keys()];
  }

  openOf(principal: string): number {
    return this.#openOf.get(principal) ?? 0;
  }

  get(id: string): OpenRun | undefined {
    return this.#runs.get(id);
  }

  /** A writer for a task that this process does not run, for one change by somebody from outside. */
  writerFor(marked: MarkedRecord): TaskWriter {
    const { store, clock, health, feed } = this.#context;
    return new TaskWriter(marked, {
      store,
      clock,
      health,
      onCommitted: (record) => feed.publish({ type: 'changed', view: viewOf(record) }),
    });
  }

  /** Runs a task that was just created for this process: its journal is empty, and nothing of it need be read. */
  startNew(marked: MarkedRecord, given: Given): void {
    const { id, workflow } = marked.record;
    this.#context.logger.info({ taskId: id, workflow }, 'a task begins');
    this.#start(marked, { entries: [], given });
  }

  /**
   * Runs a task that this process has claimed, with the journal it has. A damaged journal fails the task, and it alone
   * (D14). `wasRun`: by an earlier process.
   */
  async startClaimed(marked: MarkedRecord, wasRun = false): Promise<void> {
    const { store, health, reportDamage } = this.#context;
    const { id } = marked.record;
    const { entries: found, damaged } = await health.patiently(() => loadEntries(store, id));
    // What was written after the record was read is no damage; the run learns of it when it refreshes.
    const entries = found.filter(({ seq }) => seq <= marked.record.seq);
    const gap = entries.length !== marked.record.seq;
    if (damaged.length === 0 && !gap) {
      this.#start(marked, { entries, wasRun });
      // Somebody may have cancelled or answered since the record was read, and rung for a run that was not there yet.
      await this.#runs.get(id)?.writer.refresh();
      return;
    }
    const missing = damaged.length === 0 ? [keys.entry(id, entries.length + 1)] : damaged;
    for (const key of missing) reportDamage(key, `${key}: a journal entry is damaged or missing`);
    const failure = { code: 'interrupted', message: 'the journal of this task is damaged' };
    await this.writerFor(marked).change({
      patient: true,
      apply: (record, now) => failFromOutside(record, failure, now),
    });
    await this.cleanUps.take(id);
  }

  /**
   * Stops all runs; their tasks stay open for the next start. Resolves when everything has let go: true; or, when
   * something ignores its abort, after ten seconds: false. What goes on then is fenced, or cut off by the end of the
   * process.
   */
  async close(): Promise<boolean> {
    this.#closed = true;
    const runs = [...this.#runs.values()];
    for (const run of runs) run.abort('shutdown');
    const { clock, logger } = this.#context;
    const over = new AbortController();
    const late = clock.sleep(LET_GO_MS, over.signal).then(
      () => false,
      () => true,
    );
    const inTime = await Promise.race([this.#letGo(runs), late]);
    over.abort();
    if (!inTime) {
      logger.error({ taskIds: [...this.#runs.keys()].slice(0, 10), running: this.open }, 'runs ignore the shutdown');
    }
    return inTime;
  }

  async #letGo(runs: readonly OpenRun[]): Promise<true> {
    const cleanUps = this.cleanUps.close();
    await Promise.all(runs.map((run) => run.stopped));
    await Promise.all(runs.map((run) => run.writer.idle()));
    while (this.#after.size > 0) await Promise.all(this.#after);
    await cleanUps;
    await this.cleanUps.close();
    return true;
  }

  #start(marked: MarkedRecord, start: Omit<RunStart, 'children'>): void {
    const { id, principal } = marked.record;
    if (this.#closed || this.#runs.has(id)) return;
    const run = new OpenRun(this.#context, marked, {
      ...start,
      children: (started) => this.#keeper.childrenOf(started),
    });
    this.#runs.set(id, run);
    this.#openOf.set(principal, this.openOf(principal) + 1);
    const after = run.stopped.then((stop) => this.#stopped(run, stop)).finally(() => this.#after.delete(after));
    this.#after.add(after);
  }

  async #stopped(run: OpenRun, stop: RunStop): Promise<void> {
    const { id, principal } = run;
    this.#runs.delete(id);
    const open = this.openOf(principal) - 1;
    if (open > 0) this.#openOf.set(principal, open);
    else this.#openOf.delete(principal);
    if (stop === 'left') return;
    this.#logEnd(run.writer.record);
    try {
      if (run.mayHaveChildren) await this.#keeper.orphaned(id);
      if (stop === 'cancelled' && !this.#closed) await this.cleanUps.take(id);
    } catch (error) {
      // The next recovery sweep finds what is left: the clean-up row, and children whose parent has ended.
      this.#context.logger.warn({ taskId: id, error: messageOf(error) }, 'a stopped task could not be cleaned up yet');
    }
  }

  #logEnd({ id, workflow, state, createdAt }: TaskRecord): void {
    if (state.kind === 'open') return;
    const { status, at, failure } = state;
    const why =
      failure === undefined ? {} : { code: failure.code, ...(failure.step !== undefined && { step: failure.step }) };
    const fields = { taskId: id, workflow, status, ms: Math.max(0, at - createdAt), ...why };
    this.#context.logger.info(fields, 'a task has ended');
  }
}
