import { describe, expect, it } from 'vitest';
import { GroupCommit } from '../../src/store/group-commit.ts';
import type { GroupWriter } from '../../src/store/group-commit.ts';
import type { Batch } from '../../src/store/task-store.ts';

const put = (key: string): Batch => ({ guards: [], puts: [{ key, value: null }], deletes: [] });

/** A writer that notes the keys of each transaction and takes one turn of the event loop for it. */
function noting(): { readonly writer: GroupWriter; readonly groups: (readonly string[])[] } {
  const groups: (readonly string[])[] = [];
  const writer: GroupWriter = {
    write: async (rows) => {
      groups.push(rows.map(([key]) => key));
      await new Promise((resolve) => setImmediate(resolve));
      return true;
    },
    failing: () => Promise.resolve(new Set<string>()),
  };
  return { writer, groups };
}

/** Twenty that each commit three times, each with some more work of its own in between than the one before. */
async function together(commits: GroupCommit): Promise<void> {
  await Promise.all(
    Array.from({ length: 20 }, async (_, one) => {
      for (let turn = 0; turn < 3; turn += 1) {
        for (let work = 0; work < one; work += 1) await Promise.resolve();
        await commits.commit(put(`${turn}-${one}`));
      }
    }),
  );
}

describe('GroupCommit', () => {
  it('lets those that were answered together be followed together', async () => {
    const { writer, groups } = noting();
    await together(new GroupCommit(writer, () => new Promise((resolve) => setImmediate(resolve))));
    expect(groups.flat()).toHaveLength(60);
    // The one that came first is a transaction ahead of the others.
    expect(groups).toHaveLength(4);
    const alone = noting();
    await together(new GroupCommit(alone.writer));
    expect(alone.groups.length).toBeGreaterThan(groups.length);
  });

  it('does not make one who is alone wait for company', async () => {
    const { writer, groups } = noting();
    const commits = new GroupCommit(writer, () => Promise.reject(new Error('waited')));
    for (const key of ['a', 'b', 'c']) expect(await commits.commit(put(key))).toMatchObject({ ok: true });
    expect(groups).toEqual([['a'], ['b'], ['c']]);
  });

  it('parts many in two that take turns: the one is being written while the other is at work', async () => {
    const { writer, groups } = noting();
    const commits = new GroupCommit(writer, () => new Promise((resolve) => setImmediate(resolve)));
    const begunWhenTold: number[] = [];
    await Promise.all(
      Array.from({ length: 100 }, async (_, one) => {
        for (let turn = 0; turn < 3; turn += 1) {
          await commits.commit(put(`${turn}-${one}`));
          if (one === 0) begunWhenTold.push(groups.length);
        }
      }),
    );
    expect(groups.map((group) => group.length)).toEqual([50, 50, 50, 50, 50, 50]);
    // Whoever is told of the first transaction finds the second one under way.
    expect(begunWhenTold).toEqual([2, 4, 6]);
  });

  it('keeps the order of those who write the same key, in whichever part they are', async () => {
    const { writer, groups } = noting();
    const commits = new GroupCommit(writer, () => new Promise((resolve) => setImmediate(resolve)));
    const told: string[] = [];
    const tell = async (key: string, name: string): Promise<void> => {
      await commits.commit(put(key));
      told.push(name);
    };
    await Promise.all([
      tell('same', 'first'),
      ...Array.from({ length: 60 }, (_, one) => tell(`a${one}`, 'other')),
      tell('same', 'second'),
      ...Array.from({ length: 60 }, (_, one) => tell(`b${one}`, 'other')),
    ]);
    expect(told.filter((name) => name !== 'other')).toEqual(['first', 'second']);
    for (const group of groups) expect(new Set(group).size).toBe(group.length);
  });
});
