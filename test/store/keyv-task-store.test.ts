import { execFileSync } from 'node:child_process';
import { readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyvSqlite } from '@keyv/sqlite';
import sqlite3 from 'sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { SqliteTable } from '../../src/store/sqlite.ts';
import { StoreError } from '../../src/store/task-store.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import { tempDir } from '../support/temp-dir.ts';
import { taskStoreSuite } from './task-store.suite.ts';
import type { StoreUnderTest } from './task-store.suite.ts';

async function withRaw<T>(path: string, act: (raw: KeyvSqlite) => Promise<T>): Promise<T> {
  const raw = new KeyvSqlite({ uri: `sqlite://${path}`, table: 'tasks', busyTimeout: 5000 });
  raw.on('error', () => undefined);
  try {
    return await act(raw);
  } finally {
    await raw.disconnect();
  }
}

async function openIn(folder: Awaited<ReturnType<typeof tempDir>>): Promise<StoreUnderTest> {
  const path = join(folder.path, 'data', 'tasks.db');
  const store = await KeyvTaskStore.open(path);
  const others: TaskStore[] = [];
  return {
    store,
    another: async () => {
      const other = await KeyvTaskStore.open(path);
      others.push(other);
      return other;
    },
    damage: (key) =>
      withRaw(path, (raw) =>
        raw.query(
          "UPDATE tasks SET value = substr(value, 1, length(value) - 3) || '#' || substr(value, -2) WHERE key = ?",
          key,
        ),
      ).then(() => undefined),
    dispose: async () => {
      await Promise.all([store, ...others].map((one) => one.close()));
      await folder.remove();
    },
  };
}

taskStoreSuite('keyv on sqlite', async () => openIn(await tempDir()));

taskStoreSuite('keyv on sqlite, reopened', async () => {
  const folder = await tempDir();
  const first = await KeyvTaskStore.open(join(folder.path, 'data', 'tasks.db'));
  await first.probe();
  await first.close();
  return openIn(folder);
});

describe('a write that has waited in vain for another process (G9, D13)', () => {
  it('is no part of what is written next, which is durable when it is acknowledged (D1)', async () => {
    const folder = await tempDir();
    const path = join(folder.path, 'tasks.sqlite');
    const store = await KeyvTaskStore.open(path, { busyTimeoutMs: 50 });
    const put = (...names: readonly string[]): ReturnType<TaskStore['commit']> =>
      store.commit({ guards: [], puts: names.map((key) => ({ key, value: 1 })), deletes: [] });
    const other = new sqlite3.Database(path);
    const says = (sql: string): Promise<void> =>
      new Promise((resolve, reject) => other.exec(sql, (error) => (error === null ? resolve() : reject(error))));
    try {
      await put('a');
      await says("BEGIN IMMEDIATE; INSERT INTO tasks(key, value) VALUES ('theirs', 'x')");
      await expect(put('b')).rejects.toMatchObject({ kind: 'busy' });
      await says('COMMIT');
      // Another shape, and so another statement.
      expect(await put('c', 'd')).toMatchObject({ ok: true });
      // It is there for others, and nothing of it is left to be written.
      await says("BEGIN IMMEDIATE; DELETE FROM tasks WHERE key = 'c'; COMMIT");
      expect(await store.get('c')).toBeUndefined();
      expect(await store.get('d')).toMatchObject({ value: 1 });
    } finally {
      await new Promise((resolve) => other.close(resolve));
      await store.close();
      await folder.remove();
    }
  });
});

