import { spawn } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { ProcessGuard } from '../../../src/downstream/process-guard.ts';
import { processGroup } from '../../support/process-list.ts';
import { waitUntil } from '../../support/wait-until.ts';

const STUBBORN =
  "for (const s of ['SIGTERM','SIGHUP','SIGINT']) process.on(s, () => 0); setInterval(() => 0, 1000); console.log('up')";
const started: number[] = [];

/** A process group whose leader ends only by SIGKILL. */
async function startStubborn(): Promise<number> {
  const child = spawn(process.execPath, ['-e', STUBBORN], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  if (child.pid === undefined) throw new Error('not started');
  started.push(child.pid);
  return child.pid;
}

afterEach(() => {
  for (const pid of started.splice(0)) {
    if (processGroup(pid).length > 0) process.kill(-pid, 'SIGKILL');
  }
});

describe('the process guard', () => {
  test('stops what is registered when its input ends without a goodbye, as it does when we are killed', async () => {
    const guard = new ProcessGuard();
    const [kept, released] = [await startStubborn(), await startStubborn()];
    guard.add(kept);
    guard.add(released);
    guard.remove(released);
    guard.close();
    await waitUntil('the registered group is gone', () => processGroup(kept).length === 0);
    expect(processGroup(released)).toEqual([released]);
  });
});
