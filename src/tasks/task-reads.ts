import { isJsonObject } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import type { StoredEntry } from '../engine/journal.ts';
import { isOver } from './admission.ts';
import { isNews } from './change-feed.ts';
import { cleanedUp, cleanUpState } from './clean-up-state.ts';
import type { TaskContext } from './context.ts';
import { isTaskId, keys } from './keys.ts';
import { listTasks } from './listing.ts';
import { loadRecord, objectOf, viewOf } from './record.ts';
import type { MarkedRecord, TaskRecord } from './record.ts';
import { notFound, refusing } from './refusal.ts';
import { loadEntries } from './run-journal.ts';
import { stepTable } from './step-table.ts';
import { taskInside } from './task-inside.ts';
import type { CleanUpState, ListQuery, Principal, StepRow, TaskInside, TaskView } from './task.ts';
import { DamagedValueError } from '../store/task-store.ts';

/** The part of `TaskService` that looks and changes nothing. A task is there for its principal alone. */
export class TaskReads {
  readonly #context: TaskContext;
  /** A record that has not changed is the same object when it is read again. */
  readonly #views = new WeakMap<TaskRecord, TaskView>();

  constructor(context: TaskContext) {
    this.#context = context;
  }

  async view(taskId: string, principal: Principal): Promise<TaskView | undefined> {
    const marked = await this.find(taskId, principal);
    return marked && this.#view(marked.record);
  }

  #view(record: TaskRecord): TaskView {
    const known = this.#views.get(record) ?? viewOf(record);
    this.#views.set(record, known);
    return known;
  }

  list(query: ListQuery): Promise<{ readonly tasks: readonly TaskView[]; readonly nextCursor?: string }> {
    return this.#refusing(() => listTasks(this.#context, query));
  }

  async outcome(taskId: string, principal: Principal): Promise<Outcome | undefined> {
    const { record } = await this.get(taskId, principal);
    if (record.state.kind === 'open') return undefined;
    return this.#refusing(async () => {
      const stored = await this.#context.store.get(keys.outcome(taskId));
      if (stored === undefined) {
        // A resume takes it away, as does the end of the ttl.
        const now = await this.get(taskId, principal);
        if (now.record.rev !== record.rev) return this.outcome(taskId, principal);
        throw new DamagedValueError(
          keys.outcome(taskId),
          `${keys.outcome(taskId)}: missing, though the task has ended`,
        );
      }
      // Written by `ending` and unchanged since (checksum).
      return stored.value as unknown as Outcome;
    });
  }

  async journal(taskId: string, principal: Principal, afterSeq = 0): Promise<readonly StoredEntry[]> {
    await this.get(taskId, principal);
    return this.#refusing(async () => {
      const { entries, damaged } = await loadEntries(this.#context.store, taskId, afterSeq);
      // One whose ttl is over is being removed: nothing of it is missing.
      if (damaged.length > 0) await this.get(taskId, principal);
      for (const key of damaged) this.#context.reportDamage(key, `${key}: a journal entry is damaged or missing`);
      return entries;
    });
  }

  async steps(taskId: string, principal: Principal): Promise<readonly StepRow[]> {
    const { record } = await this.get(taskId, principal);
    const journal = await this.journal(taskId, principal);
    if (record.state.kind === 'open') return stepTable(journal, false);
    const cleanUp = await this.#refusing(() => cleanUpState(this.#context, taskId));
    return stepTable(journal, true, cleanUp?.status === 'working');
  }

  async inside(taskId: string, principal: Principal, path?: string): Promise<TaskInside> {
    const { record } = await this.get(taskId, principal);
    const { store, snapshots } = this.#context;
    const journal = await this.journal(taskId, principal);
    return this.#refusing(async () => {
      const args = await store.get(keys.args(taskId));
      const definition = await snapshots.load(record.workflow, record.digest);
      const given = args === undefined ? {} : objectOf(args)['arguments'];
      return taskInside(journal, isJsonObject(given) ? given : {}, definition?.secrets ?? [], path);
    });
  }

  async cleanUp(taskId: string, principal: Principal): Promise<CleanUpState | undefined> {
    await this.get(taskId, principal);
    return this.#refusing(() => cleanUpState(this.#context, taskId));
  }

  async cleanedUp(taskId: string, principal: Principal, signal: AbortSignal): Promise<void> {
    await this.get(taskId, principal);
    await this.#refusing(() => cleanedUp(this.#context, taskId, signal));
  }

  async waitForChange(taskId: string, principal: Principal, afterRev: number, signal: AbortSignal): Promise<TaskView> {
    signal.throwIfAborted();
    // First listen, then look: nothing is missed in between.
    const { news, leave } = this.#context.feed.wait(taskId, afterRev, signal);
    news.catch(() => undefined);
    try {
      const view = viewOf((await this.get(taskId, principal)).record);
      return isNews(view, afterRev) ? view : await news;
    } finally {
      leave();
    }
  }

  /** `undefined`: no task of this principal. Rejects with `TaskError('store_unavailable')`. */
  async find(taskId: string, principal: Principal): Promise<MarkedRecord | undefined> {
    if (!isTaskId(taskId)) return undefined;
    const marked = await this.#refusing(() => loadRecord(this.#context.store, taskId));
    if (marked?.record.principal !== principal || isOver(marked.record, this.#context.retention.now()))
      return undefined;
    return marked;
  }

  /** As `find`, rejecting with `not_found`. */
  async get(taskId: string, principal: Principal): Promise<MarkedRecord> {
    const marked = await this.find(taskId, principal);
    if (marked === undefined) throw notFound();
    return marked;
  }

  /** What a read needs and finds damaged is reported, whoever asked (D14). */
  #refusing<T>(act: () => Promise<T>): Promise<T> {
    return refusing(async () => {
      try {
        return await act();
      } catch (error) {
        if (error instanceof DamagedValueError) this.#context.reportDamage(error.key, error.message);
        throw error;
      }
    });
  }
}
