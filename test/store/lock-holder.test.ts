import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { adviceOnLock } from '../../src/store/lock-holder.ts';
import { tempDir } from '../support/temp-dir.ts';

const HOLDS = `
const { default: sqlite3 } = await import('sqlite3');
const database = new sqlite3.Database(process.argv[1]);
database.exec('BEGIN IMMEDIATE', (error) => {
  console.log(error === null ? 'held' : String(error));
  setInterval(() => {}, 1000);
});
`;

describe('advice on a lock that is not let go', () => {
  let clean: (() => Promise<void>) | undefined;
  afterEach(() => clean?.());

  async function made(): Promise<string> {
    const { path, remove } = await tempDir();
    clean = remove;
    const file = join(path, 'tasks.sqlite');
    const store = await KeyvTaskStore.open(file);
    clean = async () => {
      await store.close();
      await remove();
    };
    return file;
  }

  it.runIf(process.platform === 'linux')(
    'G9: names the process that holds it, and says whether it is stopped',
    async () => {
      const file = await made();
      const holder = spawn(process.execPath, ['--input-type=module', '-e', HOLDS, file], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        const [said] = (await once(holder.stdout, 'data')) as [Buffer];
        expect(String(said)).toContain('held');
        expect(adviceOnLock(file)).toMatch(
          new RegExp(`^process ${holder.pid} holds .* and does not let go; .*kill -KILL ${holder.pid}`, 'u'),
        );
        holder.kill('SIGSTOP');
        await expect
          .poll(() => adviceOnLock(file))
          .toMatch(new RegExp(`^process ${holder.pid} .* and is stopped; .*kill -CONT ${holder.pid}`, 'u'));
      } finally {
        holder.kill('SIGKILL');
      }
    },
  );

  it('G9: says how to find the process where the system does not tell', async () => {
    const file = await made();
    expect(adviceOnLock(file)).toBe(
      `another process holds ${file} locked; find it (lsof ${file}), then let it go on (kill -CONT PID) or end it (kill -KILL PID)`,
    );
  });
});
