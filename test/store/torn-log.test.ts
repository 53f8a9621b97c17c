import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { dose } from '../support/dose.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { tempDir } from '../support/temp-dir.ts';

const COMMITS = 24;
const SECTOR = 512;
/** Every so many sectors the log is cut, and as many sectors get a wrong byte. */
const EVERY = dose(8, 1);

let folder: Awaited<ReturnType<typeof tempDir>>;
let source: string;
/** The log as a power failure finds it: nothing of it is in the file yet. */
let log: Buffer;
let store: KeyvTaskStore;

const key = (commit: number, row: string): string => `c:${String(commit).padStart(3, '0')}:${row}`;

beforeEach(async () => {
  folder = await tempDir();
  source = join(folder.path, 'tasks.db');
  store = await KeyvTaskStore.open(source);
  for (let commit = 0; commit < COMMITS; commit += 1) {
    const more = 'x'.repeat(commit * 40);
    const puts = ['a', 'b', 'c'].map((row) => ({ key: key(commit, row), value: { commit, more } }));
    await store.commit({ guards: [], puts: [...puts, { key: 'last', value: commit }], deletes: [] });
  }
  log = await readFile(`${source}-wal`);
});
afterEach(async () => {
  await store.close();
  await folder.remove();
});

/** How many commits a store opened over this log has; fails unless they are the first ones, each whole. */
async function commitsIn(damaged: Buffer): Promise<number> {
  const copy = join(folder.path, 'copy.db');
  await copyFile(source, copy);
  await writeFile(`${copy}-wal`, damaged);
  await rm(`${copy}-shm`, { force: true });
  const opened = await KeyvTaskStore.open(copy);
  try {
    const { items, damaged: wrong } = await opened.range({ from: 'c:', to: 'c;', limit: 1000 });
    expect(wrong).toEqual([]);
    const commits = items.length / 3;
    const whole = Array.from({ length: commits }, (_, commit) => ['a', 'b', 'c'].map((row) => key(commit, row))).flat();
    expect(items.map((item) => item.key)).toEqual(whole);
    for (const { key: name, value } of items) expect(value).toMatchObject({ commit: Number(name.split(':')[1]) });
    expect((await opened.get('last'))?.value).toBe(commits === 0 ? undefined : commits - 1);
    return commits;
  } finally {
    await opened.close();
  }
}

describe('a write-ahead log as a power failure leaves it', () => {
  it('that was cut anywhere holds the first commits, each whole, and the store opens (D1, D14)', async () => {
    const counts: number[] = [];
    for (let size = 0; size < log.length; size += EVERY * SECTOR) counts.push(await commitsIn(log.subarray(0, size)));
    counts.push(await commitsIn(log));
    expect(counts).toEqual(counts.toSorted((one, other) => one - other));
    expect([counts[0], counts.at(-1)]).toEqual([0, COMMITS]);
    expect(new Set(counts).size).toBeGreaterThan(COMMITS / 2);
  });

  it('with a wrong byte anywhere holds the commits before it, each whole, never a wrong value', async () => {
    const random = seededRandom(1);
    let lost = 0;
    for (let at = 0; at < log.length; at += EVERY * SECTOR) {
      const damaged = Buffer.from(log);
      const offset = Math.min(log.length - 1, at + Math.trunc(random() * SECTOR));
      damaged[offset] = (damaged[offset] ?? 0) ^ (1 + Math.trunc(random() * 255));
      if ((await commitsIn(damaged)) < COMMITS) lost += 1;
    }
    expect(lost).toBeGreaterThan(10);
  });
});
