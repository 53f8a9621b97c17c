import { Interruption, messageOf, StepFailure } from '../core/failure.ts';
import type { JsonObject } from '../core/json.ts';
import { isJsonObject } from '../core/json.ts';
import type { Definition } from '../definition/model.ts';
import type { StoredEntry } from '../engine/journal.ts';
import type { Children, RunEnd, RunPorts, RunTask } from '../engine/ports.ts';
import type { Given } from './admission.ts';
import type { TaskContext } from './context.ts';
import { fencedDownstream } from './fenced-downstream.ts';
import { fencedModels } from './fenced-models.ts';
import { failedOutcome, settle } from './ending.ts';
import { TaskInputs } from './input-gate.ts';
import { JournalState } from './journal-state.ts';
import { KeptResults } from './kept-results.ts';
import { keys } from './keys.ts';
import { RunProgressSink } from './progress.ts';
import { objectOf, viewOf } from './record.ts';
import type { MarkedRecord, TaskRecord } from './record.ts';
import { loadEntries, RunJournal } from './run-journal.ts';
import { savedValues } from './saved-values.ts';
import { DamagedValueError } from '../store/task-store.ts';
import type { Batch } from '../store/task-store.ts';
import { assertOwned, TaskWriter } from './task-writer.ts';
import type { Applied, DatedEntry } from './task-writer.ts';
import { transition } from './transition.ts';

/** Made once: taking down a stack costs more than most steps, and says nothing here. */
const INTERRUPTIONS = {
  cancel: new Interruption('cancel'),
  shutdown: new Interruption('shutdown'),
  fenced: new Interruption('fenced'),
};

/** A process that has run a task for so long was not killed by how it begins. */
const OUTLIVED_MS = 60_000;

/** How the run of a task in this process came to an end. */
export type RunStop =
  /** Its outcome is durable. */
  | 'settled'
  /** The task was ended from outside: cancelled, or failed because its ttl was over. */
  | 'cancelled'
  /** It goes on elsewhere or later: shutdown, or another process has it. */
  | 'left';

/** What a run starts with. */
export interface RunStart {
  /** The journal so far. */
  readonly entries: readonly StoredEntry[];
  readonly children: (run: OpenRun) => Children;
  /** The task was made just now: what is stored with it need not be read, and nothing of it has run before. */
  readonly given?: Given;
  /** An earlier process has run it, and may have done what it did not come to write. */
  readonly wasRun?: boolean;
}

/**
 * One run of one task in this process: joins the task's writer, journal, inputs and progress to the engine's ports.
 * Constructed only by whoever has just created or claimed the task; from then on every change made in this process goes
 * through `writer` (T1).
 */
export class OpenRun {
  readonly id: string;
  readonly writer: TaskWriter;
  readonly epoch: number;
  readonly principal: string;
  /** Resolves, never rejects, when the run has stopped. */
  readonly stopped: Promise<RunStop>;
  readonly #context: TaskContext;
  readonly #controller = new AbortController();
  readonly #state: JournalState;
  readonly #journal: RunJournal;
  readonly #inputs: TaskInputs;
  readonly #progress: RunProgressSink;
  #given: Given | undefined;
  #mayHaveChildren: boolean;

