import type { Row } from '../store/group-commit.ts';

/** An entry as it is stored: key, and text with its mark. */
export interface Entry {
  readonly key: string;
  readonly value: string;
}

/** What keeps everybody else from writing to a store. */
export interface Hold {
  /** False where the hold was lost, so that others may have written. Rejects with `StoreError`. */
  stands(): Promise<boolean>;
  release(): Promise<void>;
}

/** One end of a migration: a store below the encoding of its values. Every method rejects with `StoreError`. */
export interface Endpoint {
  /** Where it is, for people; no password. */
  readonly shown: string;
  /**
   * The entries from a key on, in the order of the bytes of their keys: at most 500 and about 8 MiB, but at least one
   * if there is one.
   */
  page(from: string): Promise<readonly Entry[]>;
  /** Writes rows (`null` removes) in one durable transaction. */
  write(rows: readonly Row[]): Promise<void>;
  /** Waits some seconds for whoever writes just now. */
  hold(): Promise<Hold>;
  close(): Promise<void>;
}

const PAGE_ROWS = 500;
const PAGE_CHARS = 8 * 1024 * 1024;

/** The statement of `page`, whose one parameter is the first key: both databases understand it. */
export function pageStatement(table: string, parameter: string): string {
  return `SELECT key, value FROM (
    SELECT key, value, sum(length(value)) OVER (ORDER BY key ROWS UNBOUNDED PRECEDING) - length(value) AS chars_before
    FROM (SELECT key, value FROM ${table} WHERE key >= ${parameter} ORDER BY key LIMIT ${PAGE_ROWS}) AS few
  ) AS counted WHERE chars_before < ${PAGE_CHARS} ORDER BY key`;
}
