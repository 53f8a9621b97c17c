import type { JsonValue } from '../core/json.ts';
import type { JournalEntry, StoredEntry } from '../engine/journal.ts';

/** What a journal says about an input request of a path. */
export interface InputState {
  readonly key: string;
  readonly expiresAt?: number;
  /** How long it was to stand, in milliseconds. */
  readonly timeoutMs?: number;
  /** Present once it was answered. */
  readonly answer?: { readonly response: JsonValue };
}

type Entry<Type extends JournalEntry['type']> = Extract<StoredEntry, { readonly type: Type }>;

/** What a journal says about a path beside its checkpoint. */
interface Notes {
  attempt?: Entry<'started'> | Entry<'attempt_failed'> | undefined;
  timer?: number;
  decision?: JsonValue;
  handle?: { readonly attempt: number; readonly handle: JsonValue };
  input?: InputState | undefined;
}

/** What a journal says, kept up to date entry by entry; a pure function of the entries in order (D10). */
export class JournalState {
  #entries: StoredEntry[] = [];
  readonly #finished = new Map<string, Entry<'finished'>>();
  readonly #notes = new Map<string, Notes>();
  /**
   * Paths by the keys of their input requests. Made with the first: most tasks ask nobody, and ten thousand of them may
   * wait.
   */
  #paths: Map<string, string> | undefined;
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
    return this.#notes.get(path)?.attempt;
  }

  timer(path: string): number | undefined {
    return this.#notes.get(path)?.timer;
  }

  decision(path: string): JsonValue | undefined {
    return this.#notes.get(path)?.decision;
  }

  handle(path: string): { readonly attempt: number; readonly handle: JsonValue } | undefined {
    return this.#notes.get(path)?.handle;
  }

  /** The last input request of a path, unless an attempt has failed since: the next attempt asks anew. */
  input(path: string): InputState | undefined {
    return this.#notes.get(path)?.input;
  }

  /** Takes the next entry. One that is known already is ignored. */
  add(entry: StoredEntry): void {
    if (entry.seq <= this.#lastSeq) return;
    this.#lastSeq = entry.seq;
    this.#entries.push(entry);
    switch (entry.type) {
      case 'started':
        this.#notesOf(entry.path).attempt = entry;
        return;
      case 'attempt_failed': {
        const notes = this.#notesOf(entry.path);
        notes.attempt = entry;
        notes.input = undefined;
        return;
      }
      case 'finished':
        this.#finished.set(entry.path, entry);
        this.#attempted(entry.path);
        return;
      case 'timer':
        this.#notesOf(entry.path).timer = entry.wakeAt;
        return;
      case 'decision':
        this.#notesOf(entry.path).decision = entry.value;
        return;
      case 'handle':
        this.#notesOf(entry.path).handle = { attempt: entry.attempt, handle: entry.handle };
        return;
      case 'input_requested':
        (this.#paths ??= new Map<string, string>()).set(entry.key, entry.path);
        this.#notesOf(entry.path).input = {
          key: entry.key,
          ...(entry.expiresAt !== undefined && { expiresAt: entry.expiresAt, timeoutMs: entry.expiresAt - entry.at }),
        };
        return;
      case 'input_answered':
        this.#answered(entry.key, entry.response);
        return;
      case 'resumed':
        this.#drop(new Set(entry.dropped));
        // The end of the task closed every question; whoever comes to one again asks anew.
        for (const notes of this.#notes.values()) if (notes.input?.answer === undefined) notes.input = undefined;
        return;
      case 'emitted':
      case 'settled':
    }
  }

  #notesOf(path: string): Notes {
    let notes = this.#notes.get(path);
    if (notes === undefined) this.#notes.set(path, (notes = {}));
    return notes;
  }

  #attempted(path: string): void {
    const notes = this.#notes.get(path);
    if (notes !== undefined) notes.attempt = undefined;
  }

  #answered(key: string, response: JsonValue): void {
    const path = this.#paths?.get(key);
    const notes = path === undefined ? undefined : this.#notes.get(path);
    if (notes?.input?.key === key) notes.input = { ...notes.input, answer: { response } };
  }

  #drop(dropped: ReadonlySet<string>): void {
    const isDropped = (path: string): boolean => dropped.has(stepPath(path));
    for (const known of [this.#finished, this.#notes]) {
      for (const path of known.keys()) if (isDropped(path)) known.delete(path);
    }
    this.#entries = this.#entries.filter((entry) => {
      const path =
        'path' in entry ? entry.path : entry.type === 'input_answered' ? this.#paths?.get(entry.key) : undefined;
      return path === undefined || !isDropped(path);
    });
  }
}

/**
 * The path of the step that an entry belongs to: notes that a step keeps beside its checkpoint follow a `!`, those of a
 * later attempt a `#n`.
 */
export function stepPath(path: string): string {
  const at = path.indexOf('!');
  return (at === -1 ? path : path.slice(0, at)).replace(/#\d+$/u, '');
}
