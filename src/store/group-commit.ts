import { StoreError } from './task-store.ts';
import type { Batch, CommitResult, Mark } from './task-store.ts';
import { encodeValue } from './value-codec.ts';

/** A row to write: its encoded text, or `null` to remove the key. */
export type Row = readonly [key: string, text: string | null];
export type Guard = readonly [key: string, mark: Mark];

/** One atomic statement of a database. */
export interface GroupWriter {
  /**
   * Writes all rows in one durable transaction if every guard holds; false = some guard did not, and nothing was
   * written. Rejects with `StoreError`.
   */
  write(rows: readonly Row[], guards: readonly Guard[]): Promise<boolean>;
  /** The keys among the guards that do not hold now. */
  failing(guards: readonly Guard[]): Promise<ReadonlySet<string>>;
}

interface Waiting {
  readonly rows: readonly Row[];
  readonly guards: readonly Guard[];
  readonly marks: readonly string[];
  readonly size: number;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Bound variables of one statement stay far below SQLite's 32 766, and one statement's text below what would delay
 * others.
 */
const MAX_GROUP_ROWS = 4000;
const MAX_GROUP_CHARS = 8 * 1024 * 1024;
/** Groups of so many batches are worth a transaction of their own beside another. */
const PART = 16;

/**
 * Group commit: while one transaction is in flight, all new batches gather and go out as the next one.
 *
 * - Batches take effect in the order in which they were given; two that touch one key never share a transaction.
 * - A batch whose guard does not hold is refused alone; the others of its group go on without it.
 * - When a transaction fails, every batch in it is rejected: none of them was acknowledged.
 * - Batches that were answered together tend to be followed together: after a group, the next one waits for `company`.
 * - Many are parted in two that take turns: while one part is being written, those who wait for the other do their
 *   work.
 */
export class GroupCommit {
  readonly #writer: GroupWriter;
  readonly #company: (() => Promise<void>) | undefined;
  #queue: Waiting[] = [];
  /** Batches of the last transaction. */
  #together = 0;
  #running: Promise<void> | undefined;
  #closed = false;

  /** @param company a short wait in which others can come, far below the time of a transaction. Absent = none. */
  constructor(writer: GroupWriter, company?: () => Promise<void>) {
    this.#writer = writer;
    this.#company = company;
  }

  /** Resolves when the batch is durable or refused; rejects with `StoreError`. */
  commit(batch: Batch): Promise<CommitResult> {
    if (this.#closed) return Promise.reject(new StoreError('io', 'the store is closed'));
    return new Promise((resolve, reject) => {
      const rows: Row[] = [];
      const marks: string[] = [];
      let size = 0;
      for (const { key, value } of batch.puts) {
        const { mark, text } = encodeValue(key, value);
        rows.push([key, text]);
        marks.push(mark);
        size += text.length;
      }
      for (const key of batch.deletes) rows.push([key, null]);
      const guards = batch.guards.map(({ key, mark }): Guard => [key, mark]);
      this.#queue.push({ rows, guards, marks, size, resolve, reject });
      this.#running ??= this.#drain();
    });
  }

  /** Refuses new batches and resolves when those that wait have settled. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #drain(): Promise<void> {
    // Let everything that is committed in this turn of the event loop share the first transaction.
    await Promise.resolve();
    let writing: Promise<() => void> | undefined;
    while (writing !== undefined || this.#queue.length > 0) {
      if (writing === undefined) {
        if (this.#together > 1) await this.#company?.();
        const parted = this.#queue.length >= 2 * PART;
        writing = this.#write(parted ? Math.ceil(this.#queue.length / 2) : this.#queue.length);
      }
      const answer = await writing;
      // The other part goes out before this one is answered.
      writing = this.#queue.length >= PART ? this.#write(this.#queue.length) : undefined;
      answer();
    }
    this.#running = undefined;
  }

  /** Writes the batches that are first in line; resolves with how to tell those who wait for them. */
  #write(most: number): Promise<() => void> {
    const group = this.#takeGroup(most);
    this.#together = group.length;
    return this.#commitGroup(group).catch((error: unknown) => () => {
      for (const waiting of group) waiting.reject(error);
    });
  }

  #takeGroup(most: number): Waiting[] {
    const group: Waiting[] = [];
    const written = new Set<string>();
    let rows = 0;
    let size = 0;
    for (const next of this.#queue) {
      if (group.length === most) break;
      const touches = touchesAny(next.rows, written) || touchesAny(next.guards, written);
      const full = rows + next.rows.length > MAX_GROUP_ROWS || size + next.size > MAX_GROUP_CHARS;
      if (group.length > 0 && (touches || full)) break;
      group.push(next);
      rows += next.rows.length + next.guards.length;
      size += next.size;
      for (const [key] of next.rows) written.add(key);
    }
    this.#queue = this.#queue.slice(group.length);
    return group;
  }

  /**
   * Tells those whose guards do not hold; resolves with how to tell the others. Rejects with `StoreError`: none of
   * these was written.
   */
  async #commitGroup(group: readonly Waiting[]): Promise<() => void> {
    let left = group;
    while (left.length > 0) {
      const [only, ...more] = left;
      const guards = (more.length === 0 ? only?.guards : left.flatMap((waiting) => waiting.guards)) ?? [];
      const rows = (more.length === 0 ? only?.rows : left.flatMap((waiting) => waiting.rows)) ?? [];
      const written = rows.length > 0 && (await this.#writer.write(rows, guards));
      const failing = written ? undefined : await this.#writer.failing(guards);
      if (written || (rows.length === 0 && failing?.size === 0)) break;
      const held: Waiting[] = [];
      for (const waiting of left) {
        const conflict = waiting.guards.find(([key]) => failing?.has(key))?.[0];
        if (conflict === undefined) held.push(waiting);
        else waiting.resolve({ ok: false, conflict });
      }
      left = held;
    }
    return () => {
      for (const { resolve, marks } of left) resolve({ ok: true, marks });
    };
  }
}

function touchesAny(pairs: readonly (readonly [key: string, unknown])[], keys: ReadonlySet<string>): boolean {
  for (const [key] of pairs) if (keys.has(key)) return true;
  return false;
}
