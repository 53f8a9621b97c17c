import { randomUUID } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { PostgresTaskStore } from '../../src/store/postgres/postgres-task-store.ts';
import type { PostgresDeps } from '../../src/store/postgres/postgres-task-store.ts';

/** A store on PostgreSQL as `compose` opens it; each call has its own pool. */
export function openPostgresStore(address: string, deps: Partial<PostgresDeps> = {}): Promise<PostgresTaskStore> {
  return PostgresTaskStore.open(address, {
    clock: systemClock,
    random: Math.random,
    ids: randomUUID,
    warn: () => undefined,
    ...deps,
  });
}
