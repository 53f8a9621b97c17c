import type { JsonValue } from '../core/json.ts';

/** Opaque mark of a stored value: equal marks mean the same bytes. `null` = the key does not exist. */
export type Mark = string | null;

/** A stored value with its mark. */
export interface Stored {
  readonly key: string;
  readonly value: JsonValue;
  readonly mark: string;
}

/**
 * One atomic change: all of it or nothing. Every guard must still hold at the moment of the write, in the same
 * transaction, else the whole batch is refused (this is the compare-and-set that Keyv itself does not have, and how the
 * epoch fences: D6).
 */
export interface Batch {
  readonly guards: readonly { readonly key: string; readonly mark: Mark }[];
  readonly puts: readonly { readonly key: string; readonly value: JsonValue }[];
  readonly deletes: readonly string[];
}

/** `conflict` names the first guard that did not hold; nothing was written. Marks are those of `puts`, in order. */
export type CommitResult =
  { readonly ok: true; readonly marks: readonly string[] } | { readonly ok: false; readonly conflict: string };

/**
 * The store failed: a write that rejects with this was not acknowledged and is to be taken as not made, though it may
 * have been.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  /** `full`: no space. `busy`: locked by others too long. `io`: anything else. */
  readonly kind: 'full' | 'busy' | 'io';
  /** What an operator can do, for the log and the terminal of this machine only: it names processes and files. */
  readonly advice: string | undefined;
  constructor(
    kind: 'full' | 'busy' | 'io',
    message: string,
    options: ErrorOptions & { readonly advice?: string } = {},
  ) {
    super(message, options);
    this.kind = kind;
    this.advice = options.advice;
  }
}

/**
 * A stored value that does not match its checksum or is not JSON. It is reported, and left where it is unless it can be
 * made again.
 */
export class DamagedValueError extends Error {
  override readonly name = 'DamagedValueError';
  readonly key: string;
  /** What a guard has to say to write over it, where the store knows. */
  readonly mark: string | undefined;
  constructor(key: string, message: string, mark?: string) {
    super(message);
    this.key = key;
    this.mark = mark;
  }
}

/**
 * The persistent store behind tasks: ordered keys, atomic guarded batches, range reads. Contract suite:
 * test/store/task-store.suite.ts; implementations: Keyv on SQLite, memory.
 *
 * Durability: `commit` resolves only after its transaction is on the disk (WAL, synchronous=FULL); concurrent commits
 * share one transaction. Order: a read that starts after a commit has resolved sees it, in every process on the same
 * store.
 */
export interface TaskStore {
  /**
   * `undefined` = no such key. Rejects with `DamagedValueError` or `StoreError`, never resolves to a wrong "nothing".
   */
  get(key: string): Promise<Stored | undefined>;
  getMany(keys: readonly string[]): Promise<readonly (Stored | undefined)[]>;
  /**
   * Keys `from` ≤ key < `to` in order, ascending unless `reverse`. Damaged values are skipped and named in `damaged`.
   */
  range(query: {
    readonly from: string;
    readonly to: string;
    readonly limit: number;
    readonly reverse?: boolean;
  }): Promise<{ readonly items: readonly Stored[]; readonly damaged: readonly string[] }>;
  commit(batch: Batch): Promise<CommitResult>;
  /**
   * A number that changes when another connection has committed since the last call; cheap, for noticing other
   * processes.
   */
  changeCounter(): Promise<number>;
  /** Resolves when a small write can be made durable now; rejects with `StoreError`. For readiness. */
  probe(): Promise<void>;
  close(): Promise<void>;
}