  constructor(context: TaskContext, marked: MarkedRecord, start: RunStart) {
    const { clock, feed, store, health, runnerId } = context;
    this.#context = context;
    this.id = marked.record.id;
    this.principal = marked.record.principal;
    this.epoch = marked.record.epoch;
    this.#given = start.given;
    this.#mayHaveChildren = start.given === undefined;
    this.#state = new JournalState(start.entries);
    this.#journal = new RunJournal(
      this.#state,
      (entries) => this.#append(entries),
      context.limits,
      () => clock.now(),
    );
    this.writer = new TaskWriter(marked, {
      store,
      clock,
      health,
      onCommitted: (record, added) => this.#committed(record, added),
      onForeign: (record) => this.#foreign(record),
    });
    const { writer, epoch } = this;
    const { signal } = this;
    this.#inputs = new TaskInputs({ writer, clock, runner: runnerId, epoch, signal, state: this.#state });
    const { begunAt, resumedAt, createdAt } = marked.record;
    const goesOnFrom = start.entries.at(-1)?.at ?? begunAt ?? resumedAt ?? createdAt;
    this.#progress = new RunProgressSink({
      writer,
      clock,
      runner: runnerId,
      epoch,
      signal,
      feed,
      ...(start.wasRun === true && { goesOnFrom }),
    });
    this.stopped = this.#run(start.children(this));
    // Rejects only when the run is over, or when it is another's.
    if (hasCrashed(marked.record)) this.#outlive().catch(() => undefined);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** False only when no run of this task has started a child. */
  get mayHaveChildren(): boolean {
    return this.#mayHaveChildren;
  }

  /** A child is about to be made. */
  expectChild(): void {
    this.#mayHaveChildren = true;
  }

  /** Stops the run; `stopped` resolves when the engine has let go of it. */
  abort(why: Interruption['why']): void {
    this.#controller.abort(INTERRUPTIONS[why]);
  }

  #committed(record: TaskRecord, entries: readonly StoredEntry[]): void {
    for (const entry of entries) this.#state.add(entry);
    this.#inputs.committed(entries);
    this.#progress.committed(record);
    if (record.state.kind === 'ended') this.abort('cancel');
    this.#context.feed.publish({ type: 'changed', view: viewOf(record) });
  }

  async #foreign(record: TaskRecord | undefined): Promise<void> {
    if (record === undefined) return this.abort('fenced');
    if (record.epoch !== this.epoch) return this.abort('fenced');
    if (record.state.kind === 'ended') this.abort('cancel');
    const { entries } = await loadEntries(this.#context.store, this.id, this.#state.lastSeq);
    for (const entry of entries) this.#state.add(entry);
    this.#inputs.committed(entries);
    this.#context.feed.publish({ type: 'changed', view: viewOf(record) });
  }

  async #run(children: Children): Promise<RunStop> {
    try {
      const definition = await this.#definition();
      await this.#turn(definition);
      const task = await this.#task();
      await this.#settle(await this.#context.runner.run(definition, task, this.#ports(children), this.signal));
      return 'settled';
    } catch (error) {
      return this.#stoppedBy(error);
    }
  }

  /**
   * Waits for its turn, where the workflow has a limit. From then on it has begun, also for a restart and for its time
   * limits.
   */
  async #turn(definition: Definition): Promise<void> {
    const { concurrency } = definition;
    const { record } = this.writer;
    if (record.turn === undefined || record.begunAt !== undefined || concurrency === undefined) return;
    const { percent, phases } = record;
    const tell = (before: number): void => {
      this.#progress.update({ message: `waiting for its turn: ${before} before it`, percent, phases });
    };
    await this.#context.turns.wait(record, record.turn, concurrency, tell, this.signal);
    // Those before it may have saved something while it waited.
    const saved = await this.#patiently(() => savedValues(this.#context, record, definition));
    const given = { arguments: (this.#given ?? (await this.#stored())).arguments, saved };
    this.#given = given;
    await this.writer.change({
      patient: true,
      apply: (current, now) => {
        assertOwned(current, this.#context.runnerId, this.epoch);
        return {
          record: transition(current, { type: 'begun' }, now),
          puts: [{ key: keys.args(this.id), value: given }],
        };
      },
    });
  }

  async #outlive(): Promise<void> {
    await this.#context.clock.sleep(OUTLIVED_MS, this.signal);
    await this.writer.change({
      patient: true,
      apply: (record, now) => {
        assertOwned(record, this.#context.runnerId, this.epoch);
        return { record: hasCrashed(record) ? transition(record, { type: 'outlived' }, now) : record };
      },
    });
  }

  async #stoppedBy(error: unknown): Promise<RunStop> {
    const reason: unknown = this.signal.aborted ? this.signal.reason : error;
    if (reason instanceof Interruption) return reason.why === 'cancel' ? 'cancelled' : 'left';
    try {
      await this.#settle({ outcome: failedOutcome(this.#failureOf(reason)), warnings: [] });
      return 'settled';
    } catch (again) {
      if (again instanceof Interruption) return again.why === 'cancel' ? 'cancelled' : 'left';
      this.#context.logger.error({ taskId: this.id, error: messageOf(again) }, 'a task could not be settled');
      return 'left';
    }
  }

  #failureOf(error: unknown): StepFailure['failure'] {
    if (error instanceof StepFailure) return error.failure;
    const { logger, reportDamage, ids } = this.#context;
    if (error instanceof DamagedValueError) {
      reportDamage(error.key, error.message);
      return { code: 'interrupted', message: 'stored data of this task is damaged' };
    }
    const correlation = ids();
    logger.error(
      { taskId: this.id, correlation, error: error instanceof Error ? error.stack : messageOf(error) },
      'a run met a bug',
    );
    return { code: 'internal_error', message: `internal error (${correlation})` };
  }

  async #definition(): Promise<Definition> {
    const { workflow, digest } = this.writer.record;
    const definition = await this.#patiently(() => this.#context.snapshots.load(workflow, digest));
    if (definition !== undefined) return definition;
    throw new StepFailure({
      code: 'interrupted',
      message: `the definition snapshot ${digest.slice(0, 12)} is missing`,
    });
  }

  async #task(): Promise<RunTask> {
    const { id, createdAt, resumedAt, scheduleTime, depth, begunAt = resumedAt } = this.writer.record;
    const given = this.#given ?? (await this.#stored());
    this.#given = undefined;
    return {
      taskId: id,
      createdAt,
      ...(begunAt !== undefined && { begunAt }),
      input: given.arguments,
      saved: given.saved,
      ...(scheduleTime !== undefined && { scheduleTime }),
      depth,
    };
  }

  async #stored(): Promise<Given> {
    const key = keys.args(this.id);
    const stored = await this.#patiently(() => this.#context.store.get(key));
    if (stored === undefined) throw new DamagedValueError(key, 'the arguments are missing');
    const row = objectOf(stored);
    return { arguments: objectIn(row, 'arguments'), saved: objectIn(row, 'saved') };
  }

  /** Reads; while the store fails it waits for it (D13). */
  async #patiently<T>(read: () => Promise<T>): Promise<T> {
    return this.#context.health.patiently(read, this.signal);
  }

  #ports(children: Children): RunPorts {
    const { clock, random, downstream, models } = this.#context;
    return {
      clock,
      random,
      downstream: fencedDownstream(downstream, () => this.#stillOurs()),
      ...(models === undefined ? {} : { models: fencedModels(models, () => this.#stillOurs()) }),
      input: this.#inputs,
      children,
      progress: this.#progress,
      journal: this.#journal,
      cache: new KeptResults(this.#context, this.principal, this.writer.record.workflow),
    };
  }

  /**
   * Another process may have ended or taken the task while this one was paused, or while a call waited for its turn.
   */
  async #stillOurs(): Promise<void> {
    await this.#patiently(() => this.writer.refresh());
    this.signal.throwIfAborted();
  }

  async #append(entries: readonly DatedEntry[]): Promise<readonly StoredEntry[]> {
    const written = await this.writer.change({
      patient: true,
      apply: (record, now) => this.#appended(record, entries, now),
    });
    return written.entries;
  }

  #appended(record: TaskRecord, entries: readonly DatedEntry[], now: number): Applied {
    assertOwned(record, this.#context.runnerId, this.epoch);
    const finished = entries.filter((entry) => entry.type === 'finished');
    const inputs = record.state.kind === 'open' ? record.state.inputs : [];
    const closed = inputs.flatMap(({ key, path: asked }) =>
      finished.some(({ path }) => belongsTo(asked, path)) ? [key] : [],
    );
    return {
      record: closed.length === 0 ? record : transition(record, { type: 'input_closed', keys: closed }, now),
      entries,
      puts: finished.flatMap(({ saved }) => (saved === undefined ? [] : savedPuts(record, saved))),
    };
  }

  async #settle(end: RunEnd): Promise<void> {
    const last = this.#journal.takeDeferred();
    await this.writer.change({
      patient: true,
      apply: (record, now) => {
        const appended = this.#appended(record, last, now);
        const settled = settle(appended.record, end, this.#context.limits, now);
        return {
          ...settled,
          entries: [...last, ...(settled.entries ?? [])],
          puts: [...(appended.puts ?? []), ...(settled.puts ?? [])],
        };
      },
    });
  }
}

function hasCrashed({ state }: TaskRecord): boolean {
  return state.kind === 'open' && state.crashes.count > 0;
}

function savedPuts({ principal, workflow }: TaskRecord, saved: JsonObject): Batch['puts'] {
  return Object.entries(saved).map(([name, value]) => ({ key: keys.saved(principal, workflow, name), value }));
}

/** Whether a path is that of the step, of something inside it, or of a note beside it. */
function belongsTo(path: string, step: string): boolean {
  return path.startsWith(step) && ['', '/', '[', '!', '#'].includes(path.charAt(step.length));
}

function objectIn(row: JsonObject, key: string): JsonObject {
  const value = row[key];
  return isJsonObject(value) ? value : {};
}
