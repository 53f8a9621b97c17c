import { describe, expect, test } from 'vitest';
import { openingErrorOf, storeErrorOf } from '../../src/store/failures.ts';
import { StoreError } from '../../src/store/task-store.ts';

const driver = (code: string): Error => Object.assign(new Error(`${code}: it failed`), { code });
const none = (): Promise<number> => Promise.resolve(0);
const much = (): Promise<number> => Promise.resolve(1e9);

describe('a file that cannot be opened', () => {
  test.each(['SQLITE_FULL', 'SQLITE_IOERR', 'SQLITE_CANTOPEN', 'ENOSPC'])(
    '%s on a disk without room is a full disk, named with its folder',
    async (code) => {
      const error = await openingErrorOf(storeErrorOf(driver(code)), '/data/tasks.sqlite', none);
      expect(error).toMatchObject({
        kind: 'full',
        message: expect.stringContaining('disk of /data is full') as string,
      });
    },
  );

  test('is what the driver says where there is room, where nobody can tell, and where room would not help', async () => {
    const error = storeErrorOf(driver('SQLITE_IOERR'));
    expect(await openingErrorOf(error, '/data/tasks.sqlite', much)).toBe(error);
    expect(await openingErrorOf(error, '/data/tasks.sqlite', () => Promise.reject(new Error('gone')))).toBe(error);
    for (const other of [storeErrorOf(driver('SQLITE_NOTADB')), new StoreError('io', 'a newer release')]) {
      expect(await openingErrorOf(other, '/data/tasks.sqlite', none)).toBe(other);
    }
  });
});
