import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster } from '../support/postgres-cluster.ts';
import { openPostgresStore } from '../support/postgres-store.ts';

const ROUNDS = 60;
const POOLS = 8;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(() => cluster.remove());

/** A racer in a process of its own. `race` resolves with how many of its pools believe that they made the key. */
async function racer(address: string): Promise<{ race(key: string): Promise<number>; end(): Promise<void> }> {
  const file = fileURLToPath(new URL('./racer.mjs', import.meta.url));
  const child = spawn(process.execPath, [file, address, String(POOLS)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { done, value } = await lines.next();
    if (done === true) throw new Error('the racer has ended');
    return value;
  };
  expect(await next()).toBe('ready');
  return {
    race: async (key) => {
      child.stdin.write(`${key}\n`);
      return Number(await next());
    },
    end: async () => {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

it('of many pools in two processes that make one key at once, exactly one is told that it has, every time (D6)', async () => {
  const address = cluster.address();
  const racers = await Promise.all([racer(address), racer(address)]);
  const winners: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const won = await Promise.all(racers.map((one) => one.race(`race:${round}`)));
    winners.push(won.reduce((sum, each) => sum + each, 0));
  }
  expect(winners).toEqual(Array.from({ length: ROUNDS }, () => 1));
  const store = await openPostgresStore(address);
  const { items } = await store.range({ from: 'race:', to: 'race;', limit: 1000 });
  // The key, and the row of the one who made it: nothing of those who were refused.
  expect(items).toHaveLength(2 * ROUNDS);
  await store.close();
  await Promise.all(racers.map((one) => one.end()));
});

it('batches over the same keys in any order never wait for each other in a circle, and no change is lost', async () => {
  const address = cluster.address();
  const stores = await Promise.all([
    openPostgresStore(address),
    openPostgresStore(address),
    openPostgresStore(address),
  ]);
  const keys = Array.from({ length: 6 }, (_, n) => `sum:${n}`);
  const [first] = stores;
  await first?.commit({ guards: [], puts: keys.map((key) => ({ key, value: 0 })), deletes: [] });
  let done = 0;
  await Promise.all(
    stores.map(async (store, by) => {
      for (let turn = 0; turn < 40;) {
        const mine = keys.toSorted((a, b) => (a < b ? -1 : 1) * ((by + turn) % 2 === 0 ? 1 : -1)).slice(0, 4);
        const found = await store.getMany(mine);
        const { ok } = await store.commit({
          guards: mine.map((key, index) => ({ key, mark: found[index]?.mark ?? null })),
          puts: mine.map((key, index) => ({ key, value: Number(found[index]?.value) + 1 })),
          deletes: [],
        });
        if (ok) {
          turn += 1;
          done += 1;
        }
      }
    }),
  );
  const values = (await first?.getMany(keys))?.map((found) => Number(found?.value)) ?? [];
  expect(done).toBe(120);
  expect(values.reduce((sum, value) => sum + value, 0)).toBe(4 * done);
  await Promise.all(stores.map((store) => store.close()));
});

it('a batch over more keys than the server has locks for shuts out a small one that touches a key of it', async () => {
  const address = cluster.address();
  const stores = await Promise.all([openPostgresStore(address), openPostgresStore(address)]);
  const many = Array.from({ length: 20_000 }, (_, n) => `many:${String(n).padStart(5, '0')}`);
  for (let round = 0; round < 5; round += 1) {
    const guards = [{ key: `one:${round}`, mark: null }];
    const results = await Promise.all([
      stores[0]?.commit({ guards, puts: [...many, `one:${round}`].map((key) => ({ key, value: round })), deletes: [] }),
      ...Array.from({ length: 5 }, () =>
        stores[1]?.commit({ guards, puts: [{ key: `one:${round}`, value: 'small' }], deletes: [] }),
      ),
    ]);
    expect(results.filter((result) => result?.ok)).toHaveLength(1);
  }
  await Promise.all(stores.map((store) => store.close()));
});
