import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startCli } from '../../support/cli-process.ts';
import type { Running } from '../../support/cli-process.ts';
import { rawCreate, rawRequest, rawStatus } from '../../support/raw-client.ts';
import { stoppedWhen } from '../../support/stop-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { newWorkspace } from '../../support/workspace.ts';
import type { Workspace } from '../../support/workspace.ts';

const DEFINITIONS = {
  'quick.yaml':
    'name: quick\ntask: required\nvariables: { input: { text: "" } }\nsteps:\n  - { id: a, type: set, values: { n: 1 } }\n',
  'queue.yaml': `name: queue
task: required
steps:
  - id: each
    type: foreach
    items: '{% [1..60] %}'
    max_concurrency: 60
    steps:
      - { id: c, server: ledger, action: record, idempotent: true, arguments: { label: queued, delay_ms: 20 } }
`,
  'once.yaml': `name: once
task: required
steps:
  - { id: c, server: ledger, action: record, idempotent: true, arguments: { label: once } }
`,
};

/** Calls that the ledger takes at a time. */
const AT_ONCE = 4;
const LONG = 'x'.repeat(1_000_000);

interface Served {
  readonly server: Running;
  readonly url: string;
}

let workspace: Workspace | undefined;
const servers: Running[] = [];

afterEach(async () => {
  for (const { child } of servers) child.kill('SIGKILL');
  await Promise.all(servers.map(({ finished }) => finished));
  servers.length = 0;
  await workspace?.remove();
  workspace = undefined;
});

/** A folder whose ledger takes four calls at a time. */
async function folder(): Promise<Workspace> {
  workspace = await newWorkspace({ definitions: DEFINITIONS, standIns: { ledger: {} } });
  const file = join(workspace.path, 'servers.json');
  const { mcpServers } = JSON.parse(await readFile(file, 'utf8')) as {
    readonly mcpServers: { readonly ledger: object };
  };
  await writeFile(file, JSON.stringify({ mcpServers: { ledger: { ...mcpServers.ledger, max_concurrent: AT_ONCE } } }));
  return workspace;
}

async function serve({ path }: Workspace): Promise<Served> {
  const server = startCli(['serve', '--http', '127.0.0.1:0'], path);
  servers.push(server);
  const url = await waitUntil('it serves', () => /"url":"(?<url>[^"]+)"/.exec(server.stderr())?.groups?.['url']);
  return { server, url };
}

describe('G8: calls that wait for their turn at a server', () => {
  it('G8: are not begun once another process has acknowledged the cancel of their task, although theirs was stopped meanwhile', async () => {
    const made = await folder();
    const [first, second] = [await serve(made), await serve(made)];
    const called = (label: string): number => made.ledger().filter(({ args }) => args['label'] === label).length;
    const taskId = await rawCreate(first.url, 'queue');
    await waitUntil('some calls are made', () => called('queued') >= 12);
    await waitUntil('it is stopped while it writes nothing', () => stoppedWhen(made.path, first.server, false));
    await rawRequest(second.url, 'tasks/cancel', { taskId });
    expect(await rawStatus(second.url, taskId)).toBe('cancelled');
    // By the time that another call has been made, the one that was under way is in the ledger.
    await rawCreate(second.url, 'once');
    await waitUntil('another call is made', () => called('once') === 1);
    const before = called('queued');
    first.server.child.kill('SIGCONT');
    // It waits behind whatever else is begun.
    await rawCreate(first.url, 'once');
    await waitUntil('the next task makes its call', () => called('once') === 2);
    // What lay in the pipe to the ledger when it was stopped has been called; of the 48 that wait nothing may follow.
    expect(called('queued')).toBeLessThanOrEqual(before + AT_ONCE);
  });
});

describe('G9: a server that is stopped in the middle of a write', () => {
  it('G9: is named, by its process id and with what to do, in the log of another one that cannot write because of it', async () => {
    const made = await folder();
    const [first, second] = [await serve(made), await serve(made)];
    const { child } = first.server;
    await waitUntil('it is stopped while it writes', async () => {
      // Much to write, so that it is often in the middle of it.
      const calls = Array.from({ length: 12 }, () =>
        rawCreate(first.url, 'quick', {}, { text: LONG }).catch(() => undefined),
      );
      await Promise.race(calls);
      if (await stoppedWhen(made.path, first.server, true)) return true;
      await Promise.all(calls);
      return false;
    });
    await expect(rawCreate(second.url, 'quick')).rejects.toThrow('the store cannot be written');
    const pid = new RegExp(`\\b${child.pid ?? 0}\\b`, 'u');
    const advice = /SIGCONT|kill|continue|end it|stop it/iu;
    const lines = second.server.stderr().split('\n');
    expect(
      lines.filter((line) => pid.test(line) && advice.test(line)),
      lines.join('\n'),
    ).not.toEqual([]);
    child.kill('SIGCONT');
    const ready = second.url.replace('/mcp', '/readyz');
    await waitUntil('all goes on', async () => (await fetch(ready)).status === 200);
    await rawCreate(second.url, 'quick');
  });
});
