import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject } from '../../src/core/json.ts';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { SqliteTable } from '../../src/store/sqlite.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import { runCli, startCli } from '../support/cli-process.ts';
import { Cluster } from '../support/postgres-cluster.ts';
import { openPostgresStore } from '../support/postgres-store.ts';
import { serveEngine } from '../support/served-engine.ts';
import { callAsTask, resultOf } from '../support/task-calls.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitUntil } from '../support/wait-until.ts';
import { newWorkspace } from '../support/workspace.ts';

const ENTRIES = 1500;

let cluster: Cluster;
let folder: Awaited<ReturnType<typeof tempDir>>;
beforeAll(async () => {
  cluster = await Cluster.start();
  folder = await tempDir();
});
afterAll(async () => {
  await cluster.remove();
  await folder.remove();
});
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const act of cleanUp.splice(0).reverse()) await act();
});

/** Entries of every kind that a store may hold: awkward keys, empty and large values, and one that is damaged. */
async function fill(store: TaskStore): Promise<void> {
  const awkward = ['', 'a\0b', 'a\u0001', 'a', 'ä', '\u{1f4a1}', '\uffee', 'zz:\u0001\u0001'];
  const puts = [
    ...awkward.map((key) => ({ key, value: { key, text: 'ü \u0000 "quoted" \\ {NULL,","}' } })),
    ...Array.from({ length: ENTRIES }, (_, n) => ({
      key: `j:${String(n).padStart(6, '0')}`,
      value: [n, null, 'x'.repeat(n % 90)],
    })),
    ...Array.from({ length: 8 }, (_, n) => ({ key: `large:${n}`, value: 'y'.repeat(3_000_000) })),
  ];
  for (const put of puts) await store.commit({ guards: [], puts: [put], deletes: [] });
  await store.commit({ guards: [], puts: puts.slice(0, 20), deletes: ['j:000003'] });
}

async function filledFolder(name: string): Promise<string> {
  const path = join(folder.path, name);
  await mkdir(path);
  const file = join(path, 'tasks.sqlite');
  const store = await KeyvTaskStore.open(file);
  await fill(store);
  await store.close();
  const table = await SqliteTable.open(file);
  const [row] = await table.rangeText('j:000007', 'j:000008', 1, false);
  await table.write([['j:000007', `${row?.value ?? ''} `]], []);
  await table.disconnect();
  return path;
}

async function migrate(from: string, to: string): Promise<Awaited<ReturnType<typeof runCli>>> {
  return runCli(['store', 'migrate', '--from', from, '--to', to, '--json'], folder.path);
}

function report(stdout: string): Record<string, unknown> {
  const found: unknown = JSON.parse(stdout);
  if (!isJsonObject(found)) throw new Error(stdout);
  return found;
}

async function entriesIn(address: string): Promise<number> {
  const schema = new URL(address).searchParams.get('schema') ?? '';
  const [row] = await cluster.query(`SELECT count(*)::int AS n FROM ${schema}.entries`);
  return Number(row?.['n']);
}

