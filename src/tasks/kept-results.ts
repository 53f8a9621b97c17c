import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import type { KeptResult, ResultCache } from '../engine/ports.ts';
import { keys } from './keys.ts';
import { asJson, objectOf } from './record.ts';
import type { Principal } from './task.ts';
import { DamagedValueError } from '../store/task-store.ts';
import type { Stored, TaskStore } from '../store/task-store.ts';
import { scan } from '../store/scan.ts';

/**
 * Results kept for one workflow and principal: each key has one of so many places, and takes it from whatever was
 * there.
 */
const PLACES = 1024;
/** Bytes of a result as JSON; a larger one is not kept. */
const MAX_BYTES = 256 * 1024;
const PAGE = 200;

export interface KeptResultsDeps {
  readonly store: TaskStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Results of steps with `cache_seconds` in the store, of one workflow and principal; bounded in number and size (D16).
 */
export class KeptResults implements ResultCache {
  readonly #deps: KeptResultsDeps;
  readonly #principal: Principal;
  readonly #workflow: string;

  constructor(deps: KeptResultsDeps, principal: Principal, workflow: string) {
    this.#deps = deps;
    this.#principal = principal;
    this.#workflow = workflow;
  }

  async get(key: string, maxAgeMs: number): Promise<KeptResult | undefined> {
    const { store, clock, logger } = this.#deps;
    try {
      const found = await store.get(this.#place(key));
      if (found === undefined || objectOf(found)['key'] !== key) return undefined;
      const age = clock.now() - Number(objectOf(found)['at']);
      if (age < 0 || age >= maxAgeMs) return undefined;
      // Written by `put` and unchanged since (checksum).
      return objectOf(found)['result'] as unknown as KeptResult;
    } catch (error) {
      logger.debug({ workflow: this.#workflow, error: messageOf(error) }, 'a kept result could not be read');
      return undefined;
    }
  }

  async put(key: string, result: KeptResult, ms: number): Promise<void> {
    const { store, clock, logger } = this.#deps;
    const at = clock.now();
    const expiresAt = at + Math.ceil(ms);
    const value = asJson({ key, at, expiresAt, result });
    if (Buffer.byteLength(JSON.stringify(value)) > MAX_BYTES) return;
    const place = this.#place(key);
    const end = keys.keptEnd(expiresAt, place);
    try {
      const before = await store.get(place);
      const stale = before === undefined ? end : keys.keptEnd(expiryOf(before), place);
      await store.commit({
        guards: [{ key: place, mark: before?.mark ?? null }],
        puts: [
          { key: place, value },
          { key: end, value: null },
        ],
        deletes: stale === end ? [] : [stale],
      });
    } catch (error) {
      logger.debug({ workflow: this.#workflow, error: messageOf(error) }, 'a result could not be kept');
    }
  }

  #place(key: string): string {
    return keys.kept(this.#principal, this.#workflow, Number.parseInt(key.slice(0, 8), 16) % PLACES);
  }
}

function expiryOf(stored: Stored): number {
  return Number(objectOf(stored)['expiresAt']);
}

/** Removes the results whose time is over. Rejects with `StoreError`. */
export async function sweepKeptResults(store: TaskStore, now: number): Promise<void> {
  for await (const { key } of scan(store, keys.keptEndsUpTo(now), PAGE)) await sweepRow(store, key, now);
}

/** A place may have been taken by a newer result since; a damaged one is of no use to anybody. */
async function sweepRow(store: TaskStore, row: string, now: number): Promise<void> {
  const place = keys.placeOfKeptEnd(row);
  let found: Stored | undefined;
  try {
    found = await store.get(place);
  } catch (error) {
    if (!(error instanceof DamagedValueError)) throw error;
    await store.commit({ guards: [], puts: [], deletes: [row, place] });
    return;
  }
  const over = found !== undefined && expiryOf(found) <= now;
  const guards = over && found !== undefined ? [{ key: place, mark: found.mark }] : [];
  await store.commit({ guards, puts: [], deletes: over ? [row, place] : [row] });
}
