import type { z } from 'zod';
import type { JsonValue } from '../core/json.ts';
import { DamagedValueError } from '../store/task-store.ts';
import type { Mark, TaskStore } from '../store/task-store.ts';
import { numberOf, type KeyRange, type PlanKeys } from './keys.ts';
import { storedHead, storedKey, storedRequest, storedRow, storedTaskRow } from './plan.ts';
import type { Head, RequestRow, StoredRequest } from './plan.ts';
import { PlannerRefusal } from './refusal.ts';
import { rowOf } from './rules.ts';

/** A value with what a guard has to say about it. */
export interface Marked<T> {
  readonly value: T;
  readonly mark: Mark;
}

export interface PlanReaderDeps {
  readonly store: TaskStore;
  /** A damaged value was met; it is left where it is. */
  readonly reportDamage: (key: string, message: string) => void;
}

const PAGE = 200;

/**
 * Reads the values of the planner and checks each at the door. What is damaged and can be made again from the rest is;
 * otherwise the call is refused with code `damaged`. Rejects with `StoreError` when the store cannot be read.
 */
export class PlanReader {
  readonly #store: TaskStore;
  readonly #reportDamage: PlanReaderDeps['reportDamage'];

  constructor({ store, reportDamage }: PlanReaderDeps) {
    this.#store = store;
    this.#reportDamage = reportDamage;
  }

  async request(keys: PlanKeys, number: number): Promise<Marked<StoredRequest> | undefined> {
    return this.#orRefuse(keys.request(number), storedRequest);
  }

  /** The number of the request that a task belongs to. */
  async requestOfTask(keys: PlanKeys, task: number): Promise<number | undefined> {
    return (await this.#orRefuse(keys.task(task), storedTaskRow))?.value;
  }

  /** What was done for an idempotency key. */
  async intent(keys: PlanKeys, hashed: string): Promise<{ digest: string; request: number } | undefined> {
    return (await this.#orRefuse(keys.key(hashed), storedKey))?.value;
  }

  /** Where the numbers stand. A damaged head is made again: no number that a key still holds is given out twice. */
  async head(keys: PlanKeys): Promise<Marked<Head>> {
    try {
      return (await this.#value(keys.head, storedHead)) ?? { value: { requests: 0, tasks: 0, kept: 0 }, mark: null };
    } catch (error) {
      if (!(error instanceof DamagedValueError) || error.mark === undefined) throw this.#refusal(error);
      this.#reportDamage(error.key, error.message);
      const kept = (await this.#keysIn(keys.allRequests)).length;
      const [requests, tasks] = [await this.#lastIn(keys.allRequests), await this.#lastIn(keys.allTasks)];
      return { value: { requests, tasks, kept }, mark: error.mark };
    }
  }

  /** The inventory in order of the numbers. A damaged row is made again from its request. */
  async rows(keys: PlanKeys): Promise<readonly { readonly number: number; readonly row: RequestRow }[]> {
    const rows: { readonly number: number; readonly row: RequestRow }[] = [];
    for (const key of await this.#keysIn(keys.allRows, (found, value) => {
      const parsed = storedRow.safeParse(value);
      if (parsed.success) rows.push({ number: numberOf(found), row: parsed.data });
      return parsed.success;
    })) {
      this.#reportDamage(key, 'a row of the inventory is damaged');
      const request = await this.request(keys, numberOf(key)).catch(() => undefined);
      if (request !== undefined) rows.push({ number: numberOf(key), row: rowOf(request.value) });
    }
    return rows.toSorted((one, other) => one.number - other.number);
  }

  /** All keys of a range but those whose value was taken. */
  async #keysIn(range: KeyRange, take: (key: string, value: JsonValue) => boolean = () => false): Promise<string[]> {
    const left: string[] = [];
    for (let { from } = range; ;) {
      const page = await this.#store.range({ from, to: range.to, limit: PAGE });
      const sound = page.items.filter(({ key, value }) => !take(key, value)).map(({ key }) => key);
      left.push(...sound, ...page.damaged);
      const seen = [...page.items.map(({ key }) => key), ...page.damaged].sort();
      if (seen.length < PAGE) return left;
      from = `${seen.at(-1) ?? range.to}\0`;
    }
  }

  async #lastIn(range: KeyRange): Promise<number> {
    const { items, damaged } = await this.#store.range({ ...range, limit: 1, reverse: true });
    return Math.max(0, ...[...items.map(({ key }) => key), ...damaged].map(numberOf));
  }

  async #orRefuse<T>(key: string, schema: z.ZodType<T>): Promise<Marked<T> | undefined> {
    try {
      return await this.#value(key, schema);
    } catch (error) {
      throw this.#refusal(error);
    }
  }

  async #value<T>(key: string, schema: z.ZodType<T>): Promise<Marked<T> | undefined> {
    const stored = await this.#store.get(key);
    if (stored === undefined) return undefined;
    const parsed = schema.safeParse(stored.value);
    if (!parsed.success) throw new DamagedValueError(key, 'it is no value of the planner', stored.mark);
    return { value: parsed.data, mark: stored.mark };
  }

  #refusal(error: unknown): unknown {
    if (!(error instanceof DamagedValueError)) return error;
    this.#reportDamage(error.key, error.message);
    return new PlannerRefusal('damaged', 'Stored data of the planner is damaged; the log of the server names it');
  }
}
