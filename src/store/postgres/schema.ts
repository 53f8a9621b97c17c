import type { PoolClient } from 'pg';
import { MARK_LENGTH } from '../value-codec.ts';
import type { Connections } from './connections.ts';
import { PostgresError } from './failures.ts';
import { LOCK_MS, STATEMENT_MS } from './session.ts';

/**
 * A transaction with more keys than this locks the whole store: the server's table of locks is small
 * (`max_locks_per_transaction`).
 */
const MAX_KEY_LOCKS = 256;
const MIGRATION_LOCK_MS = 60_000;

/** The number of the lock that stands for the whole store. */
export function wholeStoreLock(schema: string): string {
  return `hashtextextended('mcp-workflow-engine/${schema}', 1)`;
}

/**
 * What each version adds, in order: written once, never changed, as databases have it already. All of a migration
 * happens or nothing.
 * `${schema}` is a plain name (`address.ts`).
 */
const MIGRATIONS: readonly ((schema: string) => string)[] = [
  (schema) => `
CREATE TABLE ${schema}.entries (key text COLLATE "C" PRIMARY KEY, value text NOT NULL);
CREATE TABLE ${schema}.writers (
  id text PRIMARY KEY, commits bigint NOT NULL, listens boolean NOT NULL, seen timestamptz NOT NULL
) WITH (fillfactor = 20);
INSERT INTO ${schema}.writers VALUES ('', 0, false, 'infinity');

-- 0: a guard does not hold and nothing was written. 1: written. 2: written, and others want to be told.
-- A single statement would be wrong for guards that say that a key does not exist: it cannot lock what is not there.
CREATE FUNCTION ${schema}.write_rows(
  p_writer text, p_guard_keys text[], p_guard_marks text[], p_row_keys text[], p_row_values text[]
) RETURNS integer LANGUAGE plpgsql VOLATILE AS $body$
DECLARE
  lock_ids bigint[];
  lock_id bigint;
BEGIN
  -- Every statement below has to see what was committed while it waited for the locks.
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the store needs READ COMMITTED, not %', current_setting('transaction_isolation');
  END IF;
  -- Whatever a pooler has made of the session.
  IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  -- Always in the same order, so that no two wait for each other.
  SELECT array_agg(DISTINCT hashtextextended('${schema}/' || k, 0) ORDER BY hashtextextended('${schema}/' || k, 0))
    INTO lock_ids FROM unnest(p_guard_keys || p_row_keys) AS k;
  IF cardinality(lock_ids) > ${MAX_KEY_LOCKS} THEN
    PERFORM pg_advisory_xact_lock(${wholeStoreLock(schema)});
  ELSE
    PERFORM pg_advisory_xact_lock_shared(${wholeStoreLock(schema)});
    FOREACH lock_id IN ARRAY coalesce(lock_ids, '{}') LOOP
      PERFORM pg_advisory_xact_lock(lock_id);
    END LOOP;
  END IF;
  IF EXISTS (
    SELECT FROM unnest(p_guard_keys, p_guard_marks) AS g(key, mark) LEFT JOIN ${schema}.entries e ON e.key = g.key
    WHERE left(e.value, ${MARK_LENGTH}) IS DISTINCT FROM g.mark
  ) THEN
    RETURN 0;
  END IF;
  DELETE FROM ${schema}.entries e USING unnest(p_row_keys, p_row_values) AS r(key, value)
    WHERE r.value IS NULL AND e.key = r.key;
  INSERT INTO ${schema}.entries SELECT r.key, r.value FROM unnest(p_row_keys, p_row_values) AS r(key, value)
    WHERE r.value IS NOT NULL ON CONFLICT (key) DO UPDATE SET value = excluded.value;
  -- A row for each writer, so that counting commits makes nobody wait for another's.
  INSERT INTO ${schema}.writers AS w VALUES (p_writer, 1, false, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET commits = w.commits + 1, seen = excluded.seen;
  RETURN CASE WHEN EXISTS (SELECT FROM ${schema}.writers WHERE listens AND id <> p_writer) THEN 2 ELSE 1 END;
END $body$;

-- A notification takes a lock of the whole cluster until its transaction is on the disk: this one is on none.
CREATE FUNCTION ${schema}.tell(p_channel text, p_text text) RETURNS void LANGUAGE plpgsql VOLATILE AS $body$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  PERFORM pg_notify(p_channel, p_text);
END $body$;

-- Adds the counts of writers that have gone to one row, so that the sum stays what it was.
CREATE FUNCTION ${schema}.forget_writers(p_writer text, p_unseen interval) RETURNS void LANGUAGE sql VOLATILE AS $body$
  WITH gone AS (
    DELETE FROM ${schema}.writers WHERE id = p_writer OR (id <> '' AND seen < clock_timestamp() - p_unseen) RETURNING commits
  )
  UPDATE ${schema}.writers SET commits = commits + (SELECT coalesce(sum(commits), 0) FROM gone) WHERE id = '';
$body$;
`,
];

/** The version that this release makes and reads. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Brings the tables to this release's version. Many processes may start at once: one does it, the others wait for it.
 * Rejects with `PostgresError`, also when a newer release was here.
 */
export async function migrate(connections: Connections): Promise<void> {
  const { schema, shown } = connections.address;
  // Whoever may only read and write the tables gets by without the right to make any.
  if (isCurrent(await connections.together((client) => versionOf(client, schema)), shown)) return;
  await connections.together(async (client) => {
    const lock = [`mcp-workflow-engine/${schema}`];
    await client.query(`SET lock_timeout = ${MIGRATION_LOCK_MS}; SET statement_timeout = 0`);
    // Before the transaction: one that has begun already may not see the names of tables that another process has just
    // made.
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 2))', lock);
    await client.query('BEGIN');
    const version = await versionOf(client, schema);
    if (!isCurrent(version, shown)) {
      if (version === undefined) {
        // Where an owner has made the schema for us, we may not be allowed to make any.
        const { rows } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema]);
        if (rows.length === 0) await client.query(`CREATE SCHEMA ${schema}`);
        await client.query(`CREATE TABLE ${schema}.versions (version integer PRIMARY KEY, since timestamptz NOT NULL)`);
      }
      for (const [index, statements] of MIGRATIONS.entries()) {
        if (index < (version ?? 0)) continue;
        await client.query(statements(schema));
        await client.query(`INSERT INTO ${schema}.versions VALUES ($1, clock_timestamp())`, [index + 1]);
      }
    }
    await client.query('COMMIT');
    await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 2))', lock);
    await client.query(`SET lock_timeout = ${LOCK_MS}; SET statement_timeout = ${STATEMENT_MS}`);
  });
}

/** The version of the tables; `undefined` = there are none. */
export async function versionOf(client: PoolClient, schema: string): Promise<number | undefined> {
  const there = await client.query<{ name: unknown }>('SELECT to_regclass($1) AS name', [`${schema}.versions`]);
  if (there.rows[0]?.name === null) return undefined;
  const found = await client.query<{ version: unknown }>(`SELECT max(version) AS version FROM ${schema}.versions`);
  return Number(found.rows[0]?.version ?? 0);
}

function isCurrent(version: number | undefined, shown: string): boolean {
  if (version === undefined || version <= SCHEMA_VERSION) return version === SCHEMA_VERSION;
  throw new PostgresError(
    'io',
    `PostgreSQL (${shown}) was written by a newer release (schema ${version}); this one reads ${SCHEMA_VERSION}`,
  );
}