describe('KeyvTaskStore', () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let path: string;
  beforeEach(async () => {
    folder = await tempDir();
    path = join(folder.path, 'data', 'tasks.db');
  });
  afterEach(() => folder.remove());

  it('keeps what was committed when it is opened again', async () => {
    const first = await KeyvTaskStore.open(path);
    await first.commit({ guards: [], puts: [{ key: 'a', value: { n: 1 } }], deletes: [] });
    const mark = (await first.get('a'))?.mark;
    await first.close();
    const second = await KeyvTaskStore.open(path);
    expect(await second.get('a')).toEqual({ key: 'a', value: { n: 1 }, mark });
    await second.close();
  });

  it('has the adapter open nothing but memory: its driver may be another SQLite than ours, and two in a process break the locks of a file', async () => {
    const table = await SqliteTable.open(path);
    expect(table.opts.uri).toBe('sqlite://:memory:');
    await table.disconnect();
  });

  it('creates the folder for its owner alone, and the files too', async () => {
    const store = await KeyvTaskStore.open(path);
    await store.probe();
    const mode = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;
    expect(await mode(join(folder.path, 'data'))).toBe(0o700);
    expect(await mode(path)).toBe(0o600);
    expect(await mode(`${path}-wal`)).toBe(0o600);
    await store.close();
  });

  it('creates missing parents, and refuses at once where nothing can be created', async () => {
    const deep = join(folder.path, 'x', 'y', 'z', 'tasks.db');
    await (await KeyvTaskStore.open(deep)).close();
    expect((await stat(deep)).isFile()).toBe(true);
    await expect(KeyvTaskStore.open('/proc/nope/deeper/tasks.db')).rejects.toThrow(StoreError);
    await writeFile(join(folder.path, 'file'), '');
    await expect(KeyvTaskStore.open(join(folder.path, 'file', 'tasks.db'))).rejects.toThrow(StoreError);
  });

  it('lets many open the same new file at the same time', async () => {
    for (let round = 0; round < 10; round += 1) {
      const file = join(folder.path, String(round), 'tasks.db');
      const stores = await Promise.all(Array.from({ length: 4 }, () => KeyvTaskStore.open(file)));
      await Promise.all(stores.map((store) => store.probe()));
      await Promise.all(stores.map((store) => store.close()));
    }
  });

  it('refuses a file that is not a database, and leaves it as it is', async () => {
    path = join(folder.path, 'not-a.db');
    await writeFile(path, 'this is not a database, but somebody needs it\n'.repeat(50));
    await expect(KeyvTaskStore.open(path)).rejects.toThrow(StoreError);
    expect((await stat(path)).size).toBe(46 * 50);
  });

  it.each([
    ['removed', (file: string) => rm(file)],
    ['emptied', (file: string) => truncate(file)],
  ])('refuses a database that was %s while its log stayed, and never begins anew beside it (D14)', async (_, harm) => {
    const store = await KeyvTaskStore.open(path);
    await store.commit({ guards: [], puts: [{ key: 'a', value: 1 }], deletes: [] });
    // As a kill leaves it: SQLite removes the log with the last connection.
    const log = await readFile(`${path}-wal`);
    await store.close();
    await writeFile(`${path}-wal`, log);
    await harm(path);
    await expect(KeyvTaskStore.open(path)).rejects.toThrow(/tasks.*-wal.*put the database back/u);
    expect(await readFile(`${path}-wal`)).toEqual(log);
  });

  it('refuses what is not a file before it opens or changes it', async () => {
    path = join(folder.path, 'pipe.db');
    execFileSync('mkfifo', ['-m', '644', path]);
    await expect(KeyvTaskStore.open(path)).rejects.toThrow('not a file');
    expect((await stat(path)).mode & 0o777).toBe(0o644);
    const link = join(folder.path, 'link.db');
    await symlink(path, link);
    await expect(KeyvTaskStore.open(link)).rejects.toThrow('not a file');
  });

  it('acknowledges nothing once its file was removed or replaced, and goes on when the file is back (D13)', async () => {
    const store = await KeyvTaskStore.open(path);
    const put = (key: string) => store.commit({ guards: [], puts: [{ key, value: 1 }], deletes: [] });
    await put('a');
    await rename(path, `${path}.away`);
    await expect(put('b')).rejects.toMatchObject({ name: 'StoreError', kind: 'io' });
    await expect(store.probe()).rejects.toThrow('removed');
    await writeFile(path, '');
    await expect(put('c')).rejects.toThrow('replaced');
    await rename(`${path}.away`, path);
    expect((await put('d')).ok).toBe(true);
    expect((await store.getMany(['a', 'b', 'c', 'd'])).map((found) => found?.value)).toEqual([
      1,
      undefined,
      undefined,
      1,
    ]);
    await store.close();
  });

  it('refuses a file of a newer release (D15)', async () => {
    await (await KeyvTaskStore.open(path)).close();
    await withRaw(path, (raw) => raw.query('PRAGMA user_version=99'));
    await expect(KeyvTaskStore.open(path)).rejects.toThrow('newer release');
  });

  it('rejects with full when the file may not grow, keeps answering, and goes on when it may (D13)', async () => {
    const store = await KeyvTaskStore.open(path);
    await store.commit({ guards: [], puts: [{ key: 'a', value: 1 }], deletes: [] });
    await store.limitBytes(50_000);
    const big = { guards: [], puts: [{ key: 'b', value: 'x'.repeat(200_000) }], deletes: [] };
    await expect(store.commit(big)).rejects.toMatchObject({ name: 'StoreError', kind: 'full' });
    expect((await store.get('a'))?.value).toBe(1);
    expect(await store.get('b')).toBeUndefined();
    await store.limitBytes(1e9);
    expect((await store.commit(big)).ok).toBe(true);
    await store.close();
  });
});
