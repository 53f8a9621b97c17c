import type { TaskStore } from '../store/task-store.ts';
import { planKeys, type Intent, type PlanKeys } from './keys.ts';
import type { PlannerLimits } from './limits.ts';
import { requestNumber, taskNumber } from './plan.ts';
import type { RequestEntry, RequestRow, StoredRequest } from './plan.ts';
import { PlanReader, type Marked, type PlanReaderDeps } from './plan-reader.ts';
import { PlanWrite } from './plan-write.ts';
import { PlannerRefusal } from './refusal.ts';
import { requestNotFound, taskNotFound, type NextTaskId } from './rules.ts';

/*
 * How plans are kept.
 *
 * S1 Every change is one commit: the request, its row in the inventory, the rows of its new and deleted tasks, the
 *    numbers that were drawn, and the idempotency key. Nobody is told before that is on the disk.
 * S2 It is guarded by the marks of what it was made from: when somebody else changed that meanwhile, in whatever
 *    process, it starts again from what is there then.
 * S3 Numbers are drawn in the commit that uses them, so none is given out twice.
 */

/** Each refused commit means that another process has got on; in this one, calls of a principal wait for each other. */
const MOST_ATTEMPTS = 200;

/** Makes of a request what it shall be; the same value when nothing changes. `nextId` draws the id of a new task. */
export type Change = (entry: RequestEntry, nextId: NextTaskId) => RequestEntry;

/** What an attempt leads to: its answer, and what has to be written first, if anything. */
interface Attempt {
  readonly entry: RequestEntry;
  readonly write?: PlanWrite;
}

/**
 * The requests of all principals, in the store of the tasks. Rejects with `PlannerRefusal`: nothing was changed; with
 * `StoreError`: a change may have been made all the same, and asking again with the same idempotency key is safe.
 */
export class PlanStore {
  readonly #store: TaskStore;
  readonly #reader: PlanReader;
  readonly #limits: PlannerLimits;
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(deps: PlanReaderDeps & { readonly limits: PlannerLimits }) {
    this.#store = deps.store;
    this.#reader = new PlanReader(deps);
    this.#limits = deps.limits;
  }

  /** Rejects with `Request not found`. */
  async request(principal: string, requestId: string): Promise<RequestEntry> {
    return publicPart((await this.#existing(planKeys(principal), requestId)).value);
  }

  /** The request that a task belongs to. Rejects with `Task not found`. */
  async requestOfTask(principal: string, taskId: string): Promise<RequestEntry> {
    const keys = planKeys(principal);
    const task = taskNumber(taskId);
    const number = task === undefined ? undefined : await this.#reader.requestOfTask(keys, task);
    const found = number === undefined ? undefined : await this.#reader.request(keys, number);
    if (found === undefined) throw taskNotFound();
    return publicPart(found.value);
  }

  /** The inventory, oldest first. */
  async requests(principal: string): Promise<readonly (RequestRow & { readonly requestId: string })[]> {
    const rows = await this.#reader.rows(planKeys(principal));
    return rows.map(({ number, row }) => ({ requestId: `req-${number}`, ...row }));
  }

  /** Keeps a new request. With an intent that has been met already: that request, as it is now. */
  create(
    principal: string,
    make: (requestId: string, nextId: NextTaskId) => RequestEntry,
    intent?: Intent,
  ): Promise<RequestEntry> {
    const keys = planKeys(principal);
    return this.#untilWritten(keys, intent, async () => {
      const head = await this.#reader.head(keys);
      const { requests, tasks, kept } = head.value;
      const write = new PlanWrite(keys, this.#limits);
      const oldest = kept < this.#limits.requests ? undefined : await this.#oldestCompleted(keys);
      if (oldest !== undefined) write.deleteRequest(oldest);
      const numbers = new Numbers(tasks);
      const entry = make(`req-${requests + 1}`, numbers.next);
      write.putHead(head, {
        requests: requests + 1,
        tasks: numbers.last,
        kept: oldest === undefined ? kept + 1 : kept,
      });
      write.putRequest(undefined, entry, intent);
      return { entry, write };
    });
  }

  /**
   * Changes a request. Rejects with `Request not found`. With an intent that has been met already: the request as it is
   * now.
   */
  change(principal: string, requestId: string, change: Change, intent?: Intent): Promise<RequestEntry> {
    const keys = planKeys(principal);
    return this.#untilWritten(keys, intent, async () => {
      const before = await this.#existing(keys, requestId);
      const head = await this.#reader.head(keys);
      const numbers = new Numbers(head.value.tasks);
      const earlier = publicPart(before.value);
      const entry = change(earlier, numbers.next);
      if (entry === earlier) return { entry };
      const write = new PlanWrite(keys, this.#limits);
      if (numbers.last > head.value.tasks) write.putHead(head, { ...head.value, tasks: numbers.last });
      write.putRequest(before, entry, intent);
      return { entry, write };
    });
  }

