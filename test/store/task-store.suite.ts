import { afterEach, describe, expect, it } from 'vitest';
import { DamagedValueError } from '../../src/store/task-store.ts';
import { scan } from '../../src/store/scan.ts';
import type { Batch, TaskStore } from '../../src/store/task-store.ts';

/** A store under test, with ways to reach behind it. */
export interface StoreUnderTest {
  readonly store: TaskStore;
  /** Another connection to the same data. */
  readonly another: () => Promise<TaskStore>;
  /** Changes one character of the stored value of a key, behind the store's back. */
  readonly damage: (key: string) => Promise<void>;
  readonly dispose: () => Promise<void>;
}

function put(key: string, value: Batch['puts'][number]['value']): Batch {
  return { guards: [], puts: [{ key, value }], deletes: [] };
}

/** The contract of `TaskStore`: every implementation passes it. */
export function taskStoreSuite(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`task store contract: ${name}`, () => {
    let under: StoreUnderTest | undefined;
    const opened = async (): Promise<StoreUnderTest> => (under = await open());
    afterEach(async () => {
      await under?.dispose();
      under = undefined;
    });

    it('gives back what was committed, and nothing for an unknown key', async () => {
      const { store } = await opened();
      const value = { text: 'ü 💡 "quoted" \u0000', list: [1, null, true], deep: { a: {} } };
      const result = await store.commit(put('task:a', value));
      const read = await store.get('task:a');
      expect(read?.value).toEqual(value);
      expect(result).toEqual({ ok: true, marks: [read?.mark] });
      expect(await store.get('task:b')).toBeUndefined();
      expect((await store.getMany(['task:b', 'task:a'])).map((item) => item?.key)).toEqual([undefined, 'task:a']);
    });

    it('gives equal marks to equal values of a key and different marks to different ones', async () => {
      const { store } = await opened();
      const marks: (string | undefined)[] = [];
      for (const n of [1, 2, 1]) {
        await store.commit({ guards: [], deletes: [], puts: [{ key: 'a', value: { n } }] });
        marks.push((await store.get('a'))?.mark);
      }
      expect(marks[2]).toBe(marks[0]);
      expect(marks[1]).not.toBe(marks[0]);
    });

    it('writes all of a batch or nothing, and names the first guard that did not hold', async () => {
      const { store } = await opened();
      await store.commit(put('a', 1));
      const mark = (await store.get('a'))?.mark ?? null;
      const refused = await store.commit({
        guards: [
          { key: 'a', mark },
          { key: 'absent', mark: 'something' },
          { key: 'gone', mark: 'something' },
        ],
        puts: [
          { key: 'a', value: 2 },
          { key: 'b', value: 2 },
        ],
        deletes: [],
      });
      expect(refused).toEqual({ ok: false, conflict: 'absent' });
      expect((await store.get('a'))?.value).toBe(1);
      expect(await store.get('b')).toBeUndefined();
    });

    it('takes a guard of null as: the key does not exist', async () => {
      const { store } = await opened();
      const create: Batch = { ...put('a', 1), guards: [{ key: 'a', mark: null }] };
      expect((await store.commit(create)).ok).toBe(true);
      expect(await store.commit(create)).toEqual({ ok: false, conflict: 'a' });
    });

    it('deletes in the same batch, also a key that does not exist, and lets it be created again', async () => {
      const { store } = await opened();
      await store.commit(put('a', 1));
      const result = await store.commit({ guards: [], puts: [{ key: 'b', value: 2 }], deletes: ['a', 'nothing'] });
      expect(result.ok).toBe(true);
      expect(await store.getMany(['a', 'nothing', 'b'])).toMatchObject([undefined, undefined, { value: 2 }]);
      expect((await store.range({ from: 'a', to: 'c', limit: 10 })).items.map((item) => item.key)).toEqual(['b']);
      expect((await store.commit({ ...put('a', 3), guards: [{ key: 'a', mark: null }] })).ok).toBe(true);
    });

    it('refuses a batch of deletes alone and a batch without writes when a guard does not hold', async () => {
      const { store } = await opened();
      await store.commit(put('a', 1));
      const guards = [{ key: 'a', mark: null }];
      expect(await store.commit({ guards, puts: [], deletes: ['a'] })).toEqual({ ok: false, conflict: 'a' });
      expect(await store.commit({ guards, puts: [], deletes: [] })).toEqual({ ok: false, conflict: 'a' });
      expect((await store.commit({ guards: [], puts: [], deletes: [] })).ok).toBe(true);
      expect((await store.get('a'))?.value).toBe(1);
    });

    it('reads ranges in key order, half open, limited, both ways', async () => {
      const { store } = await opened();
      const keys = [
        'j:a:000000000001',
        'j:a:000000000002',
        'j:a:000000000010',
        'j:a;',
        'j:b:000000000001',
        'j:a_',
        'ja:x',
      ];
      await store.commit({ guards: [], deletes: [], puts: keys.map((key) => ({ key, value: key })) });
      const read = async (limit: number, reverse: boolean): Promise<readonly string[]> =>
        (await store.range({ from: 'j:a:', to: 'j:a;', limit, reverse })).items.map((item) => item.key);
      expect(await read(10, false)).toEqual(['j:a:000000000001', 'j:a:000000000002', 'j:a:000000000010']);
      expect(await read(2, false)).toEqual(['j:a:000000000001', 'j:a:000000000002']);
      expect(await read(2, true)).toEqual(['j:a:000000000010', 'j:a:000000000002']);
    });

    it('lets exactly one of many concurrent batches with the same guard win', async () => {
      const { store } = await opened();
      await store.commit(put('task:a', { rev: 0 }));
      const mark = (await store.get('task:a'))?.mark ?? null;
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          store.commit({
            guards: [{ key: 'task:a', mark }],
            puts: [
              { key: 'task:a', value: { rev: 1, n } },
              { key: `by:${n}`, value: n },
            ],
            deletes: [],
          }),
        ),
      );
      expect(results.filter((result) => result.ok)).toHaveLength(1);
      const winner = results.findIndex((result) => result.ok);
      expect((await store.get('task:a'))?.value).toEqual({ rev: 1, n: winner });
      expect((await store.range({ from: 'by:', to: 'by;', limit: 50 })).items.map((item) => item.value)).toEqual([
        winner,
      ]);
    });

    it('lets the others of a group go on when one batch is refused', async () => {
      const { store } = await opened();
      const results = await Promise.all(
        Array.from({ length: 30 }, (_, n) =>
          store.commit({
            guards: [{ key: `g:${n}`, mark: n % 7 === 3 ? 'wrong' : null }],
            puts: [{ key: `g:${n}`, value: n }],
            deletes: [],
          }),
        ),
      );
      expect(results.map((result) => result.ok)).toEqual(Array.from({ length: 30 }, (_, n) => n % 7 !== 3));
      expect((await store.range({ from: 'g:', to: 'g;', limit: 50 })).items).toHaveLength(30 - 4);
    });

    it('applies un-awaited writes of one key in the order in which they were given', async () => {
      const { store } = await opened();
      await Promise.all(Array.from({ length: 50 }, (_, n) => store.commit(put('k', n))));
      expect((await store.get('k'))?.value).toBe(49);
    });

    it('commits more rows at once than one statement can bind', async () => {
      const { store } = await opened();
      await Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          store.commit({
            guards: [{ key: `m:${n}:0`, mark: null }],
            puts: Array.from({ length: 200 }, (__, m) => ({ key: `m:${n}:${m}`, value: m })),
            deletes: [],
          }),
        ),
      );
      const { items } = await store.range({ from: 'm:', to: 'm;', limit: 30_000 });
      expect(items).toHaveLength(20_000);
    });

    it('shows a commit to another connection at once, and refuses what that one made stale', async () => {
      const { store, another } = await opened();
      const second = await another();
      await store.commit(put('a', 1));
      const seen = await second.get('a');
      expect(seen?.value).toBe(1);
      const guards = [{ key: 'a', mark: seen?.mark ?? null }];
      expect((await second.commit({ ...put('a', 2), guards })).ok).toBe(true);
      expect(await store.commit({ ...put('a', 3), guards })).toEqual({ ok: false, conflict: 'a' });
      expect((await store.get('a'))?.value).toBe(2);
      await second.close();
    });

    it('lets exactly one of two connections win every race', async () => {
      const { store, another } = await opened();
      const second = await another();
      for (let round = 0; round < 20; round += 1) {
        const mark = (await store.get('a'))?.mark ?? null;
        const results = await Promise.all(
          [store, second].map((one, by) => one.commit({ ...put('a', { round, by }), guards: [{ key: 'a', mark }] })),
        );
        expect(results.filter((result) => result.ok)).toHaveLength(1);
      }
      await second.close();
    });

    it('counts the commits of other connections only', async () => {
      const { store, another } = await opened();
      const second = await another();
      const before = await store.changeCounter();
      await store.commit(put('a', 1));
      expect(await store.changeCounter()).toBe(before);
      await second.commit(put('b', 1));
      const after = await store.changeCounter();
      expect(after).not.toBe(before);
      expect(await store.changeCounter()).toBe(after);
      await second.close();
    });

    it('is scanned row by row in the order of keys, damaged rows included, whatever the size of a page', async () => {
      const { store, damage } = await opened();
      const names = Array.from({ length: 23 }, (_, n) => `s:${String(n).padStart(2, '0')}`);
      await store.commit({ guards: [], deletes: [], puts: names.map((key, n) => ({ key, value: { n } })) });
      for (const n of [0, 6, 7, 22]) await damage(names[n] ?? '');
      for (const page of [1, 4, 8, 23, 500]) {
        const rows: string[] = [];
        for await (const row of scan(store, { from: 's:', to: 's;' }, page)) {
          rows.push(row.damaged ? `${row.key} damaged` : row.stored.key);
        }
        expect(rows).toEqual(names.map((key, n) => ([0, 6, 7, 22].includes(n) ? `${key} damaged` : key)));
      }
    });

    it('is scanned with what is written and removed meanwhile', async () => {
      const { store } = await opened();
      for (const key of ['s:a', 's:c', 's:e']) await store.commit(put(key, 1));
      const rows: string[] = [];
      for await (const { key } of scan(store, { from: 's:', to: 's;' }, 1)) {
        rows.push(key);
        if (key === 's:a') await store.commit(put('s:b', 1));
        if (key === 's:b') await store.commit({ guards: [], puts: [], deletes: ['s:c'] });
      }
      expect(rows).toEqual(['s:a', 's:b', 's:e']);
    });

    it('names a damaged value and never takes it for nothing (D14)', async () => {
      const { store, damage } = await opened();
      for (const key of ['t:a', 't:b', 't:c']) await store.commit(put(key, { key, more: 'x'.repeat(50) }));
      await damage('t:b');
      await expect(store.get('t:b')).rejects.toThrow(DamagedValueError);
      await expect(store.getMany(['t:a', 't:b'])).rejects.toThrow('t:b');
      const { items, damaged } = await store.range({ from: 't:', to: 't;', limit: 10 });
      expect(items.map((item) => item.key)).toEqual(['t:a', 't:c']);
      expect(damaged).toEqual(['t:b']);
    });

    it('can be probed, and refuses commits once it is closed', async () => {
      const { store } = await opened();
      await store.probe();
      await store.close();
      await expect(store.commit(put('a', 1))).rejects.toThrow('closed');
    });
  });
}
