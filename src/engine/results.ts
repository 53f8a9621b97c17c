import type { StoredEntry } from './journal.ts';
import { attemptPath, iterationPath, mainPath, outerScope, scopeOf } from './paths.ts';

/** A checkpoint as the journal holds it. */
export type Finished = Extract<StoredEntry, { type: 'finished' }>;

/** The results of one scope: the task itself, or one iteration of a block. */
interface ResultScope {
  readonly outer: ResultScope | undefined;
  readonly results: Map<string, Finished>;
  /** Iteration scopes by the attempt path of the block they belong to. Made with the first: most scopes have none. */
  blocks?: Map<string, Map<string, ResultScope>>;
}

/**
 * Results by name. A name belongs to the innermost iteration in which the step ran; where several ran under one name (a
 * retried block, a target of several places) the last by journal number counts, so a replay sees what the first run
 * saw. The same entries in the same order give the same state, live or loaded.
 */
export class Results {
  readonly #scopes = new Map<string, ResultScope>();
  #keepsAll = false;
  readonly #lastStays: (entry: Finished) => boolean;

  /** @param lastStays whether the names of a block's last iteration mean that one behind it. */
  constructor(lastStays: (entry: Finished) => boolean = () => false) {
    this.#lastStays = lastStays;
    this.#scopes.set('', { outer: undefined, results: new Map() });
  }

  /**
   * Takes in every checkpoint again and lets go of none from here on: what undoes a step of an iteration reads the
   * names of that iteration.
   */
  recall(entries: Iterable<StoredEntry>): void {
    this.#keepsAll = true;
    for (const entry of entries) if (entry.type === 'finished') this.record(entry);
  }

  /**
   * Takes in a checkpoint. When a loop ends, the names of its last iteration become readable around it; iterations of
   * an ended block are let go.
   */
  record(entry: Finished): void {
    const scope = this.#scope(scopeOf(entry.path));
    put(scope, entry);
    for (let attempt = 1; attempt <= Math.max(1, entry.result.attempts); attempt += 1) {
      const block = attemptPath(mainPath(entry.path), attempt);
      const iterations = scope.blocks?.get(block);
      if (iterations === undefined) continue;
      const last = this.#lastStays(entry) ? iterations.get(lastIteration(block, entry)) : undefined;
      if (last !== undefined) for (const inner of last.results.values()) put(scope, inner);
      if (this.#keepsAll) continue;
      scope.blocks?.delete(block);
      for (const [key, child] of iterations) this.#forget(key, child);
    }
  }

  /** The checkpoint a name stands for in a scope, or further out. */
  find(scope: string, id: string): Finished | undefined {
    let at: ResultScope | undefined = this.#nearest(scope);
    for (; at !== undefined; at = at.outer) {
      const found = at.results.get(id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Reading creates nothing: a scope in which no step has ended is as good as the one around it. */
  #nearest(scope: string): ResultScope | undefined {
    for (let key = scope; ; key = outerScope(key)) {
      const found = this.#scopes.get(key);
      if (found !== undefined || key === '') return found;
    }
  }

  #scope(key: string): ResultScope {
    const known = this.#scopes.get(key);
    if (known !== undefined) return known;
    const outer = this.#scope(outerScope(key));
    const made: ResultScope = { outer, results: new Map() };
    const block = key.slice(0, key.lastIndexOf('['));
    const blocks = (outer.blocks ??= new Map<string, Map<string, ResultScope>>());
    const siblings = blocks.get(block) ?? new Map<string, ResultScope>();
    siblings.set(key, made);
    blocks.set(block, siblings);
    this.#scopes.set(key, made);
    return made;
  }

  #forget(key: string, scope: ResultScope): void {
    this.#scopes.delete(key);
    for (const iterations of scope.blocks?.values() ?? [])
      for (const [inner, child] of iterations) this.#forget(inner, child);
  }
}

function put(scope: ResultScope, entry: Finished): void {
  const known = scope.results.get(entry.step);
  if (known === undefined || known.seq < entry.seq) scope.results.set(entry.step, entry);
}

function lastIteration(block: string, entry: Finished): string {
  const count = entry.result.view?.['iterations'];
  return iterationPath(block, typeof count === 'number' ? count - 1 : 0);
}
