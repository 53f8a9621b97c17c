import type { Clock } from '../core/clock.ts';
import type { JsonValue } from '../core/json.ts';
import { hashOf, keys, lastPart, under } from './keys.ts';
import { loadRecords, objectOf } from './record.ts';
import type { TaskRecord } from './record.ts';
import type { Stored, TaskStore } from '../store/task-store.ts';
import { scanPages } from '../store/scan.ts';

const PAGE = 1000;
/** How old the count of other processes' tasks may be. */
const OTHERS_MS = 2000;

/** The row that shows that a task is open: who runs it (`null` = nobody yet), and whose it is. */
export function openRow({ id, principal }: TaskRecord, runner: string | null): { key: string; value: JsonValue } {
  return { key: keys.open(id), value: { runner, owner: hashOf(principal) } };
}

/** What the count needs. */
export interface OthersOpenDeps {
  readonly store: TaskStore;
  readonly clock: Clock;
  readonly runnerId: string;
  readonly reportDamage: (key: string, message: string) => void;
}

/** Counts the open tasks of other processes, and those that nobody runs yet, by principal; at most two seconds old. */
export class OthersOpen {
  readonly #deps: OthersOpenDeps;
  #counted: { readonly at: number; readonly byOwner: Promise<ReadonlyMap<string, number>> } | undefined;

  constructor(deps: OthersOpenDeps) {
    this.#deps = deps;
  }

  /** `now`: counted for this call, not from memory. Rejects with `StoreError`. */
  async of(principal: string, now = false): Promise<number> {
    const at = this.#deps.clock.monotonic();
    if (now || this.#counted === undefined || at - this.#counted.at >= OTHERS_MS) {
      const counted = { at, byOwner: this.#count() };
      this.#counted = counted;
      counted.byOwner.catch(() => {
        if (this.#counted === counted) this.#counted = undefined;
      });
    }
    return (await this.#counted.byOwner).get(hashOf(principal)) ?? 0;
  }

  async #count(): Promise<ReadonlyMap<string, number>> {
    const { store, runnerId } = this.#deps;
    const byOwner = new Map<string, number>();
    for await (const page of scanPages(store, under(keys.allOpen), PAGE)) {
      const rows = page.flatMap(({ stored }) => stored ?? []);
      const others = rows.filter((stored) => objectOf(stored)['runner'] !== runnerId);
      for (const owner of await this.#ownersOf(others)) byOwner.set(owner, (byOwner.get(owner) ?? 0) + 1);
    }
    return byOwner;
  }

  /** Rows of older releases do not say whose they are; their records do. */
  async #ownersOf(rows: readonly Stored[]): Promise<readonly string[]> {
    const { store, reportDamage } = this.#deps;
    const owners = rows.map((row) => objectOf(row)['owner']);
    const silent = rows.filter((_row, index) => typeof owners[index] !== 'string').map(({ key }) => lastPart(key));
    const found = silent.length === 0 ? [] : await loadRecords(store, silent, reportDamage);
    return [
      ...owners.filter((owner) => typeof owner === 'string'),
      ...found.flatMap((marked) => (marked === undefined ? [] : [hashOf(marked.record.principal)])),
    ];
  }
}
