import { KeyvPostgres } from '@keyv/postgres';
import type { Guard, GroupWriter, Row } from '../group-commit.ts';
import { GroupRead } from '../group-read.ts';
import { MARK_LENGTH } from '../value-codec.ts';
import type { Connections } from './connections.ts';
import { decodeKey, encodeKey } from './key-codec.ts';

/** A row of a range read. */
export interface TextRow {
  readonly key: string;
  readonly value: string;
}

/** How a group of rows was written. `heard`: other processes want to be told of it. */
export type Written = 'refused' | 'alone' | 'heard';

const OUTCOMES: Readonly<Record<number, Written>> = { 0: 'refused', 1: 'alone', 2: 'heard' };

/**
 * Keyv's PostgreSQL adapter with what tasks need beside get and set: a pool of our own (the adapter's is one for the
 * whole process), a guarded atomic write of a group of batches, and ordered range reads. Never use `set`, `delete`,
 * `clear`, `iterator`, namespaces or TTL of it: the tables are not the adapter's, and these know neither guards nor the
 * encoding of keys. Every method rejects with `PostgresError`.
 */
export class PostgresTable extends KeyvPostgres implements GroupWriter {
  readonly #connections: Connections;
  readonly #schema: string;
  readonly #writer: string;
  readonly #wrote: (rows: readonly Row[]) => void;
  readonly #reads = new GroupRead((keys) => this.#texts(keys));

  /**
   * @param writer the id by which other processes tell our commits from theirs
   * @param wrote called after a write of which others want to be told
   */
  constructor(connections: Connections, writer: string, wrote: (rows: readonly Row[]) => void = () => undefined) {
    super({ schema: connections.address.schema, table: 'entries' });
    this.#connections = connections;
    this.#schema = connections.address.schema;
    this.#writer = writer;
    this.#wrote = wrote;
    this.query = async (sql: string, values?: readonly unknown[]) => [...(await connections.read(sql, values))];
    // Every failure also rejects the call that met it; without a listener the event would kill the process.
    this.on('error', () => undefined);
  }

  /** The adapter asks for this while it is made, to make a table of its own: it gets a connection to nothing. */
  override async connect(): Promise<() => Promise<never[]>> {
    return () => Promise.resolve([]);
  }

  async write(rows: readonly Row[], guards: readonly Guard[]): Promise<boolean> {
    // One statement cannot change a row twice: the last one counts.
    const last = [...new Map(rows).entries()];
    const [found] = await this.#connections.write(`SELECT ${this.#schema}.write_rows($1, $2, $3, $4, $5) AS outcome`, [
      this.#writer,
      guards.map(([key]) => encodeKey(key)),
      guards.map(([, mark]) => mark),
      last.map(([key]) => encodeKey(key)),
      last.map(([, text]) => text),
    ]);
    const outcome = OUTCOMES[Number(found?.['outcome'])];
    if (outcome === 'heard') this.#wrote(rows);
    return outcome !== 'refused';
  }

  async failing(guards: readonly Guard[]): Promise<ReadonlySet<string>> {
    if (guards.length === 0) return new Set();
    const found = await this.#connections.read(
      `SELECT g.key FROM unnest($1::text[], $2::text[]) AS g(key, mark) LEFT JOIN ${this.#schema}.entries e ON e.key = g.key
       WHERE left(e.value, ${MARK_LENGTH}) IS DISTINCT FROM g.mark`,
      [guards.map(([key]) => encodeKey(key)), guards.map(([, mark]) => mark)],
    );
    return new Set(found.map((row) => decodeKey(String(row['key']))));
  }

  /** Rows with `from` ≤ key < `to`, in the order of the bytes of their keys. */
  async rangeText(from: string, to: string, limit: number, reverse: boolean): Promise<readonly TextRow[]> {
    const found = await this.#connections.read(
      `SELECT key, value FROM ${this.#schema}.entries WHERE key >= $1 AND key < $2 ORDER BY key ${reverse ? 'DESC' : 'ASC'} LIMIT $3`,
      [encodeKey(from), encodeKey(to), limit],
    );
    return found.map((row) => ({ key: decodeKey(String(row['key'])), value: String(row['value']) }));
  }

  /** Keyv's read of one key. Reads that are asked for together share a statement. */
  override async get(key: string): Promise<unknown> {
    return this.#reads.get(key);
  }

  /** Keyv's read of many keys, in their order. */
  override async getMany(keys: string[]): Promise<unknown[]> {
    return this.#texts(keys);
  }

  async #texts(keys: readonly string[]): Promise<unknown[]> {
    const encoded = keys.map(encodeKey);
    const sql = `SELECT key, value FROM ${this.#schema}.entries WHERE key = ANY($1::text[])`;
    const found = await this.#connections.read(sql, [encoded]);
    const byKey = new Map(found.map((row) => [row['key'], row['value']]));
    return encoded.map((key) => byKey.get(key));
  }

  /** How many commits others have made; changes with each one. */
  async commitsOfOthers(): Promise<number> {
    const sql = `SELECT coalesce(sum(commits), 0)::text AS commits FROM ${this.#schema}.writers WHERE id <> $1`;
    const [found] = await this.#connections.read(sql, [this.#writer]);
    return Number(found?.['commits']);
  }

  /** Takes our row out of the counts, and those of processes that have not been seen for long. */
  async forgetWriters(unseen: string): Promise<void> {
    await this.#connections.read(`SELECT ${this.#schema}.forget_writers($1, $2::interval)`, [this.#writer, unseen]);
  }

  override async disconnect(): Promise<void> {
    await this.#connections.close();
  }
}
