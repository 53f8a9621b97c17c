import { Interruption, messageOf, StepFailure } from '../core/failure.ts';
import { isJsonObject } from '../core/json.ts';
import type { JournalEntry, StoredEntry } from '../engine/journal.ts';
import type { CleanUpReport, RunPorts } from '../engine/ports.ts';
import type { TaskContext } from './context.ts';
import { placeOf } from './ending.ts';
import { fencedDownstream } from './fenced-downstream.ts';
import { fencedModels } from './fenced-models.ts';
import { JournalState } from './journal-state.ts';
import { keys } from './keys.ts';
import { asJson, loadRecord, objectOf, viewOf } from './record.ts';
import type { TaskRecord } from './record.ts';
import { loadEntries, RunJournal } from './run-journal.ts';
import { DamagedValueError, StoreError } from '../store/task-store.ts';

/** The row that says who cleans up after a task that was ended from outside. */
export interface CleanUpRow {
  readonly runner: string | null;
  readonly epoch: number;
  /** Entries in the task's journal. */
  readonly seq: number;
}

/** The door for clean-up rows. */
export function cleanUpRowOf(value: unknown): CleanUpRow {
  const row = isJsonObject(value) ? value : {};
  return {
    runner: typeof row['runner'] === 'string' ? row['runner'] : null,
    epoch: Number(row['epoch']),
    seq: Number(row['seq']),
  };
}

/**
 * Appends to the journal of a task that has ended. Its record's bytes stay as they are (T3, D9): ownership and length
 * of the journal live in the clean-up row, which guards every write.
 */
