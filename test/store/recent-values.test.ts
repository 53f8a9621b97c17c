import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { RecentValues } from '../../src/store/recent-values.ts';
import { SqliteTable } from '../../src/store/sqlite.ts';
import { tempDir } from '../support/temp-dir.ts';

let folder: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => {
  folder = await tempDir();
});
afterEach(() => folder.remove());

const file = (): string => join(folder.path, 'tasks.db');

describe('the number of the last transaction', () => {
  it('grows by one with every transaction that changes something, of any size and any connection, and with nothing else', async () => {
    const table = await SqliteTable.open(file());
    const other = await SqliteTable.open(file());
    const start = table.transaction() ?? Number.NaN;
    expect(start).toBeGreaterThanOrEqual(0);
    await table.write([['a', 'one']], []);
    expect(table.transaction()).toBe(start + 1);
    await other.write([['b', 'two']], []);
    expect(table.transaction()).toBe(start + 2);
    // Writing what is there already is no transaction to SQLite: `RecentValues` must not count on a number for it.
    await table.write([['a', 'one']], []);
    expect(table.transaction()).toBe(start + 2);
    await table.write([['a', 'other']], []);
    expect(table.transaction()).toBe(start + 3);
    const large = Array.from({ length: 40 }, (_, at): [string, string] => [`large-${at}`, 'x'.repeat(400_000)]);
    expect(await table.write(large, [])).toBe(true);
    expect(table.transaction()).toBe(start + 4);
    await table.write([['never', null]], []);
    expect(table.transaction()).toBe(start + 5);
    expect(await table.write([['a', 'refused']], [['b', 'not its mark']])).toBe(false);
    await table.get('a');
    await other.query('PRAGMA wal_checkpoint(PASSIVE)');
    expect(table.transaction()).toBe(start + 5);
    expect(other.transaction()).toBe(start + 5);
    await other.disconnect();
    await table.write([['a', 'three']], []);
    expect(table.transaction()).toBe(start + 6);
    await table.disconnect();
    expect(table.transaction()).toBeUndefined();
  });
});

