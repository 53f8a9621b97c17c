import { describe, expect, it } from 'vitest';
import { GroupCommit } from '../../src/store/group-commit.ts';
import type { GroupWriter } from '../../src/store/group-commit.ts';
import type { Batch } from '../../src/tasks/task-store.ts';

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
    // The one that came first is a transaction ahead of the others, and stays so.
    expect(groups.map((group) => group.length)).toEqual([1, 20, 20, 19]);
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
});