class CleanUpJournal {
  readonly #context: TaskContext;
  readonly #id: string;
  readonly #state: JournalState;
  #row: CleanUpRow;
  #mark: string;
  /** When the last entry was written: a journal is in the order of its times. */
  #latest: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: TaskContext, id: string, state: JournalState, row: CleanUpRow, mark: string, latest: number) {
    this.#context = context;
    this.#id = id;
    this.#state = state;
    this.#row = row;
    this.#mark = mark;
    this.#latest = latest;
  }

  append(entries: readonly JournalEntry[]): Promise<readonly StoredEntry[]> {
    const appended = this.#last.then(() => this.#append(entries));
    this.#last = appended.catch(() => undefined);
    return appended;
  }

  /** Rejects with `Interruption` when another process cleans up after this task now. */
  async stillOurs(): Promise<void> {
    await this.#last;
    const found = await this.#context.health.patiently(() => this.#context.store.get(keys.clean(this.#id)));
    const { runner, epoch } = cleanUpRowOf(found?.value);
    if (runner !== this.#row.runner || epoch !== this.#row.epoch) throw new Interruption('fenced');
  }

  /**
   * Removes the row, since nothing is left to do, and with it what the task still held; leaves the report of what was
   * done.
   */
  async done(report: CleanUpReport | undefined, frees: readonly string[]): Promise<void> {
    await this.#last;
    const key = keys.clean(this.#id);
    const puts = report === undefined ? [] : [{ key: keys.cleaned(this.#id), value: asJson(report) }];
    await this.#context.health.patiently(() =>
      this.#context.store.commit({ guards: [{ key, mark: this.#mark }], puts, deletes: [key, ...frees] }),
    );
  }

  async #append(entries: readonly JournalEntry[]): Promise<readonly StoredEntry[]> {
    const { store, clock, health } = this.#context;
    const at = Math.max(clock.now(), this.#latest);
    const stored = entries.map((entry, index) => ({ ...entry, seq: this.#row.seq + 1 + index, at }));
    const row = { ...this.#row, seq: this.#row.seq + entries.length };
    const key = keys.clean(this.#id);
    const wanted = JSON.stringify(row);
    await health.patiently(async () => {
      const found = await store.get(key);
      if (found !== undefined && JSON.stringify(found.value) === wanted) {
        this.#mark = found.mark;
        return;
      }
      const result = await store.commit({
        guards: [{ key, mark: this.#mark }],
        puts: [
          { key, value: asJson(row) },
          ...stored.map((entry) => ({ key: keys.entry(this.#id, entry.seq), value: asJson(entry) })),
        ],
        deletes: [],
      });
      if (!result.ok) throw new Interruption('fenced');
      this.#mark = result.marks[0] ?? '';
    });
    this.#row = row;
    this.#latest = at;
    for (const entry of stored) this.#state.add(entry);
    return stored;
  }
}

/** Cleans up after tasks that were cancelled or expired: compensations and `finally` of what had run. */
export class CleanUps {
  readonly #context: TaskContext;
  readonly #running = new Map<string, { readonly controller: AbortController; readonly done: Promise<void> }>();

  constructor(context: TaskContext) {
    this.#context = context;
  }

  /**
   * Takes the clean-up of a task, if there is one and it is this process's (or, with `from`, that of the dead runner
   * `from`), and does it in the background. The run of the task must have stopped.
   */
  async take(id: string, from?: string | null): Promise<void> {
    if (this.#running.has(id)) return;
    const { store, runnerId } = this.#context;
    const key = keys.clean(id);
    const stored = await store.get(key);
    if (stored === undefined) return;
    let row = cleanUpRowOf(stored.value);
    let { mark } = stored;
    if (row.runner !== runnerId) {
      if (from === undefined || row.runner !== from) return;
      row = { ...row, runner: runnerId, epoch: row.epoch + 1 };
      const claimed = await store.commit({ guards: [{ key, mark }], puts: [{ key, value: asJson(row) }], deletes: [] });
      if (!claimed.ok) return;
      mark = claimed.marks[0] ?? '';
    }
    if (this.#running.has(id)) return;
    const controller = new AbortController();
    const done = this.#cleanUp(id, row, mark, controller.signal)
      .catch((error: unknown) => this.#gaveUp(id, error))
      .finally(() => this.#running.delete(id));
    this.#running.set(id, { controller, done });
  }

  /** Stops all; what is unfinished goes on at the next start. */
  async close(): Promise<void> {
    for (const { controller } of this.#running.values()) controller.abort(new Interruption('shutdown'));
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  async #cleanUp(id: string, row: CleanUpRow, mark: string, signal: AbortSignal): Promise<void> {
    const { store, snapshots, runner, health, reportDamage } = this.#context;
    const found = await health.patiently(() => loadRecord(store, id), signal);
    const { entries, damaged } = await health.patiently(() => loadEntries(store, id), signal);
    for (const key of damaged) reportDamage(key, 'damaged');
    const state = new JournalState(entries);
    const journal = new CleanUpJournal(this.#context, id, state, row, mark, entries.at(-1)?.at ?? 0);
    const definition = found && (await snapshots.load(found.record.workflow, found.record.digest));
    let report: CleanUpReport | undefined;
    // What had run, and so what would have to be undone, is not known.
    if (damaged.length > 0)
      report = { undone: [], warnings: ['the journal of this task is damaged: nothing was undone'] };
    if (found !== undefined && definition !== undefined && damaged.length === 0) {
      const ports = this.#ports(found.record, state, journal, signal);
      if (runner.needsCleanUp(definition, ports.journal)) {
        try {
          report = await runner.cleanUp(definition, await this.#task(found.record), ports, signal);
        } catch (error) {
          if (signal.aborted || error instanceof Interruption) throw error;
          this.#context.logger.error({ taskId: id, error: messageOf(error) }, 'a clean-up failed');
          report = { undone: [], warnings: [`the clean-up failed: ${messageOf(error)}`] };
        }
      }
    }
    await journal.done(report, found === undefined ? [] : placeOf(found.record));
    if (found !== undefined) this.#context.feed.publish({ type: 'changed', view: viewOf(found.record) });
  }

  #gaveUp(id: string, reason: unknown): void {
    if (reason instanceof Interruption) return;
    if (reason instanceof DamagedValueError) {
      this.#context.reportDamage(reason.key, reason.message);
      return;
    }
    this.#context.logger.error({ taskId: id, error: messageOf(reason) }, 'a clean-up stopped');
  }

  async #task(record: TaskRecord): Promise<Parameters<TaskContext['runner']['cleanUp']>[1]> {
    const stored = await this.#context.store.get(keys.args(record.id));
    if (stored === undefined) throw new StoreError('io', 'the arguments are missing');
    const row = objectOf(stored);
    const { saved, arguments: input } = row;
    return {
      taskId: record.id,
      createdAt: record.createdAt,
      input: isJsonObject(input) ? input : {},
      saved: isJsonObject(saved) ? saved : {},
      ...(record.scheduleTime !== undefined && { scheduleTime: record.scheduleTime }),
      depth: record.depth,
    };
  }

  #ports(record: TaskRecord, state: JournalState, journal: CleanUpJournal, signal: AbortSignal): RunPorts {
    const { clock, random, downstream, models, feed, limits } = this.#context;
    const refuse = (code: string, message: string): Promise<never> =>
      signal.aborted ? Promise.reject(signal.reason) : Promise.reject(new StepFailure({ code, message }));
    return {
      clock,
      random,
      downstream: fencedDownstream(downstream, () => journal.stillOurs()),
      ...(models === undefined ? {} : { models: fencedModels(models, () => journal.stillOurs()) }),
      journal: new RunJournal(state, (entries) => journal.append(entries), limits),
      input: {
        ask: () => refuse('input_cancelled', 'nobody is asked while a task is cleaned up'),
        canAsk: () => false,
        samples: () => false,
      },
      children: {
        start: () => refuse('child_failed', 'no workflow is started while a task is cleaned up'),
        outcome: () => refuse('child_failed', 'no workflow is started while a task is cleaned up'),
      },
      progress: {
        update: () => undefined,
        emit: (event) => feed.publish({ type: 'message', taskId: record.id, principal: record.principal, ...event }),
      },
    };
  }
}
