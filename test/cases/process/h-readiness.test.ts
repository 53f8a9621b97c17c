import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { startCli } from '../../support/cli-process.ts';
import { rawCreate, rawStatus } from '../../support/raw-client.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { newWorkspace } from '../../support/workspace.ts';

/** More than the log of the store may hold at once, and less than a step may give. */
const BIG_BYTES = 5_000_000;
/** Enough for all small writes: the log begins anew before it is as long. */
const MOST_FILE_BYTES = 4_718_592;
const BIG = `name: big
task: required
steps:
  - { id: a, server: ledger, action: record, idempotent: true, arguments: { label: big, big_bytes: ${BIG_BYTES} } }
output: { done: true }
`;

it('H2: /readyz says 503 all the time while a large write fails and small ones go well, and the log says so once', async () => {
  const workspace = await newWorkspace({ definitions: { 'big.yaml': BIG }, standIns: { ledger: {} }, ownDisk: true });
  const server = startCli(['serve', '--http', '127.0.0.1:0'], workspace.path);
  const limit = (bytes: string): void => {
    execFileSync('prlimit', ['--pid', String(server.child.pid), `--fsize=${bytes}:unlimited`]);
  };
  const lines = (text: string): number => server.stderr().split(text).length - 1;
  try {
    const url = await waitUntil('it serves', () => /"url":"(?<url>[^"]+)"/.exec(server.stderr())?.groups?.['url']);
    const ready = async (): Promise<number> => (await fetch(url.replace('/mcp', '/readyz'))).status;
    expect(await ready()).toBe(200);
    limit(String(MOST_FILE_BYTES));
    const taskId = await rawCreate(url, 'big');
    await waitUntil('the large write has failed', () => lines('the store cannot be written') > 0);
    const seen: number[] = [];
    for (let asked = 0; asked < 30; asked += 1) seen.push(await ready());
    expect(new Set(seen)).toEqual(new Set([503]));
    expect(await rawStatus(url, taskId)).toBe('working');
    limit('unlimited');
    await waitUntil('it is ready again', async () => (await ready()) === 200);
    await waitUntil('the task completes', async () => (await rawStatus(url, taskId)) === 'completed');
    expect(await ready()).toBe(200);
    expect([lines('the store cannot be written'), lines('the store can be written again')]).toEqual([1, 1]);
  } finally {
    server.child.kill('SIGKILL');
    await server.finished;
    await workspace.remove();
  }
});
