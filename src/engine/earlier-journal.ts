import type { Journal, JournalEntry, StoredEntry } from './journal.ts';
import { mainPath } from './paths.ts';
import type { StepFailure } from '../core/failure.ts';

/**
 * The journal as clean-up reads it: what a path under `cleanup/` has no entry of is read of the path that the same step
 * had in the run, where a cancel or a crash cut it off. So what was done is not done again, and what was in flight is
 * known to have been.
 */
export class EarlierJournal implements Journal {
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  entries(): Iterable<StoredEntry> {
    return this.#journal.entries();
  }

  finished(path: string): ReturnType<Journal['finished']> {
    return this.#journal.finished(path) ?? this.#journal.finished(mainPath(path));
  }

  lastAttempt(path: string): ReturnType<Journal['lastAttempt']> {
    return this.#journal.lastAttempt(path) ?? this.#journal.lastAttempt(mainPath(path));
  }

  timer(path: string): ReturnType<Journal['timer']> {
    return this.#journal.timer(path) ?? this.#journal.timer(mainPath(path));
  }

  decision(path: string): ReturnType<Journal['decision']> {
    return this.#journal.decision(path) ?? this.#journal.decision(mainPath(path));
  }

  handle(path: string): ReturnType<Journal['handle']> {
    return this.#journal.handle(path) ?? this.#journal.handle(mainPath(path));
  }

  append(...entries: readonly JournalEntry[]): Promise<readonly StoredEntry[]> {
    return this.#journal.append(...entries);
  }

  refusal(...entries: readonly JournalEntry[]): StepFailure | undefined {
    return this.#journal.refusal?.(...entries);
  }
}
