import type { JsonValue } from '../core/json.ts';
import type { TaskContext } from './context.ts';
import { bell, cancel } from './ending.ts';
import { keys, lastPart, under } from './keys.ts';
import { eachOf } from './loop.ts';
import { loadRecord, loadRecords, runnerOf, viewOf } from './record.ts';
import type { TaskRecord } from './record.ts';
import { refusing, refusingChange } from './refusal.ts';
import { checkResponse } from './responses.ts';
import { TaskError } from './task.ts';
import type { TaskView } from './task.ts';
import type { TaskReads } from './task-reads.ts';
import type { TaskRuns } from './task-runs.ts';
import type { Applied, Written } from './task-writer.ts';
import { transition } from './transition.ts';
import { scanPages } from '../store/scan.ts';

/** Children of one task that are cancelled at the same time. */
const CANCELLED_AT_ONCE = 250;
const CHILDREN_PAGE = 1000;

/**
 * What is done to a task from outside its run, wherever it runs: cancels and answers. A run in another process hears of
 * it by its bell.
 */
export class OutsideChanges {
  readonly #context: TaskContext;
  readonly #reads: TaskReads;
  readonly #runs: TaskRuns;

  constructor(context: TaskContext, reads: TaskReads, runs: TaskRuns) {
    this.#context = context;
    this.#reads = reads;
    this.#runs = runs;
  }

  /** `TaskService.cancel`. */
  async cancel(taskId: string, principal: string, reason = 'cancelled on request'): Promise<TaskView> {
    const { record } = await this.#change(taskId, principal, (before, now) => {
      if (before.state.kind === 'ended')
        throw new TaskError('already_terminal', `the task is already ${before.state.status}`);
      return cancel(before, reason, now);
    });
    await this.cancelChildren(taskId, reason);
    return viewOf(record);
  }

  /** `TaskService.respond`. */
  async respond(taskId: string, principal: string, key: string, response: JsonValue): Promise<'accepted' | 'ignored'> {
    let accepted = false;
    await this.#change(taskId, principal, (before, now) => {
      const input = before.state.kind === 'open' ? before.state.inputs.find((one) => one.key === key) : undefined;
      // A question that stands is answered, whatever the clock says: whoever asked takes it away when its time is over.
      accepted =
        input !== undefined && !(before.expiresAt !== null && before.expiresAt <= this.#context.retention.now());
      if (!accepted || input === undefined) return { record: before };
      checkResponse(input, response);
      return {
        record: transition(before, { type: 'input_closed', keys: [key] }, now),
        entries: [{ type: 'input_answered', key, response }],
      };
    });
    return accepted ? 'accepted' : 'ignored';
  }

  /** Cancels the children that a task has now, and theirs. */
  async cancelChildren(parent: string, reason: string): Promise<void> {
    const { store, reportDamage } = this.#context;
    await refusing(async () => {
      for await (const page of scanPages(store, under(keys.children(parent)), CHILDREN_PAGE)) {
        // At once: the commits share transactions, and a tree that still grows is stopped faster than it grows.
        await eachOf(page, CANCELLED_AT_ONCE, async ({ key }) => {
          // A damaged one is reported and keeps nobody from being cancelled.
          const [child] = await loadRecords(store, [lastPart(key)], reportDamage);
          if (child?.record.state.kind !== 'open') return;
          await this.#cancelIfOpen(child.record.id, child.record.principal, reason);
        });
      }
    });
  }

  /** Cancels a task that a newer call of its workflow replaces. */
  giveWay(id: string, principal: string): Promise<void> {
    return this.#cancelIfOpen(id, principal, 'a newer call takes its place');
  }

  /**
   * A creation that nobody was told of, as the store failed. If it was made all the same, it runs where its idempotency
   * key can find it, and else is taken back before it can run.
   */
  async withdraw(id: string, signal: AbortSignal): Promise<void> {
    const { health, store } = this.#context;
    await health.recovered();
    const marked = await health.patiently(() => loadRecord(store, id), signal);
    if (marked?.record.state.kind !== 'open' || marked.record.seq > 0) return;
    if (marked.record.idempotency !== undefined && runnerOf(marked.record) === this.#context.runnerId) {
      await this.#runs.startClaimed(marked);
      return;
    }
    await this.#runs.writerFor(marked).change({
      patient: true,
      apply: (record, now) =>
        record.state.kind === 'open' ? cancel(record, 'its creation was never acknowledged', now) : { record },
    });
  }

  async #cancelIfOpen(id: string, principal: string, reason: string): Promise<void> {
    try {
      await this.cancel(id, principal, reason);
    } catch (error) {
      if (!(error instanceof TaskError) || (error.code !== 'already_terminal' && error.code !== 'not_found'))
        throw error;
    }
  }

  /** Changes a task from outside its run, wherever it runs. */
  async #change(
    taskId: string,
    principal: string,
    apply: (record: TaskRecord, now: number) => Applied,
  ): Promise<Written> {
    const marked = await this.#reads.get(taskId, principal);
    const run = this.#runs.get(taskId);
    return refusingChange(async () => {
      const written = await (run?.writer ?? this.#runs.writerFor(marked)).change({
        patient: false,
        apply: (record, now) => {
          const applied = apply(record, now);
          const ours = run !== undefined && runnerOf(record) === this.#context.runnerId;
          if (ours || applied.record === record) return applied;
          return { ...applied, puts: [...(applied.puts ?? []), bell(record, applied.record)] };
        },
      });
      // It may have begun to run here meanwhile; our own commits ring no bell here.
      if (run === undefined) await this.#runs.get(taskId)?.writer.refresh();
      return written;
    });
  }
}
