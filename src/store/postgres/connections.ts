import pg from 'pg';
import type { Client, PoolClient } from 'pg';
import type { Clock } from '../../core/clock.ts';
import { parseAddress } from './address.ts';
import type { PostgresAddress } from './address.ts';
import { PostgresError, postgresErrorOf } from './failures.ts';
import { Reachability } from './reachability.ts';
import { endBackend, prepareSession, SILENCE_MS } from './session.ts';
import type { Backend } from './session.ts';

/** A row as the driver gives it. */
export type Columns = Readonly<Record<string, unknown>>;

const MAX_CONNECTIONS = 8;
const CONNECT_MS = 5000;
/** A connection is made anew after this, so that it follows a name that leads elsewhere. */
const LIFETIME_SECONDS = 1800;
/** A server that restarts is back within this time, and nobody is told. */
const PATIENCE_MS = 3000;
const READ_TRIES = 3;
const ACQUIRE_TRIES = 3;
const END_MS = 2000;

/** What connections need from outside. */
export interface ConnectionDeps {
  readonly clock: Clock;
  readonly random: () => number;
  /** For what an operator should know. */
  readonly warn: (message: string) => void;
}

/**
 * Opens the connections of an address, lets `use` begin with them, and closes them when that fails. Rejects with
 * `PostgresError`.
 */
export async function connected<T>(
  address: string,
  deps: ConnectionDeps,
  use: (connections: Connections) => Promise<T>,
): Promise<T> {
  const connections = new Connections(parseAddress(address), deps);
  try {
    await connections.check();
    return await use(connections);
  } catch (error) {
    await connections.close();
    throw error;
  }
}

interface Known extends Backend {
  readonly generation: number;
}

/**
 * Our pool of connections to one database. Each connection is set up and checked before it is used; when the server is
 * lost, all of them are given up and new ones are tried for with back-off. Every method rejects with `PostgresError`.
 */
export class Connections {
  readonly address: PostgresAddress;
  readonly #clock: Clock;
  readonly #warn: (message: string) => void;
  readonly #pool: pg.Pool;
  readonly #reachability: Reachability;
  readonly #known = new WeakMap<object, Known>();
  readonly #warned = new Set<string>();
  /** Server processes with a statement of ours of which nobody knows whether it took effect. */
  #uncertain: Backend[] = [];
  #generation = 0;

  constructor(address: PostgresAddress, deps: ConnectionDeps) {
    this.address = address;
    this.#clock = deps.clock;
    this.#warn = deps.warn;
    this.#pool = new pg.Pool({ ...this.#options(), max: MAX_CONNECTIONS, maxLifetimeSeconds: LIFETIME_SECONDS });
    // An idle connection that breaks is taken out by the pool; whoever needs one next meets the reason.
    this.#pool.on('error', () => undefined);
    this.#reachability = new Reachability({ ...deps, patienceMs: PATIENCE_MS, attempt: () => this.#comeBack() });
  }

