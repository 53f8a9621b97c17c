import type { Journal, JournalEntry, StoredEntry } from '../../src/engine/journal.ts';
import type { JsonValue } from '../../src/core/json.ts';

/** What `append` throws when it was told to die there. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** When to die: at the nth append (from 1), before or after the entries are applied. */
export interface CrashPlan {
  readonly at: number;
  readonly when: 'before' | 'after';
}

/**
 * A journal in memory. Entries survive in `entries()`, so a journal made from them is a restart. Everything goes
 * through JSON, as in a store: what a caller changes later does not change what is stored.
 */
export class MemoryJournal implements Journal {
  readonly #entries: StoredEntry[];
  /** The last entry of each kind by path. */
  readonly #index = new Map<string, StoredEntry>();
  readonly #crash: CrashPlan | undefined;
  readonly #now: () => number;
  #deferred: JournalEntry[] = [];
  #dead = false;
  /** Appends so far. */
  appends = 0;
  /** How often entries were left to the next append or to the outcome. */
  deferrals = 0;

  constructor(
    entries: readonly StoredEntry[] = [],
    options: { readonly crash?: CrashPlan; readonly now?: () => number } = {},
  ) {
    this.#entries = structuredClone([...entries]);
    for (const entry of this.#entries) this.#put(entry);
    this.#crash = options.crash;
    this.#now = options.now ?? ((): number => 0);
  }

  entries(): readonly StoredEntry[] {
    return this.#entries;
  }

  finished(path: string): Extract<StoredEntry, { type: 'finished' }> | undefined {
    const entry = this.#index.get(`finished ${path}`);
    return entry?.type === 'finished' ? entry : undefined;
  }

  lastAttempt(path: string): Extract<StoredEntry, { type: 'started' | 'attempt_failed' }> | undefined {
    const entry = this.#index.get(`attempt ${path}`);
    return entry?.type === 'started' || entry?.type === 'attempt_failed' ? entry : undefined;
  }

  timer(path: string): number | undefined {
    const entry = this.#index.get(`timer ${path}`);
    return entry?.type === 'timer' ? entry.wakeAt : undefined;
  }

  decision(path: string): JsonValue | undefined {
    const entry = this.#index.get(`decision ${path}`);
    return entry?.type === 'decision' ? entry.value : undefined;
  }

  handle(path: string): { readonly attempt: number; readonly handle: JsonValue } | undefined {
    const entry = this.#index.get(`handle ${path}`);
    return entry?.type === 'handle' ? { attempt: entry.attempt, handle: entry.handle } : undefined;
  }

  #put(entry: StoredEntry): void {
    if (!('path' in entry)) return;
    const word = entry.type === 'started' || entry.type === 'attempt_failed' ? 'attempt' : entry.type;
    this.#index.set(`${word} ${entry.path}`, entry);
  }

  /** As the tasks' journal: kept for the next append, or for whoever writes the outcome (`append()` of nothing). */
  defer(...entries: readonly JournalEntry[]): readonly StoredEntry[] | undefined {
    this.deferrals += 1;
    const first = this.#entries.length + this.#deferred.length + 1;
    this.#deferred.push(...entries);
    return entries.map((entry, index) => ({ ...structuredClone(entry), seq: first + index, at: this.#now() }));
  }

  async append(...added: readonly JournalEntry[]): Promise<readonly StoredEntry[]> {
    const entries = [...this.#deferred, ...added];
    if (entries.length === 0) return [];
    this.#deferred = [];
    if (this.#dead) throw new Crash('the process is dead');
    this.appends += 1;
    const dies = this.#crash?.at === this.appends ? this.#crash.when : undefined;
    if (dies === 'before') {
      this.#dead = true;
      throw new Crash('died before an append');
    }
    const first = this.#entries.length + 1;
    const stored = entries.map((entry, index): StoredEntry => ({
      ...structuredClone(entry),
      seq: first + index,
      at: this.#now(),
    }));
    this.#entries.push(...stored);
    for (const entry of stored) this.#put(entry);
    if (dies === 'after') {
      this.#dead = true;
      throw new Crash('died after an append');
    }
    await Promise.resolve();
    return stored;
  }
}
