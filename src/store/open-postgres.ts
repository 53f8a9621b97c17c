import { PostgresError } from './postgres/failures.ts';
import type * as Postgres from './postgres/postgres-task-store.ts';
import type { PostgresDeps, PostgresTaskStore } from './postgres/postgres-task-store.ts';

/** Opens the store on PostgreSQL at an address. Rejects with `StoreError`. */
export async function openPostgres(address: string, deps: PostgresDeps): Promise<PostgresTaskStore> {
  return (await driver()).PostgresTaskStore.open(address, deps);
}

/** The same for somebody who only looks: `undefined`, and nothing is made, where nothing was stored yet. */
export async function openPostgresIfThere(address: string, deps: PostgresDeps): Promise<PostgresTaskStore | undefined> {
  return (await driver()).PostgresTaskStore.openIfThere(address, deps);
}

/** The driver and Keyv's adapter are optional packages, and loaded only where PostgreSQL was chosen. */
async function driver(): Promise<typeof Postgres> {
  try {
    return await import('./postgres/postgres-task-store.ts');
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new PostgresError('io', 'the driver of PostgreSQL is not installed', {
      advice: 'npm install pg @keyv/postgres (npm leaves optional packages out with --omit=optional)',
      cause: error,
    });
  }
}