  /**
   * The rows of a statement that changes nothing, or may be made twice. It is made again on another connection when the
   * first one breaks.
   */
  async read(sql: string, values: readonly unknown[] = []): Promise<readonly Columns[]> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#once(sql, values, false);
      } catch (error) {
        if (!(error instanceof PostgresError) || !error.uncertain || tries === READ_TRIES) throw error;
      }
    }
  }

  /**
   * The rows of one statement, made at most once. When its connection breaks in the middle, its server process is ended
   * before anything else is asked: what was rejected does not take effect later.
   */
  async write(sql: string, values: readonly unknown[]): Promise<readonly Columns[]> {
    try {
      return await this.#once(sql, values, true);
    } catch (error) {
      if (error instanceof PostgresError && error.uncertain) await this.#reachability.ready().catch(() => undefined);
      throw error;
    }
  }

  /**
   * Statements on one connection, as for a transaction. One on which something failed is given up, and with it what was
   * not committed.
   */
  async together<T>(act: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#acquire();
    try {
      const result = await act(client);
      client.release();
      return result;
    } catch (thrown) {
      client.release(true);
      throw postgresErrorOf(thrown, this.address.shown);
    }
  }

  /** A connection of its own, set up and checked, that the caller ends. */
  async dedicated(): Promise<Client> {
    const client = new pg.Client(this.#options());
    client.on('error', () => undefined);
    try {
      await client.connect();
      await prepareSession(client, this.address.shown);
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw postgresErrorOf(error, this.address.shown);
    }
  }

  /** Tries once, without patience. For the opening: a wrong address is told at once. */
  async check(): Promise<void> {
    try {
      (await this.#checkOut()).release();
    } catch (error) {
      throw postgresErrorOf(error, this.address.shown);
    }
  }

  async close(): Promise<void> {
    this.#reachability.close();
    // A connection whose other end is silent says nothing of its end.
    const enough = new AbortController();
    const late = this.#clock.sleep(END_MS, enough.signal).catch(() => undefined);
    await Promise.race([this.#pool.end().catch(() => undefined), late]);
    enough.abort();
  }

  #options(): pg.ClientConfig {
    return {
      connectionString: this.address.connectionString,
      application_name: 'mcp-workflow-engine',
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: SILENCE_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    };
  }

  async #once(sql: string, values: readonly unknown[], isWrite: boolean): Promise<readonly Columns[]> {
    const client = await this.#acquire();
    try {
      const { rows } = await client.query<Columns>(sql, [...values]);
      client.release();
      return rows;
    } catch (thrown) {
      const error = postgresErrorOf(thrown, this.address.shown);
      client.release(error.lost);
      if (error.lost) this.#lost(client, error, isWrite);
      throw error;
    }
  }

  #lost(client: PoolClient, error: PostgresError, isWrite: boolean): void {
    const known = this.#known.get(client);
    const isCurrent = known?.generation === this.#generation;
    if (isWrite && error.uncertain && known !== undefined) this.#uncertain.push(known);
    // One of many that broke together, after others have come back already.
    else if (!isCurrent) return;
    if (isCurrent) this.#generation += 1;
    this.#reachability.lost(error);
  }

  /** A connection that is ready for use, within the bounds of patience. Nothing has been sent when this rejects. */
  async #acquire(): Promise<PoolClient> {
    for (let tries = 1; ; tries += 1) {
      await this.#reachability.ready();
      try {
        return await this.#checkOut();
      } catch (thrown) {
        const { kind, message, advice, lost } = postgresErrorOf(thrown, this.address.shown);
        const error = new PostgresError(kind, message, {
          ...(advice === undefined ? {} : { advice }),
          lost,
          cause: thrown,
        });
        if (lost) this.#reachability.lost(error);
        if (!lost || tries === ACQUIRE_TRIES) throw error;
      }
    }
  }

  async #checkOut(): Promise<PoolClient> {
    for (;;) {
      const client = await this.#pool.connect();
      const known = this.#known.get(client);
      if (known?.generation === this.#generation) return client;
      if (known !== undefined) {
        client.release(true);
        continue;
      }
      // Without a listener a connection that breaks between two statements would end the process.
      client.on('error', () => undefined);
      const generation = this.#generation;
      try {
        const backend = await prepareSession(client, this.address.shown);
        this.#known.set(client, { ...backend, generation });
        this.#tell(backend.warnings);
        return client;
      } catch (error) {
        client.release(true);
        throw error;
      }
    }
  }

  /** Resolves when the server can be used again and no statement of ours may still take effect there. */
  async #comeBack(): Promise<void> {
    let client: PoolClient;
    try {
      client = await this.#checkOut();
    } catch (thrown) {
      throw postgresErrorOf(thrown, this.address.shown);
    }
    try {
      for (let backend = this.#uncertain[0]; backend !== undefined; backend = this.#uncertain[0]) {
        await endBackend(client, backend);
        this.#uncertain = this.#uncertain.filter((one) => one !== backend);
      }
      client.release();
    } catch (thrown) {
      client.release(true);
      throw postgresErrorOf(thrown, this.address.shown);
    }
  }

  #tell(warnings: readonly string[]): void {
    for (const warning of warnings) {
      if (!this.#warned.has(warning)) this.#warn(warning);
      this.#warned.add(warning);
    }
  }
}
