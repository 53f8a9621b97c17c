import { readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { DownstreamPool } from '../../../src/downstream/pool.ts';
import { startCli } from '../../support/cli-process.ts';
import { callContext, openPool, SERVERS_FOLDER, testServer } from '../../support/downstream-pool.ts';
import { processGroup } from '../../support/process-list.ts';
import { rawCreate } from '../../support/raw-client.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { newWorkspace } from '../../support/workspace.ts';

/** Seconds for an answer: what a fault of these tests costs. */
const TIMEOUT = 60;

describe('G13: a server that closes only its standard output', () => {
  let pool: DownstreamPool | undefined;
  afterEach(() => pool?.close());

  /** The codes of the failures of two calls, or `done`. */
  async function twice(when: string): Promise<readonly string[]> {
    const limits = { timeout_seconds: TIMEOUT, start_timeout_seconds: TIMEOUT };
    const opened = openPool({ half: testServer('half-closed.mjs', [when], limits) });
    pool = opened;
    const outcomes: string[] = [];
    for (let call = 0; call < 2; call += 1) {
      try {
        await opened.callTool('go', {}, callContext('half'));
        outcomes.push('done');
      } catch (error) {
        const { failure } = error as { readonly failure: { readonly code: string; readonly message: string } };
        outcomes.push(`${failure.code}: ${failure.message}`);
      }
      const state = (): string | undefined => opened.status().find(({ server }) => server === 'half')?.state;
      await waitUntil('it is known that its output has ended', () => state() !== 'ready');
    }
    return outcomes;
  }

  it.each(['in_call', 'in_call_mid_line', 'in_handshake', 'at_start'])(
    'fails each call at once, by its reason, and not when its time is over: %s',
    async (when) => {
      for (const outcome of await twice(when)) {
        expect(outcome).toMatch(/^transport: .*(?:stdout|standard output|closed)/iu);
        expect(outcome).not.toMatch(/no answer within|not ready within/u);
      }
    },
  );

  it('does not fail the call that it has answered, and is started again for the next one', async () => {
    expect(await twice('after_call')).toEqual(['done', 'done']);
  });
});

const STUBBORN = `
import { spawn } from 'node:child_process';
const ignoring = "for (const s of ['SIGTERM','SIGHUP','SIGINT']) process.on(s, () => 0); setInterval(() => 0, 1000)";
if (process.env.STUBBORN === 'both') for (const s of ['SIGTERM', 'SIGHUP', 'SIGINT']) process.on(s, () => 0);
spawn(process.execPath, ['-e', ignoring], { stdio: 'ignore' });
process.stderr.write('group ' + process.pid + '\\n');
if (process.env.STUBBORN === 'both') setInterval(() => 0, 1000);
await import(process.env.LEDGER_SERVER);
`;

describe('G14: processes of a server that ignore signals', () => {
  it.each([
    ['grandchildren alone', 'grandchild'],
    ['the server itself too', 'both'],
  ])('are gone after a second SIGTERM: %s', async (_, stubborn) => {
    const definition =
      'name: hang\ntask: required\nsteps:\n  - { id: a, server: stubborn, action: hang, arguments: { label: x } }\n';
    const workspace = await newWorkspace({ definitions: { 'hang.yaml': definition }, standIns: {} });
    const script = join(workspace.path, 'stubborn.mjs');
    await writeFile(
      script,
      `import { writeFileSync } from 'node:fs';\nwriteFileSync('pid', String(process.pid));\n${STUBBORN}`,
    );
    const env = {
      STUBBORN: stubborn,
      LEDGER_SERVER: join(SERVERS_FOLDER, 'ledger.mjs'),
      LEDGER: join(workspace.path, 'ledger.jsonl'),
    };
    const entry = { command: process.execPath, args: [script], cwd: workspace.path, env };
    await writeFile(join(workspace.path, 'servers.json'), JSON.stringify({ mcpServers: { stubborn: entry } }));
    const server = startCli(['serve', '--http', '127.0.0.1:0'], workspace.path);
    let group: readonly number[] = [];
    try {
      const url = await waitUntil('it serves', () => /"url":"(?<url>[^"]+)"/.exec(server.stderr())?.groups?.['url']);
      await rawCreate(url, 'hang');
      await waitUntil('the call is made', () => workspace.ledger().length > 0);
      const pid = Number(await readFile(join(workspace.path, 'pid'), 'utf8'));
      group = processGroup(pid);
      expect(group).toHaveLength(2);
      // What stops servers when ours is killed outright comes seconds later. Here it cannot help.
      for (const guard of guardsOf(server.child.pid ?? 0)) end(guard);
      server.child.kill('SIGTERM');
      // Two at once are one.
      const refuses = (): Promise<boolean> =>
        fetch(url).then(
          () => false,
          () => true,
        );
      await waitUntil('it has heard the first', refuses);
      server.child.kill('SIGTERM');
      await server.finished;
      await waitUntil('its processes are gone', () => processGroup(pid).length === 0);
    } finally {
      server.child.kill('SIGKILL');
      await server.finished;
      for (const pid of group) end(pid);
      await workspace.remove();
    }
  });
});

/** The processes of Node's own program text that a process has started. */
function guardsOf(parent: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const isChild = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[1] === String(parent);
        return isChild && readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')[1] === '-e';
      } catch {
        return false;
      }
    });
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone, as it should be.
  }
}
