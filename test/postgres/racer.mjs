// A process of its own with several pools: for each key that comes in on a line it tries to be the one that creates it,
// with every pool at once, and writes how many of them were told that they had done so.
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';

const built = (path) => import(new URL(`../../dist/${path}`, import.meta.url).href);
const { systemClock } = await built('core/clock.js');
const { PostgresTaskStore } = await built('store/postgres/postgres-task-store.js');

const [address = '', pools = '1'] = process.argv.slice(2);
const deps = { clock: systemClock, random: Math.random, ids: randomUUID, warn: () => undefined };
const stores = await Promise.all(Array.from({ length: Number(pools) }, () => PostgresTaskStore.open(address, deps)));
process.stdout.write('ready\n');
for await (const key of createInterface({ input: process.stdin })) {
  const results = await Promise.all(
    stores.map((store, pool) =>
      store.commit({
        guards: [{ key, mark: null }],
        puts: [
          { key, value: { pid: process.pid, pool } },
          { key: `${key}:by:${process.pid}:${pool}`, value: pool },
        ],
        deletes: [],
      }),
    ),
  );
  process.stdout.write(`${results.filter(({ ok }) => ok).length}\n`);
}
await Promise.all(stores.map((store) => store.close()));
