import type { Clock } from '../core/clock.ts';
import { Interruption } from '../core/failure.ts';
import type { JournalEntry, StoredEntry } from '../engine/journal.ts';
import { keys } from './keys.ts';
import { asJson, changed, loadRecord, recordValue } from './record.ts';
import type { MarkedRecord, TaskRecord } from './record.ts';
import type { StoreHealth } from './store-health.ts';
import { StoreError } from '../store/task-store.ts';
import type { Batch, TaskStore } from '../store/task-store.ts';
import { transition } from './transition.ts';

/*
 * T1 One writer per task in a process; its changes are applied one after another, each to the record that the one
 *    before left.
 * T2  Nobody is told before the commit: promises resolve and `onCommitted` fires after it.
 * D6  Every batch is guarded by the record's mark, which covers runner and epoch: a stale process cannot write.
 * D13 A write that failed is never acknowledged. It may have been made all the same: that is looked up before it is
 *     tried again.
 */

/** An entry that is to be written; with the time at which it was made, where it had to wait for that. */
export type DatedEntry = JournalEntry & { readonly at?: number };

/** What a change does to the record. Entries are numbered by the writer. */
export interface Applied {
  readonly record: TaskRecord;
  readonly entries?: readonly DatedEntry[];
  /** Must hold beside the record; a conflict rejects the changes that go out together, with `GuardConflict`. */
  readonly guards?: Batch['guards'];
  readonly puts?: Batch['puts'];
  readonly deletes?: readonly string[];
}

/** A guard of a change, other than the task's own record, did not hold; nothing was written. */
export class GuardConflict extends Error {
  override readonly name = 'GuardConflict';
}

/** A change of a task. */
export interface Change {
  /** Pure: it may run again on a newer record. What it throws rejects this change alone. */
  readonly apply: (record: TaskRecord, now: number) => Applied;
  /** Waits for the store to recover instead of rejecting with `StoreError`. */
  readonly patient: boolean;
}

export interface Written {
  readonly record: TaskRecord;
  readonly entries: readonly StoredEntry[];
}

export interface WriterDeps {
  readonly store: TaskStore;
  readonly clock: Clock;
  readonly health: StoreHealth;
  /** After every commit of this writer. Must not throw. */
  readonly onCommitted: (record: TaskRecord, entries: readonly StoredEntry[]) => void;
  /**
   * Another process has changed the record (`undefined`: removed it); called before waiting changes are applied to it.
   */
  readonly onForeign?: (record: TaskRecord | undefined) => Promise<void>;
}

interface Pending {
  readonly change: Change;
  readonly resolve: (written: Written) => void;
  readonly reject: (error: unknown) => void;
}

interface Planned {
  readonly record: TaskRecord;
  readonly batch: Batch;
  readonly parts: readonly { readonly pending: Pending; readonly written: Written }[];
}

/** The serial writer of one task: queued changes go out together as one atomic batch. */
export class TaskWriter {
  readonly #deps: WriterDeps;
  #base: MarkedRecord;
  #queue: Pending[] = [];
  #draining: Promise<void> | undefined;
  /** Why a patient change waits for the store now. */
  #stalled: StoreError | undefined;
  /**
   * Applied once to every batch of a task that is open before it: progress rides along. Returns its argument when there
   * is nothing.
   */
  rider: ((record: TaskRecord, now: number) => TaskRecord) | undefined;

  constructor(base: MarkedRecord, deps: WriterDeps) {
    this.#base = base;
    this.#deps = deps;
  }

  /** The record as last committed or read by this writer. */
  get record(): TaskRecord {
    return this.#base.record;
  }

  /** `record` with the mark that guards its next write. */
  get marked(): MarkedRecord {
    return this.#base;
  }

