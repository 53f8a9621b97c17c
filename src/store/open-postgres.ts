import { PostgresError } from './postgres/failures.ts';
import type * as Postgres from './postgres/postgres-task-store.ts';
import type { PostgresDeps, PostgresTaskStore } from './postgres/postgres-task-store.ts';

/** Opens the store on PostgreSQL at an address. Rejects with `StoreError`. */
export async function openPostgres(address: string, deps: PostgresDeps): Promise<PostgresTaskStore> {
  return (await store()).PostgresTaskStore.open(address, deps);
}

/** The same for somebody who only looks: `undefined`, and nothing is made, where nothing was stored yet. */
export async function openPostgresIfThere(address: string, deps: PostgresDeps): Promise<PostgresTaskStore | undefined> {
  return (await store()).PostgresTaskStore.openIfThere(address, deps);
}

/**
 * Loads what needs the driver and Keyv's adapter: both are optional packages, and used only where PostgreSQL was
 * chosen.
 */
export async function ifInstalled<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new PostgresError('io', 'the driver of PostgreSQL is not installed', {
      advice: 'npm install pg @keyv/postgres (npm leaves optional packages out with --omit=optional)',
      cause: error,
    });
  }
}

function store(): Promise<typeof Postgres> {
  return ifInstalled(() => import('./postgres/postgres-task-store.ts'));
}
