import type { JsonValue } from '../core/json.ts';
import type { Batch, Mark } from '../store/task-store.ts';
import type { Intent, PlanKeys } from './keys.ts';
import type { PlannerLimits } from './limits.ts';
import { requestNumber, taskNumber } from './plan.ts';
import type { Head, RequestEntry, StoredRequest } from './plan.ts';
import type { Marked } from './plan-reader.ts';
import { PlannerRefusal } from './refusal.ts';
import { rowOf } from './rules.ts';

/** One commit of the planner while it is put together. */
export class PlanWrite {
  readonly #keys: PlanKeys;
  readonly #limits: PlannerLimits;
  readonly #guards: { readonly key: string; readonly mark: Mark }[] = [];
  readonly #puts: { readonly key: string; readonly value: JsonValue }[] = [];
  readonly #deletes: string[] = [];

  constructor(keys: PlanKeys, limits: PlannerLimits) {
    this.#keys = keys;
    this.#limits = limits;
  }

  get batch(): Batch {
    return { guards: this.#guards, puts: this.#puts, deletes: this.#deletes };
  }

  putHead(before: Marked<Head>, after: Head): void {
    this.#guards.push({ key: this.#keys.head, mark: before.mark });
    this.#puts.push({ key: this.#keys.head, value: { ...after } });
  }

  /** The request with all that follows from it. Throws `limit_exceeded`. */
  putRequest(before: Marked<StoredRequest> | undefined, after: RequestEntry, intent: Intent | undefined): void {
    const number = requestNumber(after.requestId) ?? 0;
    this.#refuseTooLarge(after);
    const keys = [...(before?.value.keys ?? []), ...(intent === undefined ? [] : [intent.hashed])];
    const forgotten = keys.splice(0, Math.max(0, keys.length - this.#limits.keys));
    const key = this.#keys.request(number);
    this.#guards.push({ key, mark: before?.mark ?? null });
    this.#puts.push({ key, value: { ...after, tasks: after.tasks.map((task) => ({ ...task })), keys } });
    this.#puts.push({ key: this.#keys.row(number), value: { ...rowOf(after) } });
    const [earlier, now] = [idsOf(before?.value), idsOf(after)];
    for (const id of now) if (!earlier.has(id)) this.#puts.push({ key: this.#keys.task(id), value: number });
    for (const id of earlier) if (!now.has(id)) this.#deletes.push(this.#keys.task(id));
    for (const hashed of forgotten) this.#deletes.push(this.#keys.key(hashed));
    if (intent === undefined) return;
    const met = this.#keys.key(intent.hashed);
    this.#guards.push({ key: met, mark: null });
    this.#puts.push({ key: met, value: { digest: intent.digest, request: number } });
  }

  /** The request and all that follows from it. */
  deleteRequest({ value, mark }: Marked<StoredRequest>): void {
    const number = requestNumber(value.requestId) ?? 0;
    this.#guards.push({ key: this.#keys.request(number), mark });
    this.#deletes.push(this.#keys.request(number), this.#keys.row(number));
    for (const id of idsOf(value)) this.#deletes.push(this.#keys.task(id));
    for (const hashed of value.keys) this.#deletes.push(this.#keys.key(hashed));
  }

  #refuseTooLarge(entry: RequestEntry): void {
    const { tasks, requestBytes } = this.#limits;
    if (entry.tasks.length > tasks) {
      throw new PlannerRefusal('limit_exceeded', `A request may have at most ${tasks} tasks`);
    }
    if (Buffer.byteLength(JSON.stringify(entry)) > requestBytes) {
      throw new PlannerRefusal('limit_exceeded', `A request with its tasks may have at most ${requestBytes} bytes`);
    }
  }
}

function idsOf(entry: RequestEntry | undefined): Set<number> {
  return new Set((entry?.tasks ?? []).flatMap(({ id }) => taskNumber(id) ?? []));
}
