import type { JsonValue } from '../core/json.ts';
import type { Journal, JournalEntry, StoredEntry } from '../engine/journal.ts';

/** A journal that lives as long as its run: a rehearsal begins from nothing and leaves nothing. */
export class RehearsalJournal implements Journal {
  readonly #entries: StoredEntry[] = [];
  /** The last entry of each kind by path. */
  readonly #last = new Map<string, StoredEntry>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  entries(): readonly StoredEntry[] {
    return this.#entries;
  }

  finished(path: string): Extract<StoredEntry, { type: 'finished' }> | undefined {
    const entry = this.#last.get(`finished ${path}`);
    return entry?.type === 'finished' ? entry : undefined;
  }

  lastAttempt(path: string): Extract<StoredEntry, { type: 'started' | 'attempt_failed' }> | undefined {
    const entry = this.#last.get(`attempt ${path}`);
    return entry?.type === 'started' || entry?.type === 'attempt_failed' ? entry : undefined;
  }

  timer(path: string): number | undefined {
    const entry = this.#last.get(`timer ${path}`);
    return entry?.type === 'timer' ? entry.wakeAt : undefined;
  }

  decision(path: string): JsonValue | undefined {
    const entry = this.#last.get(`decision ${path}`);
    return entry?.type === 'decision' ? entry.value : undefined;
  }

  handle(path: string): { readonly attempt: number; readonly handle: JsonValue } | undefined {
    const entry = this.#last.get(`handle ${path}`);
    return entry?.type === 'handle' ? { attempt: entry.attempt, handle: entry.handle } : undefined;
  }

  append(...entries: readonly JournalEntry[]): Promise<readonly StoredEntry[]> {
    const stored = entries.map((entry, index): StoredEntry => ({
      ...entry,
      seq: this.#entries.length + index + 1,
      at: this.#now(),
    }));
    this.#entries.push(...stored);
    for (const entry of stored) {
      if (!('path' in entry)) continue;
      const word = entry.type === 'started' || entry.type === 'attempt_failed' ? 'attempt' : entry.type;
      this.#last.set(`${word} ${entry.path}`, entry);
    }
    return Promise.resolve(stored);
  }
}
