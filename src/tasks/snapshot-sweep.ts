import { isJsonObject } from '../core/json.ts';
import type { LoadedDefinition } from '../definition/model.ts';
import { snapshotIn } from './definition-snapshots.ts';
import { keys, lastPart, under } from './keys.ts';
import { objectOf } from './record.ts';
import type { Stored, TaskStore } from '../store/task-store.ts';
import { scan } from '../store/scan.ts';

/** How often it is done: it reads every record when there is a snapshot that is nobody's current definition. */
export const SNAPSHOT_SWEEP_MS = 3_600_000;

/**
 * Removes definition snapshots that no task uses. First they are retired, which changes their mark and so makes every
 * creation that counts on them fail its guard and write them anew; then the tasks are looked through once more; only
 * then what is still retired and unused goes. With a damaged record about, nothing goes: it may be the one that needs
 * it.
 */
export class SnapshotSweep {
  readonly #store: TaskStore;
  readonly #definitions: { get(name: string): LoadedDefinition | undefined };

  constructor(deps: {
    readonly store: TaskStore;
    readonly definitions: { get(name: string): LoadedDefinition | undefined };
  }) {
    this.#store = deps.store;
    this.#definitions = deps.definitions;
  }

  /** One round. Rejects with `StoreError`; what it did not get to is done by the next one. */
  async round(): Promise<void> {
    const idle = await this.#idle();
    if (idle.length === 0) return;
    const used = await this.#used();
    if (used === undefined) return;
    for (const { key, value, mark } of idle) {
      if (used.has(lastPart(key)) || snapshotIn(value).retired) continue;
      await this.#store.commit({ guards: [{ key, mark }], puts: [{ key, value: { retired: value } }], deletes: [] });
    }
    const retired = (await this.#idle()).filter(({ value }) => snapshotIn(value).retired);
    const usedNow = retired.length === 0 ? undefined : await this.#used();
    if (usedNow === undefined) return;
    for (const { key, value, mark } of retired) {
      const guards = [{ key, mark }];
      if (!usedNow.has(lastPart(key))) await this.#store.commit({ guards, puts: [], deletes: [key] });
      else await this.#store.commit({ guards, puts: [{ key, value: snapshotIn(value).definition }], deletes: [] });
    }
  }

  /** Snapshots that are not the current definition of their name. */
  async #idle(): Promise<readonly Stored[]> {
    const idle: Stored[] = [];
    for await (const { stored } of scan(this.#store, under(keys.definition('')))) {
      if (stored === undefined) continue;
      const { definition } = snapshotIn(stored.value);
      const name = isJsonObject(definition) ? definition['name'] : undefined;
      const current = typeof name === 'string' ? this.#definitions.get(name)?.digest : undefined;
      if (current !== lastPart(stored.key)) idle.push(stored);
    }
    return idle;
  }

  /** The digests that tasks were made with; `undefined` when that cannot be known. */
  async #used(): Promise<ReadonlySet<unknown> | undefined> {
    const used = new Set<unknown>();
    for await (const { stored } of scan(this.#store, keys.allTasks)) {
      if (stored === undefined) return undefined;
      used.add(objectOf(stored)['digest']);
    }
    return used;
  }
}
