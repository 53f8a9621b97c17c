import type { JsonValue } from '../core/json.ts';
import type { Definition, LoadedDefinition } from '../definition/model.ts';
import { keys } from './keys.ts';
import { asJson } from './record.ts';
import type { TaskStore } from './task-store.ts';

/** Parsed snapshots kept in memory; tasks of one digest share the value. */
const MAX_CACHED = 500;

/** The definitions that tasks were created with: stored once per digest, shared in memory, never changed and never removed. */
export class DefinitionSnapshots {
  readonly #store: TaskStore;
  readonly #parse: (value: JsonValue) => Definition;
  readonly #current: (name: string) => LoadedDefinition | undefined;
  readonly #cache = new Map<string, Definition>();
  readonly #stored = new Map<string, Promise<void>>();

  constructor(deps: {
    readonly store: TaskStore;
    readonly parse: (value: JsonValue) => Definition;
    readonly current: (name: string) => LoadedDefinition | undefined;
  }) {
    this.#store = deps.store;
    this.#parse = deps.parse;
    this.#current = deps.current;
  }

  /** Resolves when the snapshot is durable. Rejects with `StoreError`; the next call tries again. */
  ensure(loaded: LoadedDefinition): Promise<void> {
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

  /** The definition of a task. `undefined`: nobody has it; rejects with `DamagedValueError` or `StoreError`. */
  async load(workflow: string, digest: string): Promise<Definition | undefined> {
    const current = this.#current(workflow);
    if (current?.digest === digest) return current.definition;
    const cached = this.#cache.get(digest);
    if (cached !== undefined) return cached;
    const stored = await this.#store.get(keys.definition(digest));
    if (stored === undefined) return undefined;
    const definition = this.#parse(stored.value);
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(digest, definition);
    return definition;
  }

  async #write(loaded: LoadedDefinition): Promise<void> {
    const key = keys.definition(loaded.digest);
    if ((await this.#store.get(key)) !== undefined) return;
    // A conflict means that it is there already, which is all we want.
    await this.#store.commit({
      guards: [{ key, mark: null }],
      puts: [{ key, value: asJson(loaded.definition) }],
      deletes: [],
    });
  }
}
