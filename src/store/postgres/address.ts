import { PostgresError } from './failures.ts';

/** Where a PostgreSQL store is. Holds a password, so it is never logged: `shown` is for people. */
export interface PostgresAddress {
  /** What the driver is given. Parts that it does not name come from the `PG*` variables and the password file. */
  readonly connectionString: string;
  /** The schema with our tables. */
  readonly schema: string;
  /** Host, port, database and schema, without user, password and parameters. */
  readonly shown: string;
}

const DEFAULT_SCHEMA = 'mcp_workflow';
const PLAIN_NAME = /^[a-z_][a-z0-9_]{0,47}$/u;

/** Whether a text is the address of a PostgreSQL database. */
export function isPostgresAddress(text: string): boolean {
  return /^postgres(?:ql)?:\/\//iu.test(text);
}

/**
 * Reads `postgres://[user[:password]@][host][:port][/database][?parameters]`, as the driver does, with one parameter of
 * ours: `schema`.
 * @throws PostgresError when it is no such address
 */
export function parseAddress(text: string): PostgresAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !isPostgresAddress(text)) {
    throw new PostgresError('io', 'not an address of PostgreSQL', {
      advice: 'write postgres://user@host:5432/database; what is left out comes from the PG* variables',
    });
  }
  const schema = url.searchParams.get('schema') ?? DEFAULT_SCHEMA;
  if (!PLAIN_NAME.test(schema)) {
    throw new PostgresError('io', 'the schema in the address of PostgreSQL has a name that is not allowed', {
      advice: 'use small letters, digits and _, at most 48',
    });
  }
  const host = url.host === '' ? (url.searchParams.get('host') ?? '') : url.host;
  url.searchParams.delete('schema');
  return {
    connectionString: url.href,
    schema,
    shown: `postgres://${host}${url.pathname}${schema === DEFAULT_SCHEMA ? '' : `?schema=${schema}`}`,
  };
}
