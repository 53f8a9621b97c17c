import type { Clock } from '../core/clock.ts';
import type { Journal, JournalEntry, StoredEntry } from './journal.ts';

/**
 * So many checkpoints of computation may wait to become durable, for so many milliseconds while the run computes on.
 */
const MOST_DEFERRED = 64;
const LONGEST_DEFERRED_MS = 5;

/**
 * What a run has for its journal and the journal does not have yet: notes, and checkpoints of computation. All become
 * durable with the next append, before it in order, or with the outcome; a crash until then takes them away. E3:
 * `flush` comes before everything that has an effect outside the run.
 */
export class EntryBuffer {
  readonly #journal: Journal;
  readonly #clock: Clock;
  #notes: JournalEntry[] = [];
  /** Checkpoints that the journal keeps for the next append. */
  #deferred = 0;
  #deferredSince = 0;
  /** The append under way that takes what had waited along. */
  #carrier: Promise<unknown> | undefined;
  /** Why an append failed for good: what it had taken along is nowhere, so nothing may follow from it. */
  #lost: { readonly error: unknown } | undefined;

  constructor(journal: Journal, clock: Clock) {
    this.#journal = journal;
    this.#clock = clock;
  }

  /** Whether checkpoints wait, or are on their way, that the journal does not show yet. */
  get holdsCheckpoints(): boolean {
    return this.#deferred > 0 || this.#carrier !== undefined;
  }

  /** Whether so much waits, or so long, that the run should flush: others want their turn of the event loop too. */
  get isDue(): boolean {
    if (this.#deferred === 0) return false;
    return this.#deferred >= MOST_DEFERRED || this.#clock.monotonic() - this.#deferredSince >= LONGEST_DEFERRED_MS;
  }

  /** Keeps an entry from which nothing follows outside the run. */
  note(entry: JournalEntry): void {
    this.#notes.push(entry);
  }

  /** Gives a checkpoint, numbered as it will be. `undefined` = the journal takes none now: append it. */
  defer(entry: JournalEntry): readonly StoredEntry[] | undefined {
    if (this.#lost !== undefined) return undefined;
    const entries = this.#journal.defer?.(...this.#notes, entry);
    if (entries === undefined) return undefined;
    this.#notes = [];
    if (this.#deferred === 0) {
      this.#deferredSince = this.#clock.monotonic();
      // A run that waits for something else has nothing to wait for with these. Why they cannot be written, whoever
      // comes next is told too.
      setImmediate(() => {
        if (this.#deferred > 0) this.flush().catch(() => undefined);
      });
    }
    this.#deferred += 1;
    return entries;
  }

  /**
   * Appends entries and everything that waited before them in one commit. Rejects as the journal does. What it refuses
   * (too large, too many) is refused alone: what waits waits on. After any other rejection nothing can be given any
   * more.
   */
  async append(...entries: readonly JournalEntry[]): Promise<readonly StoredEntry[]> {
    if (this.#lost !== undefined) throw this.#lost.error;
    // Asked before anything is taken: in between, others would not find what is theirs.
    const refusal = this.#journal.refusal?.(...this.#notes, ...entries);
    if (refusal !== undefined) throw refusal;
    const appended = this.#journal.append(...this.#notes, ...entries);
    if (this.#deferred > 0 || this.#notes.length > 0) this.#carrier = appended;
    this.#notes = [];
    this.#deferred = 0;
    try {
      return await appended;
    } catch (error) {
      this.#lost = { error };
      throw error;
    } finally {
      if (this.#carrier === appended) this.#carrier = undefined;
    }
  }

  /** Resolves when everything is durable that waited, or was on its way. */
  async flush(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost.error;
    if (this.#deferred > 0 || this.#notes.length > 0) await this.append();
    else await this.#carrier;
  }
}