describe('store migrate', () => {
  it('copies everything to PostgreSQL and back, byte for byte, and says so by count and checksum', async () => {
    const source = await filledFolder('there-and-back');
    const address = cluster.address();
    const there = await migrate(`sqlite:${source}`, address);
    expect(there).toMatchObject({ code: 0 });
    const first = report(there.stdout);
    expect(first).toMatchObject({ written: first['entries'], damaged: ['j:000007'] });
    expect(Number(first['entries'])).toBeGreaterThan(ENTRIES);
    const back = await migrate(address, `sqlite:${join(folder.path, 'back')}`);
    expect(back).toMatchObject({ code: 0 });
    expect(report(back.stdout)).toMatchObject({ entries: first['entries'], sha256: first['sha256'] });
    // Both are stores that can be used, and their ranges have one order.
    const stores = [
      await openPostgresStore(address),
      await KeyvTaskStore.open(join(folder.path, 'back', 'tasks.sqlite')),
    ];
    const [a, b] = await Promise.all(
      stores.map(async (store) => {
        const { items, damaged } = await store.range({ from: '', to: '\u{10ffff}', limit: 10_000 });
        return { keys: items.map(({ key, mark }) => [key, mark]), damaged };
      }),
    );
    expect(a).toEqual(b);
    expect(a?.damaged).toEqual(['j:000007']);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('killed in the middle: no server takes the half for a store, and the same command goes on', async () => {
    const source = `sqlite:${await filledFolder('killed')}`;
    const address = cluster.address();
    await (await openPostgresStore(address)).close();
    const schema = new URL(address).searchParams.get('schema') ?? '';
    // Somebody else is about to write one of the entries, so the copy waits in front of it.
    const other = await cluster.connect();
    await other.query(`BEGIN; INSERT INTO ${schema}.entries VALUES ('j:001200', 'something')`);
    const running = startCli(['store', 'migrate', '--from', source, '--to', address], folder.path);
    const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event = 'transactionid' AND query LIKE '%${schema}.write_rows%'`;
    await waitUntil('the copy is in the middle', async () => (await cluster.query(waiting))[0]?.['n'] === 1);
    running.child.kill('SIGKILL');
    await running.finished;
    await other.end();
    const half = await entriesIn(address);
    expect(half).toBeGreaterThan(100);
    const refused = await runCli(['tasks', 'list', '--store', address], folder.path);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain('run the same command again');
    const again = await migrate(source, address);
    expect(again).toMatchObject({ code: 0 });
    const { entries, written } = report(again.stdout);
    expect(await entriesIn(address)).toBe(entries);
    // The sign of the migration was one of the half.
    expect(Number(written)).toBeLessThan(Number(entries));
    expect(Number(written)).toBeGreaterThan(0);
  });

  it('takes over what has changed and gone in the source since it was interrupted', async () => {
    const path = await filledFolder('changed');
    const address = cluster.address();
    expect((await migrate(`sqlite:${path}`, address)).code).toBe(0);
    const schema = new URL(address).searchParams.get('schema') ?? '';
    await cluster.query(`INSERT INTO ${schema}.entries VALUES ('migration', 'as if it had been killed at the end')`);
    const store = await KeyvTaskStore.open(join(path, 'tasks.sqlite'));
    const gone = ['', 'j:000010', 'j:001499', 'zz:\u0001\u0001', 'large:7'];
    await store.commit({
      guards: [],
      puts: [
        { key: 'j:000011', value: 'new' },
        { key: 'zzz', value: 1 },
      ],
      deletes: gone,
    });
    await store.close();
    const again = await migrate(`sqlite:${path}`, address);
    expect(again).toMatchObject({ code: 0 });
    expect(report(again.stdout)).toMatchObject({ written: gone.length + 2 });
  });

  it('refuses a target that holds something, a source that is not there, and both ends in one place', async () => {
    const source = `sqlite:${await filledFolder('refused')}`;
    const address = cluster.address();
    const store = await openPostgresStore(address);
    await store.commit({ guards: [], puts: [{ key: 'somebody:s', value: 1 }], deletes: [] });
    await store.close();
    const held = await migrate(source, address);
    expect(held).toMatchObject({ code: 1 });
    expect(held.stderr).toContain('only an empty store is filled');
    expect(await entriesIn(address)).toBe(1);
    expect((await migrate('sqlite:./not-there', cluster.address())).stderr).toContain('does not exist');
    expect((await migrate(cluster.address(), 'sqlite:./new')).stderr).toContain('has no store');
    expect((await migrate(source, source)).stderr).toContain('the same store');
    expect(await migrate('redis://x', source)).toMatchObject({ code: 2 });
  });

  it('refuses a source that a server runs on; once it has stopped, its tasks go on in the new store under their ids', async () => {
    const workspace = await newWorkspace({
      definitions: {
        'chain.yaml': `
name: chain
steps:
  - { id: first, server: ledger, action: record, arguments: { label: first } }
  - { id: second, server: ledger, action: record, idempotent: true, arguments: { label: second, held: 1 } }
output: { first: '{{first.text}}' }
`,
      },
      standIns: { ledger: {} },
    });
    cleanUp.push(() => workspace.remove());
    const onFile = serveEngine('HTTP', workspace.path);
    cleanUp.push(() => onFile.stop());
    const { taskId } = await callAsTask(await onFile.connect(), 'chain');
    await waitUntil('the second call', () => workspace.ledger().length === 2);
    const address = cluster.address();
    const args = ['store', 'migrate', '--from', 'sqlite:', '--to', address];
    const refused = await runCli(args, workspace.path);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toMatch(/in use by process \d+/u);
    await onFile.kill();
    workspace.release();
    const moved = await runCli(args, workspace.path);
    expect(moved).toMatchObject({ code: 0 });
    expect(moved.stdout).toContain('are equal');
    const onDatabase = serveEngine('HTTP', workspace.path, { MCP_WORKFLOW_STORE: address });
    cleanUp.push(() => onDatabase.stop());
    const result = await resultOf(await onDatabase.connect(), taskId);
    expect(result.structuredContent).toEqual({ first: 'record first #1' });
    expect(workspace.ledger().map(({ args: { label } }) => label)).toEqual(['first', 'second', 'second']);
  });
});
