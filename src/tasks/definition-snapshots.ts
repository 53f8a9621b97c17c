import { isJsonObject } from '../core/json.ts';
import type { JsonValue } from '../core/json.ts';
import type { Definition, LoadedDefinition } from '../definition/model.ts';
import { keys } from './keys.ts';
import { asJson } from './record.ts';
import { DamagedValueError } from '../store/task-store.ts';
import type { TaskStore } from '../store/task-store.ts';

/** Parsed snapshots kept in memory; tasks of one digest share the value. */
const MAX_CACHED = 500;

/** What stands under a snapshot's key, with what a guard has to say about it. */
type Found =
  { readonly isSound: true; readonly mark: string } | { readonly isSound: false; readonly mark: string | null };

/**
 * The definitions that tasks were created with: stored once per digest, shared in memory, removed when no task uses
 * them any more (snapshot-sweep.ts). A creation is guarded by the snapshot's mark, so that no task is made without its
 * own.
 */
export class DefinitionSnapshots {
  readonly #store: TaskStore;
  readonly #parse: (value: JsonValue) => Definition;
  readonly #current: (name: string) => LoadedDefinition | undefined;
  readonly #cache = new Map<string, Definition>();
  readonly #stored = new Map<string, Promise<string>>();
  readonly #reportDamage: (key: string, message: string) => void;

  constructor(deps: {
    readonly reportDamage: (key: string, message: string) => void;
    readonly store: TaskStore;
    readonly parse: (value: JsonValue) => Definition;
    readonly current: (name: string) => LoadedDefinition | undefined;
  }) {
    this.#store = deps.store;
    this.#parse = deps.parse;
    this.#current = deps.current;
    this.#reportDamage = deps.reportDamage;
  }

  /**
   * Resolves with the mark of the snapshot when it is durable: the guard of a creation. Rejects with `StoreError`; the
   * next call tries again.
   */
  ensure(loaded: LoadedDefinition): Promise<string> {
    let stored = this.#stored.get(loaded.digest);
    if (stored === undefined) {
      stored = this.#write(loaded).catch((error: unknown) => {
        this.#stored.delete(loaded.digest);
        throw error;
      });
      this.#stored.set(loaded.digest, stored);
    }
    return stored;
  }

  /** The guard did not hold: somebody has retired or removed the snapshot. The next `ensure` writes it again. */
  forget(digest: string): void {
    this.#stored.delete(digest);
  }

  /** The definition of a task. `undefined`: nobody has it; rejects with `DamagedValueError` or `StoreError`. */
  async load(workflow: string, digest: string): Promise<Definition | undefined> {
    const current = this.#current(workflow);
    if (current?.digest === digest) return current.definition;
    const cached = this.#cache.get(digest);
    if (cached !== undefined) return cached;
    const stored = await this.#store.get(keys.definition(digest));
    if (stored === undefined) return undefined;
    const definition = this.#parse(snapshotIn(stored.value).definition);
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(digest, definition);
    return definition;
  }

  async #write(loaded: LoadedDefinition): Promise<string> {
    const key = keys.definition(loaded.digest);
    for (;;) {
      const found = await this.#found(key);
      if (found.isSound) return found.mark;
      const result = await this.#store.commit({
        guards: [{ key, mark: found.mark }],
        puts: [{ key, value: asJson(loaded.definition) }],
        deletes: [],
      });
      if (result.ok) return result.marks[0] ?? '';
    }
  }

  /** One that is damaged is written over with the same definition, which is known (D14). */
  async #found(key: string): Promise<Found> {
    try {
      const stored = await this.#store.get(key);
      if (stored === undefined) return { isSound: false, mark: null };
      const { mark, value } = stored;
      return snapshotIn(value).retired ? { isSound: false, mark } : { isSound: true, mark };
    } catch (error) {
      if (!(error instanceof DamagedValueError) || error.mark === undefined) throw error;
      this.#reportDamage(error.key, error.message);
      return { isSound: false, mark: error.mark };
    }
  }
}

/** A stored snapshot. One that is `retired` may go: whoever needs it writes it anew, which changes its mark. */
export function snapshotIn(value: JsonValue): { readonly definition: JsonValue; readonly retired: boolean } {
  // No definition has a key of this name.
  const inner = isJsonObject(value) ? value['retired'] : undefined;
  return inner === undefined ? { definition: value, retired: false } : { definition: inner, retired: true };
}