  /** Resolves when the change is durable; a change that leaves the record as it is resolves without a write. */
  change(change: Change): Promise<Written> {
    return new Promise((resolve, reject) => {
      const pending = { change, resolve, reject };
      // Whoever does not want to wait is not put behind somebody who does (D13).
      if (this.#stalled !== undefined && !change.patient) {
        reject(this.#stalled);
        return;
      }
      this.#queue.push(pending);
      this.#draining ??= this.#drain();
    });
  }

  /**
   * Reads the record again; when another process has changed it, `onForeign` is told. Rejects with `StoreError` or,
   * when the task is gone, `Interruption('fenced')`.
   */
  async refresh(): Promise<void> {
    // Nothing may come between the last look and what follows: two who write at once would be two writers (T1).
    while (this.#draining !== undefined) await this.#draining.catch(() => undefined);
    const reading = this.#reload();
    this.#draining = reading
      .catch(() => undefined)
      .then(() => {
        this.#draining = this.#queue.length > 0 ? this.#drain() : undefined;
      });
    await reading;
  }

  /** Resolves when every change given so far has settled. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining.catch(() => undefined);
  }

  async #drain(): Promise<void> {
    // Changes of one turn of the event loop share the first batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const taken = this.#queue;
      this.#queue = [];
      try {
        await this.#commit(taken);
      } catch (error) {
        for (const { reject } of taken) reject(error);
      }
    }
    this.#draining = undefined;
  }

  async #commit(taken: readonly Pending[]): Promise<void> {
    let left = taken;
    let stale = false;
    while (left.length > 0) {
      try {
        if (stale) await this.#reload();
        stale = true;
        const planned = this.#plan(left);
        if (planned === undefined) return;
        left = planned.parts.map(({ pending }) => pending);
        if (await this.#attempt(planned)) return;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        for (const { change, reject } of left) if (!change.patient) reject(error);
        left = left.filter(({ change }) => change.patient);
        if (left.length > 0) await this.#recovered(error);
      }
    }
  }

  /** Waits for the store; changes that are not patient are rejected meanwhile, those that wait already at once. */
  async #recovered(error: StoreError): Promise<void> {
    this.#stalled = error;
    for (const { change, reject } of this.#queue) if (!change.patient) reject(error);
    this.#queue = this.#queue.filter(({ change }) => change.patient);
    try {
      await this.#deps.health.recovered();
    } finally {
      this.#stalled = undefined;
    }
  }

  /** Applies the changes to the base; those that throw are rejected and left out. `undefined` = nothing to write. */
  #plan(changes: readonly Pending[]): Planned | undefined {
    const now = Math.max(this.#deps.clock.now(), this.#base.record.updatedAt);
    // Before the changes, so that a change that ends the task finds what the run last said.
    const start = this.#base.record.state.kind === 'open' ? this.#ridden(now) : this.#base.record;
    let record = start;
    const puts: { key: string; value: Batch['puts'][number]['value'] }[] = [];
    const deletes: string[] = [];
    const guards: Batch['guards'][number][] = [];
    const parts: { pending: Pending; written: Written }[] = [];
    // A journal is in the order of its times: what waited is not older than what was written meanwhile.
    let latest = this.#base.record.updatedAt;
    for (const pending of changes) {
      try {
        const applied = pending.change.apply(record, now);
        const { seq } = applied.record;
        const entries = (applied.entries ?? []).map((entry, index) => {
          latest = Math.max(latest, Math.min(entry.at ?? now, now));
          return { ...entry, seq: seq + 1 + index, at: latest };
        });
        record = entries.length === 0 ? applied.record : counted(applied.record, entries.length, now);
        for (const entry of entries) puts.push({ key: keys.entry(record.id, entry.seq), value: asJson(entry) });
        if (applied.guards !== undefined) guards.push(...applied.guards);
        if (applied.puts !== undefined) puts.push(...applied.puts);
        if (applied.deletes !== undefined) deletes.push(...applied.deletes);
        parts.push({ pending, written: { record, entries } });
      } catch (error) {
        pending.reject(error);
      }
    }
    if (record === start && puts.length === 0 && deletes.length === 0) {
      for (const { pending } of parts) pending.resolve({ record: this.#base.record, entries: [] });
      return undefined;
    }
    if (parts.length === 0) return undefined;
    const key = keys.task(record.id);
    return {
      record,
      parts,
      batch: {
        guards: [{ key, mark: this.#base.mark }, ...guards],
        puts: [{ key, value: recordValue(record) }, ...puts],
        // A later change may put what an earlier one deleted; within one batch the put is meant.
        deletes: deletes.filter((deleted) => !puts.some((put) => put.key === deleted)),
      },
    };
  }

  #ridden(now: number): TaskRecord {
    const { record } = this.#base;
    return this.rider?.(record, now) ?? record;
  }

  /** False = another process has changed the record. Rejects with `StoreError` when the write was not made. */
  async #attempt(planned: Planned): Promise<boolean> {
    try {
      const result = await this.#deps.store.commit(planned.batch);
      if (result.ok) this.#committed(planned, result.marks[0] ?? '');
      else if (result.conflict !== keys.task(planned.record.id)) throw new GuardConflict(result.conflict);
      return result.ok;
    } catch (error) {
      if (error instanceof StoreError) this.#deps.health.failed(error);
      if (await this.#wasMade(planned)) return true;
      throw error;
    }
  }

  /** The store said no, but the write may have been made: the record then is byte for byte the one we wrote. */
  async #wasMade(planned: Planned): Promise<boolean> {
    try {
      const found = await this.#deps.store.get(keys.task(planned.record.id));
      if (found === undefined || JSON.stringify(found.value) !== JSON.stringify(planned.record)) return false;
      this.#committed(planned, found.mark);
      return true;
    } catch {
      return false;
    }
  }

  #committed(planned: Planned, mark: string): void {
    this.#base = { record: planned.record, mark };
    const [only, ...more] = planned.parts;
    const entries = more.length === 0 ? only?.written.entries : planned.parts.flatMap(({ written }) => written.entries);
    this.#deps.onCommitted(planned.record, entries ?? []);
    for (const { pending, written } of planned.parts)
      pending.resolve({ record: planned.record, entries: written.entries });
  }

  async #reload(): Promise<void> {
    const found = await loadRecord(this.#deps.store, this.#base.record.id);
    if (found?.mark === this.#base.mark) return;
    // First told, then believed: when telling fails, the next read tells again.
    await this.#deps.onForeign?.(found?.record);
    if (found !== undefined) this.#base = found;
    else throw new Interruption('fenced');
  }
}

function counted(record: TaskRecord, count: number, now: number): TaskRecord {
  if (record.state.kind === 'open') return transition(record, { type: 'appended', count }, now);
  // The entry that tells of the end is part of the same transition.
  return changed(record, { seq: record.seq + count });
}

/** Throws `Interruption` unless this runner, in this epoch, still runs the task. */
export function assertOwned(record: TaskRecord, runner: string, epoch: number): void {
  if (record.state.kind === 'open' && record.state.runner === runner && record.epoch === epoch) return;
  throw new Interruption(record.state.kind === 'ended' && record.epoch === epoch ? 'cancel' : 'fenced');
}
