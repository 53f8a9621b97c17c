import type { Row } from '../store/group-commit.ts';
import { pageStatement } from './endpoint.ts';
import type { Endpoint, Entry, Hold } from './endpoint.ts';
import { connected } from '../store/postgres/connections.ts';
import type { Connections, ConnectionDeps } from '../store/postgres/connections.ts';
import { PostgresError, postgresErrorOf } from '../store/postgres/failures.ts';
import { decodeKey, encodeKey } from '../store/postgres/key-codec.ts';
import { migrate, versionOf, wholeStoreLock } from '../store/postgres/schema.ts';
import { PostgresTable } from '../store/postgres/table.ts';

const WRITER = 'store migrate';

/** A schema of a PostgreSQL database as one end of a migration. */
export class PostgresEndpoint implements Endpoint {
  readonly shown: string;
  readonly #connections: Connections;
  readonly #table: PostgresTable;

  private constructor(connections: Connections) {
    this.#connections = connections;
    this.shown = connections.address.shown;
    this.#table = new PostgresTable(connections, WRITER);
  }

  /** `make`: also where there are no tables yet. */
  static open(address: string, make: boolean, deps: ConnectionDeps): Promise<PostgresEndpoint> {
    return connected(address, deps, async (connections) => {
      const { schema, shown } = connections.address;
      if (!make && (await connections.together((client) => versionOf(client, schema))) === undefined) {
        throw new PostgresError('io', `PostgreSQL (${shown}) has no store in the schema ${schema}`);
      }
      await migrate(connections);
      return new PostgresEndpoint(connections);
    });
  }

  async page(from: string): Promise<readonly Entry[]> {
    const { schema } = this.#connections.address;
    const rows = await this.#connections.read(pageStatement(`${schema}.entries`, '$1'), [encodeKey(from)]);
    return rows.map((row) => ({ key: decodeKey(String(row['key'])), value: String(row['value']) }));
  }

  async write(rows: readonly Row[]): Promise<void> {
    const damaged = rows.find(([, text]) => text?.includes('\0'));
    if (damaged !== undefined) {
      throw new PostgresError('io', `${damaged[0]} is damaged, and holds a character that PostgreSQL cannot keep`, {
        advice: 'put the value back from a backup, or remove it',
      });
    }
    await this.#table.write(rows, []);
  }

  async hold(): Promise<Hold> {
    const client = await this.#connections.dedicated();
    const { schema, shown } = this.#connections.address;
    try {
      await client.query(`SELECT pg_advisory_lock(${wholeStoreLock(schema)})`);
    } catch (error) {
      await client.end();
      throw postgresErrorOf(error, shown);
    }
    return {
      // The lock is the session's: as long as this one answers, it is held.
      stands: () =>
        client.query('SELECT').then(
          () => true,
          () => false,
        ),
      release: () => client.end(),
    };
  }

  async close(): Promise<void> {
    await this.#table.forgetWriters('7 days').catch(() => undefined);
    await this.#connections.close();
  }
}
