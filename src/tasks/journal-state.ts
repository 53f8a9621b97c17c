import type { JsonValue } from '../core/json.ts';
import type { JournalEntry, StoredEntry } from '../engine/journal.ts';

/** What a journal says about an input request of a path. */
export interface InputState {
  readonly key: string;
  readonly expiresAt?: number;
  /** Present once it was answered. */
  readonly answer?: { readonly response: JsonValue };
}

type Entry<Type extends JournalEntry['type']> = Extract<StoredEntry, { readonly type: Type }>;

/** What a journal says, kept up to date entry by entry; a pure function of the entries in order (D10). */
export class JournalState {
  #entries: StoredEntry[] = [];
  readonly #finished = new Map<string, Entry<'finished'>>();
  readonly #attempts = new Map<string, Entry<'started'> | Entry<'attempt_failed'>>();
  readonly #timers = new Map<string, number>();
  readonly #decisions = new Map<string, JsonValue>();
  readonly #handles = new Map<string, { readonly attempt: number; readonly handle: JsonValue }>();
  readonly #inputs = new Map<string, InputState>();
  readonly #paths = new Map<string, string>();
  #lastSeq = 0;

  constructor(entries: Iterable<StoredEntry> = []) {
    for (const entry of entries) this.add(entry);
  }

  /** Number of the last entry, dropped ones included; 0 = none. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Every entry that counts, in order; those of paths that a later `resumed` dropped are left out. */
  entries(): Iterable<StoredEntry> {
    return this.#entries;
  }

  finished(path: string): Entry<'finished'> | undefined {
    return this.#finished.get(path);
  }

  lastAttempt(path: string): Entry<'started'> | Entry<'attempt_failed'> | undefined {
    return this.#attempts.get(path);
  }

  timer(path: string): number | undefined {
    return this.#timers.get(path);
  }

  decision(path: string): JsonValue | undefined {
    return this.#decisions.get(path);
  }

  handle(path: string): { readonly attempt: number; readonly handle: JsonValue } | undefined {
    return this.#handles.get(path);
  }

  /** The last input request of a path, unless an attempt has failed since: the next attempt asks anew. */
  input(path: string): InputState | undefined {
    return this.#inputs.get(path);
  }

  /** Takes the next entry. One that is known already is ignored. */
  add(entry: StoredEntry): void {
    if (entry.seq <= this.#lastSeq) return;
    this.#lastSeq = entry.seq;
    this.#entries.push(entry);
    switch (entry.type) {
      case 'started':
        this.#attempts.set(entry.path, entry);
        return;
      case 'attempt_failed':
        this.#attempts.set(entry.path, entry);
        this.#inputs.delete(entry.path);
        return;
      case 'finished':
        this.#finished.set(entry.path, entry);
        this.#attempts.delete(entry.path);
        return;
      case 'timer':
        this.#timers.set(entry.path, entry.wakeAt);
        return;
      case 'decision':
        this.#decisions.set(entry.path, entry.value);
        return;
      case 'handle':
        this.#handles.set(entry.path, { attempt: entry.attempt, handle: entry.handle });
        return;
      case 'input_requested':
        this.#paths.set(entry.key, entry.path);
        this.#inputs.set(entry.path, {
          key: entry.key,
          ...(entry.expiresAt !== undefined && { expiresAt: entry.expiresAt }),
        });
        return;
      case 'input_answered':
        this.#answered(entry.key, entry.response);
        return;
      case 'resumed':
        this.#drop(new Set(entry.dropped));
        // The end of the task closed every question; whoever comes to one again asks anew.
        for (const [path, input] of this.#inputs) if (input.answer === undefined) this.#inputs.delete(path);
        return;
      case 'emitted':
      case 'settled':
    }
  }

  #answered(key: string, response: JsonValue): void {
    const path = this.#paths.get(key);
    const input = path === undefined ? undefined : this.#inputs.get(path);
    if (path !== undefined && input?.key === key) this.#inputs.set(path, { ...input, answer: { response } });
  }

  #drop(dropped: ReadonlySet<string>): void {
    const isDropped = (path: string): boolean => dropped.has(stepPath(path));
    for (const known of [this.#finished, this.#attempts, this.#timers, this.#decisions, this.#handles, this.#inputs]) {
      for (const path of known.keys()) if (isDropped(path)) known.delete(path);
    }
    this.#entries = this.#entries.filter((entry) => {
      const path =
        'path' in entry ? entry.path : entry.type === 'input_answered' ? this.#paths.get(entry.key) : undefined;
      return path === undefined || !isDropped(path);
    });
  }
}

/** The path of the step that an entry belongs to: notes that a step keeps beside its checkpoint follow a `!`, those of a later attempt a `#n`. */
export function stepPath(path: string): string {
  const at = path.indexOf('!');
  return (at === -1 ? path : path.slice(0, at)).replace(/#\d+$/u, '');
}
