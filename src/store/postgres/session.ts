import type { ClientBase } from 'pg';
import { PostgresError } from './failures.ts';

/**
 * How long the server works on one statement, and waits for one lock. The driver gives a server up that is silent for
 * longer.
 */
export const STATEMENT_MS = 15_000;
export const LOCK_MS = 5000;
export const SILENCE_MS = 20_000;

const OLDEST_VERSION = 140_000;
/**
 * Values of `synchronous_commit` with which a commit that is answered is on the disk, here and on every standby that
 * has to have it.
 */
const DURABLE: ReadonlySet<string> = new Set(['on', 'remote_apply']);

/** The server process behind a connection: its number, which may be used again, and its start. */
export interface Backend {
  readonly pid: number;
  readonly start: string;
  /** What an operator should know. */
  readonly warnings: readonly string[];
}

/*
 * Not as parameters of the connection: poolers refuse those. `remote_apply`, which an operator may have chosen, is more
 * than we need and stays.
 */
const SETTINGS = [
  `SET statement_timeout = ${STATEMENT_MS}`,
  `SET lock_timeout = ${LOCK_MS}`,
  `SET idle_in_transaction_session_timeout = ${STATEMENT_MS}`,
  "SET default_transaction_isolation = 'read committed'",
  "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') <> 'remote_apply'",
].join('; ');

const LOOK = `SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS read_only,
  current_setting('server_version_num')::int AS version, current_setting('server_version') AS version_text,
  current_setting('server_encoding') AS encoding, current_setting('synchronous_commit') AS synchronous_commit,
  current_setting('fsync') AS fsync, pg_backend_pid() AS pid,
  coalesce((SELECT extract(epoch FROM backend_start)::text FROM pg_stat_activity WHERE pid = pg_backend_pid()), '') AS start`;

/**
 * Sets a new connection up and checks that the server does what we rely on, as the store on SQLite checks its settings.
 * Rejects with `PostgresError` for a standby, a server that is too old, has another encoding or does not make commits
 * durable, and with the driver's errors.
 */
export async function prepareSession(client: ClientBase, where: string): Promise<Backend> {
  await client.query(SETTINGS);
  const found = await client.query<Record<string, unknown>>(LOOK);
  const facts = found.rows[0] ?? {};
  const refuse = (reason: string, lost = false): PostgresError =>
    new PostgresError('io', `PostgreSQL (${where}) ${reason}`, { lost });
  if (facts['standby'] === true || facts['read_only'] !== 'off') {
    // Lost: after a failover the name leads to the new primary, sooner or later.
    throw refuse(`is ${facts['standby'] === true ? 'a standby' : 'read-only'}: the store needs the primary`, true);
  }
  if (Number(facts['version']) < OLDEST_VERSION) {
    throw refuse(`is release ${String(facts['version_text'])}; 14 or newer is needed`);
  }
  if (facts['encoding'] !== 'UTF8') {
    throw refuse(`has the encoding ${String(facts['encoding'])}: create the database with ENCODING 'UTF8'`);
  }
  if (!DURABLE.has(String(facts['synchronous_commit']))) {
    throw refuse(
      `answers commits before they are on the disk (synchronous_commit ${String(facts['synchronous_commit'])})`,
    );
  }
  const warnings =
    facts['fsync'] === 'on'
      ? []
      : [`PostgreSQL (${where}) has fsync off: what was acknowledged is lost when its machine loses power`];
  return { pid: Number(facts['pid']), start: String(facts['start']), warnings };
}

const END_MS = 5000;
const END = `SELECT pg_terminate_backend(pid, ${END_MS}) AS ended FROM pg_stat_activity
  WHERE pid = $1 AND extract(epoch FROM backend_start)::text = $2`;

/**
 * Ends a server process of ours of which nobody knows what it still does; resolves when it is gone, also where it had
 * gone before. Rejects with
 * `PostgresError` when it does not end, and with the driver's errors.
 */
export async function endBackend(client: ClientBase, { pid, start }: Backend): Promise<void> {
  const { rows } = await client.query<Record<string, unknown>>(END, [pid, start]);
  if (rows.some(({ ended }) => ended !== true)) {
    throw new PostgresError('io', `PostgreSQL: the process ${pid} does not end`, { lost: true });
  }
}
