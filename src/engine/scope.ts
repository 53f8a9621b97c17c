import { ownProperty, type JsonObject, type JsonValue } from '../core/json.ts';
import type { NameLookup } from '../definition/expression/contract.ts';
import type { Finished, Results } from './results.ts';
import { NOT_RUN, stepView, type ViewOf } from './step-view.ts';
import type { Variables } from './variables.ts';

const NOTHING: JsonObject = {};

/** What all scopes of a run share. */
export interface World {
  readonly variables: Variables;
  readonly results: Results;
  /** Every step of the definition by id. */
  readonly steps: ReadonlyMap<string, { readonly kind: ViewOf }>;
  /** `task`, `workflow`, `schedule`: fixed for the run. */
  readonly fixed: JsonObject;
}

/**
 * The names at one place of a run: names bound there (`item`, `error`, …), then the roots, then steps by id: the same
 * iteration first, then outwards. `{{step_<id>}}` names a step too (the seed's spelling). A step that did not run is
 * there and all null.
 */
export class Scope implements NameLookup {
  readonly #world: World;
  /** Prefix of the iteration it belongs to, `''` outside of all. */
  readonly key: string;
  /** Names bound here and further out, the inner ones over the outer ones. */
  readonly bound: JsonObject;
  readonly #shown: Finished | undefined;

  constructor(world: World, key = '', bound: JsonObject = NOTHING, shown?: Finished) {
    this.#world = world;
    this.key = key;
    this.bound = bound;
    this.#shown = shown;
  }

  /** The same place with more names. */
  with(names: JsonObject): Scope {
    return new Scope(this.#world, this.key, this.#and(names), this.#shown);
  }

  /** The scope of an iteration inside this one. */
  iteration(key: string, names: JsonObject): Scope {
    return new Scope(this.#world, key, this.#and(names), this.#shown);
  }

  /** The same place, where a step's name means this very checkpoint and not the last one under the name. */
  showing(shown: Finished): Scope {
    return new Scope(this.#world, this.key, this.bound, shown);
  }

  #and(names: JsonObject): JsonObject {
    return this.bound === NOTHING ? names : { ...this.bound, ...names };
  }

  lookup(name: string): JsonValue | undefined {
    const own = ownProperty(this.bound, name);
    if (own !== undefined) return own;
    const world = this.#world;
    switch (name) {
      case 'variables':
        return world.variables.all;
      case 'input':
        return world.variables.input;
      case 'saved':
        return world.variables.saved;
      case 'steps':
        return this.#steps();
      default:
        return ownProperty(world.fixed, name) ?? this.#step(name);
    }
  }

  *names(): Iterable<string> {
    yield* Object.keys(this.bound);
    yield* ['variables', 'input', 'saved', 'steps'];
    yield* Object.keys(this.#world.fixed);
    yield* this.#world.steps.keys();
  }

  #step(name: string): JsonObject | undefined {
    const steps = this.#world.steps;
    const id = !steps.has(name) && name.startsWith('step_') ? name.slice('step_'.length) : name;
    const known = steps.get(id);
    if (known === undefined) return undefined;
    const entry = this.#shown?.step === id ? this.#shown : this.#world.results.find(this.key, id);
    return entry === undefined ? NOT_RUN : stepView(entry.result, known.kind);
  }

  /**
   * All steps as one object whose members are looked up when read: a graph of a thousand steps costs nothing until
   * named.
   */
  #steps(): JsonObject {
    const ids = this.#world.steps;
    const read = (key: string | symbol): JsonObject | undefined =>
      typeof key === 'string' && ids.has(key) ? this.#step(key) : undefined;
    return new Proxy<JsonObject>(
      {},
      {
        has: (_target, key) => typeof key === 'string' && ids.has(key),
        get: (_target, key) => read(key),
        ownKeys: () => [...ids.keys()],
        getOwnPropertyDescriptor: (_target, key) => {
          const value = read(key);
          return value === undefined ? undefined : { configurable: true, enumerable: true, writable: false, value };
        },
      },
    );
  }
}
