import { StepFailure } from '../core/failure.ts';
import { jsonBytes } from '../engine/json-bytes.ts';
import type { Journal, JournalEntry, StoredEntry } from '../engine/journal.ts';
import type { JournalState } from './journal-state.ts';
import { asJson, entryOf } from './record.ts';
import { keys } from './keys.ts';
import type { TaskLimits } from './limits.ts';
import type { TaskStore } from '../store/task-store.ts';
import type { DatedEntry } from './task-writer.ts';

/** Makes entries durable, in order; resolves with them numbered, once `JournalState` has them. */
export type Append = (entries: readonly DatedEntry[]) => Promise<readonly StoredEntry[]>;

/** The engine's journal: reads from memory, appends through the task's writer. */
export class RunJournal implements Journal {
  readonly #state: JournalState;
  readonly #append: Append;
  readonly #limits: TaskLimits;
  readonly #now: (() => number) | undefined;
  #deferred: DatedEntry[] = [];
  /** Appends that are not durable yet. */
  #underWay = 0;

  /** @param now the time of deferred entries; without it none are taken, because nobody writes them with an outcome. */
  constructor(state: JournalState, append: Append, limits: TaskLimits, now?: () => number) {
    this.#state = state;
    this.#append = append;
    this.#limits = limits;
    this.#now = now;
  }

  entries(): Iterable<StoredEntry> {
    return this.#state.entries();
  }

  finished(path: string): ReturnType<Journal['finished']> {
    return this.#state.finished(path);
  }

  lastAttempt(path: string): ReturnType<Journal['lastAttempt']> {
    return this.#state.lastAttempt(path);
  }

  timer(path: string): number | undefined {
    return this.#state.timer(path);
  }

  decision(path: string): ReturnType<Journal['decision']> {
    return this.#state.decision(path);
  }

  handle(path: string): ReturnType<Journal['handle']> {
    return this.#state.handle(path);
  }

  /**
   * Resolves when the entries are durable; while the store fails it waits for it to recover. Rejects with
   * `Interruption` (`fenced`, `cancel`, `shutdown`) when this run may not write any more, with
   * `StepFailure('limit_exceeded')` when an entry or the journal grows too large (D16); nothing was written then.
   */
  async append(...entries: readonly JournalEntry[]): Promise<readonly StoredEntry[]> {
    const refusal = this.refusal(...entries);
    if (refusal !== undefined) throw refusal;
    const all = [...this.takeDeferred(), ...entries];
    if (all.length === 0) return [];
    this.#underWay += 1;
    try {
      return await this.#append(all);
    } finally {
      this.#underWay -= 1;
    }
  }

  refusal(...entries: readonly JournalEntry[]): StepFailure | undefined {
    const problem = this.#tooMuch(entries);
    return problem === undefined ? undefined : new StepFailure({ code: 'limit_exceeded', message: problem });
  }

  /**
   * What is over a limit is not taken, so that `append` says so; nor is anything while an append is under way, since
   * its numbers are not known. An answer from outside may still come between, but nothing of this run: the order is
   * right, and what comes later has a higher number.
   */
  defer(...entries: readonly JournalEntry[]): readonly StoredEntry[] | undefined {
    const now = this.#now?.();
    if (now === undefined || this.#underWay > 0 || this.#tooMuch(entries) !== undefined) return undefined;
    const first = this.#state.lastSeq + this.#deferred.length + 1;
    // It has ended now, and not when it is written: what comes next begins before that.
    const dated = entries.map((entry) => ({ ...entry, at: now }));
    this.#deferred.push(...dated);
    return dated.map((entry, index) => ({ seq: first + index, ...entry }));
  }

  /** The deferred entries, to be written by the caller. */
  takeDeferred(): readonly DatedEntry[] {
    const deferred = this.#deferred;
    this.#deferred = [];
    return deferred;
  }

  #tooMuch(entries: readonly JournalEntry[]): string | undefined {
    const { entries: most, entryBytes } = this.#limits;
    if (this.#state.lastSeq + this.#deferred.length + entries.length > most) {
      return `the journal holds more than ${most} entries`;
    }
    for (const entry of entries) {
      if (entry.type !== 'finished' && entry.type !== 'handle') continue;
      const bytes = jsonBytes(asJson(entry), entryBytes);
      if (bytes > entryBytes)
        return `a result of ${bytes} bytes is larger than the ${entryBytes} a journal entry may have`;
    }
    return undefined;
  }
}

const PAGE = 500;

/**
 * Reads a journal from the store, from `afterSeq` (exclusive). A damaged or missing entry is named, and nothing behind
 * it counts.
 */
export async function loadEntries(
  store: TaskStore,
  id: string,
  afterSeq = 0,
): Promise<{ readonly entries: readonly StoredEntry[]; readonly damaged: readonly string[] }> {
  const entries: StoredEntry[] = [];
  for (let seq = afterSeq; ;) {
    const page = await store.range({
      from: keys.entry(id, seq + 1),
      to: `${keys.entries(id).slice(0, -1)};`,
      limit: PAGE,
    });
    const found = page.items.map(entryOf);
    const gap = found.findIndex((entry, index) => entry.seq !== seq + 1 + index);
    entries.push(...(gap === -1 ? found : found.slice(0, gap)));
    seq = entries.at(-1)?.seq ?? seq;
    if (page.damaged.length > 0) return { entries, damaged: page.damaged };
    if (gap !== -1) return { entries, damaged: [keys.entry(id, seq + 1)] };
    if (page.items.length < PAGE) return { entries, damaged: [] };
  }
}
