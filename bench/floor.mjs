// What the machine and its driver can do at best: the floors that figures are compared with.
import { KeyvSqlite } from '@keyv/sqlite';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * The adapter by itself with the settings of the product's store: a write-ahead log, `synchronous=FULL` (one fsync a
 * commit), the same table. `commits(n)` makes n single durable commits, one after another, each a new row of `bytes`;
 * resolves with milliseconds.
 */
export async function driverFloor(bytes = 400) {
  const path = await mkdtemp(join(tmpdir(), 'mcp-workflow-floor-'));
  const keyv = new KeyvSqlite({ uri: `sqlite://${join(path, 'floor.sqlite')}`, table: 'tasks', busyTimeout: 5000 });
  const [{ journal_mode: mode }] = await keyv.query('PRAGMA journal_mode=WAL');
  const [{ synchronous }] = await keyv.query('PRAGMA synchronous');
  if (mode !== 'wal' || synchronous !== 2) throw new Error('the floor does not have the settings of the store');
  const value = 'x'.repeat(bytes);
  let made = 0;
  return {
    async commits(count) {
      const began = performance.now();
      for (let index = 0; index < count; index += 1) {
        made += 1;
        await keyv.set(`floor:${String(made).padStart(12, '0')}`, value);
      }
      return performance.now() - began;
    },
    async close() {
      await keyv.disconnect();
      await rm(path, { recursive: true, force: true });
    },
  };
}
