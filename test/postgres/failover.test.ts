import { afterEach, describe, expect, it } from 'vitest';
import type { PostgresTaskStore } from '../../src/store/postgres/postgres-task-store.ts';
import { StoreError } from '../../src/store/task-store.ts';
import { Cluster } from '../support/postgres-cluster.ts';
import { openPostgresStore } from '../support/postgres-store.ts';
import { TcpRelay } from '../support/tcp-relay.ts';
import { waitUntil } from '../support/wait-until.ts';

const open: { close(): Promise<void> }[] = [];
const clusters: Cluster[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  await Promise.all(clusters.splice(0).map((cluster) => cluster.remove()));
});

async function start(options: Parameters<typeof Cluster.start>[0] = {}): Promise<Cluster> {
  const cluster = await Cluster.start(options);
  clusters.push(cluster);
  return cluster;
}

async function openAt(address: string): Promise<PostgresTaskStore> {
  const store = await openPostgresStore(address);
  open.push(store);
  return store;
}

function through(relay: TcpRelay, address: string): string {
  const url = new URL(address);
  url.port = String(relay.port);
  return url.href;
}

/** Writers that go on whatever happens, and what each commit was answered with. */
class Load {
  readonly acknowledged = new Map<string, number>();
  rejected = 0;
  #stopped = false;
  readonly #writers: Promise<unknown>;

  constructor(store: PostgresTaskStore, writers: number) {
    this.#writers = Promise.all(Array.from({ length: writers }, (_, by) => this.#write(store, by)));
  }

  /** Resolves when so many more have been acknowledged. */
  more(count: number): Promise<unknown> {
    const goal = this.acknowledged.size + count;
    return waitUntil(`${count} more commits`, () => this.acknowledged.size >= goal);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#writers;
  }

  async #write(store: PostgresTaskStore, by: number): Promise<void> {
    for (let n = 0; !this.#stopped; n += 1) {
      const key = `load:${by}:${String(n).padStart(6, '0')}`;
      try {
        const { ok } = await store.commit({ guards: [{ key, mark: null }], puts: [{ key, value: n }], deletes: [] });
        // Refused would mean that it is there already, which only a write that was rejected can be.
        if (ok) this.acknowledged.set(key, n);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        this.rejected += 1;
      }
    }
  }
}

async function missing(store: PostgresTaskStore, load: Load): Promise<readonly string[]> {
  const { items } = await store.range({ from: 'load:', to: 'load;', limit: 1_000_000 });
  const found = new Map(items.map(({ key, value }) => [key, value]));
  return [...load.acknowledged].filter(([key, value]) => found.get(key) !== value).map(([key]) => key);
}

describe('PostgreSQL goes away and comes back', () => {
  it('kill -9 of the server under load, again and again: nothing acknowledged is lost, and the store goes on by itself (D1, D13)', async () => {
    const cluster = await start();
    const store = await openAt(cluster.address());
    const load = new Load(store, 20);
    for (let kill = 0; kill < 3; kill += 1) {
      await load.more(200);
      const before = load.rejected;
      await cluster.kill();
      await waitUntil('a commit is rejected while it is away', () => load.rejected > before);
      await cluster.up();
    }
    await load.more(200);
    await load.stop();
    expect(await missing(store, load)).toEqual([]);
  });

  it('rejects commits as failures of the store while the server is away, names it without the password, and reads go on when it is back', async () => {
    const cluster = await start();
    const address = new URL(cluster.address());
    address.password = 'hidden-word';
    const store = await openAt(address.href);
    await store.commit({ guards: [], puts: [{ key: 'a', value: 1 }], deletes: [] });
    await cluster.down();
    const failure: unknown = await store.probe().catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'StoreError', kind: 'io' });
    expect(String(failure)).toContain(`127.0.0.1:${cluster.port}`);
    expect(String(failure)).not.toContain('hidden-word');
    await expect(store.get('a')).rejects.toThrow(StoreError);
    await cluster.up();
    await waitUntil('it reads again', () => store.get('a').catch(() => undefined));
    await store.probe();
  });

  it('a standby is promoted under load: every acknowledged commit is on it, and the store follows the name', async () => {
    const primary = await start({ settings: ["synchronous_standby_names = '*'", 'wal_level = replica'] });
    // Until the standby is there, no commit would be answered.
    await primary.query("ALTER SYSTEM SET synchronous_standby_names = ''");
    await primary.query('SELECT pg_reload_conf()');
    const standby = await start({ follows: primary });
    await primary.query('ALTER SYSTEM RESET synchronous_standby_names');
    await primary.query('SELECT pg_reload_conf()');
    await waitUntil('the standby is synchronous', async () => {
      const [row] = await primary.query("SELECT count(*)::int AS n FROM pg_stat_replication WHERE sync_state = 'sync'");
      return row?.['n'] === 1;
    });
    const relay = await TcpRelay.start(primary.port);
    open.push(relay);
    const store = await openAt(through(relay, primary.address()));
    const load = new Load(store, 10);
    await load.more(200);
    await primary.kill();
    // First the name leads to a standby that is none yet: it has to be refused, not read from.
    relay.target = standby.port;
    relay.cut();
    const refused = await waitUntil('the standby is refused', async () => {
      const error: unknown = await store.probe().catch((thrown: unknown) => thrown);
      return error instanceof StoreError && error.message.includes('standby') ? error : undefined;
    });
    expect(refused.kind).toBe('io');
    await standby.query("ALTER SYSTEM SET synchronous_standby_names = ''");
    standby.promote();
    await standby.query('SELECT pg_reload_conf()');
    await load.more(100);
    await load.stop();
    expect(await missing(store, load)).toEqual([]);
  });
});

it('a commit whose connection broke while it waited is rejected and does not take effect later', async () => {
  const cluster = await start();
  const address = cluster.address();
  const relay = await TcpRelay.start(cluster.port);
  open.push(relay);
  const store = await openAt(through(relay, address));
  await store.probe();
  const schema = new URL(address).searchParams.get('schema') ?? '';
  const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE '%${schema}.write_rows%'`;
  const holder = await openHolder(cluster, schema);
  const commit = store.commit({ guards: [], puts: [{ key: 'late', value: 1 }], deletes: [] }).then(
    () => 'acknowledged',
    () => 'rejected',
  );
  await waitUntil('the commit waits for the lock', async () => (await cluster.query(waiting))[0]?.['n'] === 1);
  relay.cut();
  expect(await commit).toBe('rejected');
  // From here on nothing keeps it from being made but that its server process is gone.
  await holder.let();
  await waitUntil('nobody waits any more', async () => (await cluster.query(waiting))[0]?.['n'] === 0);
  await store.probe();
  expect(await store.get('late')).toBeUndefined();
});

/** Somebody who holds the lock of the whole store until told. */
async function openHolder(cluster: Cluster, schema: string): Promise<{ let(): Promise<void> }> {
  const [row] = await cluster.query(`SELECT hashtextextended('mcp-workflow-engine/${schema}', 1)::text AS n`);
  const client = await cluster.connect();
  await client.query('SELECT pg_advisory_lock($1)', [row?.['n']]);
  return { let: () => client.end() };
}