describe('values that were read lately', () => {
  it('are never older than what any process has committed, also while several write (D9)', async () => {
    const stores = await Promise.all([KeyvTaskStore.open(file()), KeyvTaskStore.open(file())]);
    const keys = ['task:a', 'task:b', 'task:c'];
    const model = new Map<string, number>();
    const key = fc.constantFrom(...keys);
    const act = fc.record({
      do: fc.constantFrom('put' as const, 'put' as const, 'remove' as const, 'refused' as const, 'probe' as const),
      at: fc.nat(1),
      key,
    });
    let counter = 0;
    const change = async (one: { do: 'put' | 'remove' | 'refused' | 'probe'; at: number; key: string }) => {
      const store = stores[one.at === 0 ? 0 : 1];
      if (one.do === 'probe') return store.probe();
      const mark = one.do === 'refused' ? 'x' : ((await store.get(one.key))?.mark ?? null);
      const value = (counter += 1);
      const puts = one.do === 'remove' ? [] : [{ key: one.key, value }];
      const deletes = one.do === 'remove' ? [one.key] : [];
      const { ok } = await store.commit({ guards: [{ key: one.key, mark }], puts, deletes });
      if (ok && one.do === 'put') model.set(one.key, value);
      if (ok && one.do === 'remove') model.delete(one.key);
      return undefined;
    };
    let reads = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(act, act), { minLength: 10, maxLength: 40 }), async (pairs) => {
        for (const [one, other] of pairs) {
          // Two at once, on keys of their own; then everybody must see both.
          await Promise.all([change(one), ...(other.key === one.key ? [] : [change(other)])]);
          for (const store of stores) {
            for (const name of keys) {
              expect((await store.get(name))?.value).toBe(model.get(name));
              reads += 1;
            }
          }
        }
      }),
      { numRuns: 30 },
    );
    expect(reads).toBeGreaterThan(1000);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('are seen by a read that was asked for while a commit of the same process was in flight', async () => {
    const store = await KeyvTaskStore.open(file());
    for (let round = 0; round < 50; round += 1) {
      await store.get('task:a');
      const commit = store.commit({ guards: [], puts: [{ key: 'task:a', value: round }], deletes: [] });
      const during = await store.get('task:a');
      expect([round - 1, round, undefined]).toContain(during?.value);
      await commit;
      expect((await store.get('task:a'))?.value).toBe(round);
    }
    await store.close();
  });

  it('come from memory while only we write, and are all forgotten when another has written', async () => {
    let transaction: number | undefined = 7;
    const values = new RecentValues({ transaction: () => transaction }, (_, text) => text);
    /** Somebody has written meanwhile: that is seen from the next turn on. */
    const meanwhile = async (number: number): Promise<void> => {
      transaction = number;
      await nextTurn();
    };
    const read = (key: string, text: string): void => {
      values.took(key, text, values.before());
    };
    read('a', '1');
    expect(values.get('a')).toBe('1');
    await meanwhile(8);
    expect(values.get('a')).toBeUndefined();
    values.wrote([['b', 'x']], [['b', null]], true);
    expect(values.get('a')).toBe('1');
    await meanwhile(9);
    values.wrote([['a', '2']], [['a', '1']], true);
    expect(values.get('a')).toBe('2');
    values.wrote([['a', '9']], [['a', 'no']], false);
    expect(values.get('a')).toBe('2');
    await meanwhile(11);
    values.wrote([['c', 'x']], [['c', null]], true);
    expect(values.get('a')).toBeUndefined();
    read('a', '3');
    const before = values.before();
    await meanwhile(12);
    values.took('d', '4', before);
    expect(values.get('a')).toBeUndefined();
    await meanwhile(11);
    expect(values.get('a')).toBe('3');
    expect(values.get('d')).toBeUndefined();
    // One that may have written what was there: the next number may be another's.
    await meanwhile(12);
    values.wrote([['probe', 'x']], [], true);
    expect(values.get('a')).toBeUndefined();
    values.forget();
    expect(values.get('a')).toBeUndefined();
    transaction = undefined;
    await nextTurn();
    read('a', '5');
    expect(values.get('a')).toBeUndefined();
  });

  it('ask for the number once for all reads of a turn, and again in the next one', async () => {
    let asked = 0;
    let transaction = 1;
    const values = new RecentValues({ transaction: () => ((asked += 1), transaction) }, (_, text) => text);
    for (const key of ['a', 'b']) values.took(key, key, values.before());
    const before = asked;
    const reads = async (): Promise<readonly (string | undefined)[]> => {
      const first = values.get('a');
      await Promise.resolve();
      return [first, values.get('b'), values.get('a')];
    };
    expect(await Promise.all([reads(), reads()])).toEqual([
      ['a', 'b', 'a'],
      ['a', 'b', 'a'],
    ]);
    expect(asked - before).toBe(1);
    transaction = 2;
    await nextTurn();
    expect(await reads()).toEqual([undefined, undefined, undefined]);
    expect(asked - before).toBe(2);
  });

  it('hold what we have just written, where it will be asked for', async () => {
    let transaction = 1;
    const values = new RecentValues(
      { transaction: () => transaction },
      (_, text) => text,
      (key) => key.startsWith('task:'),
    );
    transaction = 2;
    values.wrote(
      [
        ['task:a', '1'],
        ['open:a', 'x'],
        ['task:long', 'x'.repeat(20_000)],
      ],
      [['task:a', null]],
      true,
    );
    await nextTurn();
    expect(['task:a', 'open:a', 'task:long'].map((key) => values.get(key))).toEqual(['1', undefined, undefined]);
    transaction = 3;
    values.wrote(
      [
        ['task:a', null],
        ['task:b', '2'],
      ],
      [['task:b', null]],
      true,
    );
    await nextTurn();
    expect(['task:a', 'task:b'].map((key) => values.get(key))).toEqual([undefined, '2']);
    // Refused: nothing of it was written.
    values.wrote([['task:b', '9']], [['task:b', 'no']], false);
    expect(values.get('task:b')).toBe('2');
  });

  it('are bounded: the one that was used the longest ago goes first', async () => {
    const values = new RecentValues({ transaction: () => 1 }, (_, text) => text);
    for (let at = 0; at < 2000; at += 1) values.took(`k${at}`, 'x', values.before());
    expect(values.get('k0')).toBe('x');
    values.took('one more', 'x', values.before());
    await nextTurn();
    expect(['k0', 'k1', 'k2', 'one more'].map((key) => values.get(key))).toEqual(['x', undefined, 'x', 'x']);
  });
});

describe('what was just written', () => {
  it('is given from memory, unless another process may have committed between the write and its acknowledgement (D9)', async () => {
    let transaction = 5;
    const recent = new RecentValues<string>(
      { transaction: () => transaction },
      (_, text) => text,
      () => true,
    );
    transaction = 6;
    recent.wrote([['task:a', 'ours']], [['task:a', null]], true);
    expect(recent.get('task:a')).toBe('ours');
    await nextTurn();
    // Ours is 7; 8 is the cancel of another process, which was there before we heard of ours.
    transaction = 8;
    recent.wrote([['task:a', 'ours again']], [['task:a', 'x']], true);
    expect(recent.get('task:a')).toBeUndefined();
  });
});
