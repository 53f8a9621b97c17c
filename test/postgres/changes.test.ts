import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PostgresTaskStore } from '../../src/store/postgres/postgres-task-store.ts';
import { Pooler } from '../support/pooler.ts';
import { Cluster } from '../support/postgres-cluster.ts';
import { openPostgresStore } from '../support/postgres-store.ts';
import { TcpRelay } from '../support/tcp-relay.ts';
import { waitUntil } from '../support/wait-until.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(() => cluster.remove());
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

function at(address: string, port: number): string {
  const url = new URL(address);
  url.port = String(port);
  return url.href;
}

async function openAt(address: string): Promise<PostgresTaskStore> {
  const store = await openPostgresStore(address);
  open.push(store);
  return store;
}

const put = (store: PostgresTaskStore, key: string, value: number) =>
  store.commit({ guards: [], puts: [{ key, value }], deletes: [] });

/** Writes until a call comes: what was written before somebody listened is told to nobody. */
async function heard(writer: PostgresTaskStore, key: string, calls: () => number): Promise<void> {
  const before = calls();
  let n = 0;
  await waitUntil(`${key} is heard of`, async () => {
    n += 1;
    await put(writer, key, n);
    return calls() > before;
  });
}

describe('changes that other processes make', () => {
  it('are told to whoever listens for their prefix, and to nobody else, nor are our own', async () => {
    const address = cluster.address();
    const [listener, writer] = [await openAt(address), await openAt(address)];
    const calls = { bells: 0, tasks: 0 };
    listener.onChange('bell:me:', () => (calls.bells += 1));
    listener.onChange('task:', () => (calls.tasks += 1));
    await waitUntil('it listens', () => listener.changesBy === 'listening');
    const before = { ...calls };
    await put(listener, 'bell:me:own', 1);
    await put(writer, 'bell:me:a', 1);
    await waitUntil('the bell is heard', () => calls.bells > before.bells);
    await put(writer, 'bell:me:a', 2);
    await waitUntil('it is heard again', () => calls.bells > before.bells + 1);
    expect(calls.bells).toBe(before.bells + 2);
    expect(calls.tasks).toBe(before.tasks);
  });

  it('are noticed when they were made while the connection that listens was broken', async () => {
    const address = cluster.address();
    const relay = await TcpRelay.start(cluster.port);
    open.push(relay);
    const [listener, writer] = [await openAt(at(address, relay.port)), await openAt(address)];
    let calls = 0;
    listener.onChange('task:', () => (calls += 1));
    await waitUntil('it listens', () => listener.changesBy === 'listening');
    const before = calls;
    // Nobody is there to be told: the name leads nowhere.
    relay.target = 1;
    relay.cut();
    await waitUntil('it has noticed', () => listener.changesBy === 'connecting');
    await put(writer, 'task:a', 1);
    relay.target = cluster.port;
    await waitUntil('it is noticed', () => calls > before);
    await waitUntil('it listens again', () => listener.changesBy === 'listening');
    await heard(writer, 'task:b', () => calls);
  });

  it('are told through a pooler in session mode', async () => {
    const address = cluster.address();
    const pooler = await Pooler.start(cluster, 'session');
    open.push(pooler);
    const [listener, writer] = [await openAt(at(address, pooler.port)), await openAt(at(address, pooler.port))];
    let calls = 0;
    listener.onChange('task:', () => (calls += 1));
    await waitUntil('it listens', () => listener.changesBy === 'listening');
    await heard(writer, 'task:a', () => calls);
  });

  it('are counted where a pooler swallows what should tell of them', async () => {
    const address = cluster.address();
    await (await openPostgresStore(address)).close();
    const pooler = await Pooler.start(cluster, 'transaction');
    open.push(pooler);
    const [listener, writer] = [await openAt(at(address, pooler.port)), await openAt(address)];
    let calls = 0;
    listener.onChange('task:', () => (calls += 1));
    await waitUntil('it counts', () => listener.changesBy === 'polling');
    await heard(writer, 'task:a', () => calls);
  });

  it('change the counter also when a process has gone and its count went to another row', async () => {
    const address = cluster.address();
    const [watcher, first, second] = [await openAt(address), await openAt(address), await openAt(address)];
    const seen = new Set([await watcher.changeCounter()]);
    for (let n = 1; n <= 3; n += 1) await put(first, 'a', n);
    seen.add(await watcher.changeCounter());
    await first.close();
    // As many as have gone: a sum that forgot them would be what it was at the beginning.
    for (let n = 1; n <= 3; n += 1) await put(second, 'b', n);
    seen.add(await watcher.changeCounter());
    await second.close();
    await put(watcher, 'c', 1);
    seen.add(await watcher.changeCounter());
    expect(seen.size).toBe(3);
  });
});