  async #existing(keys: PlanKeys, requestId: string): Promise<Marked<StoredRequest>> {
    const number = requestNumber(requestId);
    const found = number === undefined ? undefined : await this.#reader.request(keys, number);
    if (found === undefined) throw requestNotFound();
    return found;
  }

  /** The one whose place a new request takes. */
  async #oldestCompleted(keys: PlanKeys): Promise<Marked<StoredRequest>> {
    for (const { number, row } of await this.#reader.rows(keys)) {
      const found = row.completed ? await this.#reader.request(keys, number) : undefined;
      if (found?.value.completed === true) return found;
    }
    const { requests } = this.#limits;
    throw new PlannerRefusal(
      'limit_exceeded',
      `There are ${requests} requests that are not completed, and no more are kept: complete one of them first`,
    );
  }

  /**
   * Attempts until the write went through or there is nothing to write (S2). Calls of one principal in this process
   * wait for each other.
   */
  #untilWritten(keys: PlanKeys, intent: Intent | undefined, attempt: () => Promise<Attempt>): Promise<RequestEntry> {
    return this.#exclusive(keys.head, async () => {
      for (let attempts = 0; attempts < MOST_ATTEMPTS; attempts += 1) {
        const met = intent === undefined ? undefined : await this.#met(keys, intent);
        if (met !== undefined) return met;
        const { entry, write } = await attempt();
        if (write === undefined || (await this.#store.commit(write.batch)).ok) return entry;
      }
      throw new PlannerRefusal('conflict', 'Others change the same plan without a pause; try again');
    });
  }

  /** The request for which a call with this key has been made before. */
  async #met(keys: PlanKeys, { hashed, digest }: Intent): Promise<RequestEntry | undefined> {
    const met = await this.#reader.intent(keys, hashed);
    if (met === undefined) return undefined;
    if (met.digest !== digest) {
      throw new PlannerRefusal('idempotency_conflict', 'The idempotency key was used with other arguments');
    }
    const found = await this.#reader.request(keys, met.request);
    return found === undefined ? undefined : publicPart(found.value);
  }

  async #exclusive<T>(line: string, act: () => Promise<T>): Promise<T> {
    const done = (this.#last.get(line) ?? Promise.resolve()).then(act);
    const settled = done.catch(() => undefined);
    this.#last.set(line, settled);
    try {
      return await done;
    } finally {
      if (this.#last.get(line) === settled) this.#last.delete(line);
    }
  }
}

/** Draws numbers of tasks from the last one that was given out. */
class Numbers {
  last: number;

  constructor(last: number) {
    this.last = last;
  }

  readonly next = (): string => `task-${(this.last += 1)}`;
}

function publicPart({ requestId, originalRequest, splitDetails, tasks, completed }: StoredRequest): RequestEntry {
  return { requestId, originalRequest, splitDetails, tasks, completed };
}
