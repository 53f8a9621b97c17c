import { afterAll, beforeAll } from 'vitest';
import { taskStoreSuite } from '../store/task-store.suite.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import { Cluster } from '../support/postgres-cluster.ts';
import { openPostgresStore } from '../support/postgres-store.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(() => cluster.remove());

taskStoreSuite('keyv on postgresql', async () => {
  const address = cluster.address();
  const schema = new URL(address).searchParams.get('schema') ?? '';
  const store = await openPostgresStore(address);
  const others: TaskStore[] = [];
  return {
    store,
    another: async () => {
      const other = await openPostgresStore(address);
      others.push(other);
      return other;
    },
    damage: async (key) => {
      await cluster.query(
        `UPDATE ${schema}.entries SET value = left(value, -3) || '#' || right(value, 2) WHERE key = $1`,
        [key],
      );
    },
    dispose: async () => {
      await Promise.all([store, ...others].map((one) => one.close()));
    },
  };
});
