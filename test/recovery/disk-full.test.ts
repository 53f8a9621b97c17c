import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startCli } from '../support/cli-process.ts';
import type { Running } from '../support/cli-process.ts';
import { rawCreate, rawRequest, rawStatus } from '../support/raw-client.ts';
import { waitUntil } from '../support/wait-until.ts';
import { newWorkspace } from '../support/workspace.ts';

/** Long enough for a busy machine to fill the disk before it is over. */
const NAP_MS = 8000;
const DEFINITIONS = {
  'quick.yaml': 'name: quick\ntask: required\nsteps:\n  - { id: a, type: set, values: { n: 1 } }\n',
  'nap.yaml': 'name: nap\ntask: required\nsteps:\n  - { id: nap, type: wait, seconds: 600 }\n',
  'soon.yaml': `name: soon\ntask: required\nsteps:\n  - { id: nap, type: wait, seconds: ${NAP_MS / 1000} }\n  - { id: a, type: set, values: { n: 1 } }\n`,
};

/** A disk that can be filled and freed while the server runs. */
interface Disk {
  readonly what: string;
  readonly available: boolean;
  prepare(data: string): Promise<void>;
  fill(data: string, server: Running): Promise<void>;
  free(data: string, server: Running): Promise<void>;
  remove(data: string): Promise<void>;
}

const nothing = (): Promise<void> => Promise.resolve();
const succeeds = (command: string, ...args: readonly string[]): boolean => spawnSync(command, args).status === 0;

function limitFiles(server: Running, bytes: string): Promise<void> {
  execFileSync('prlimit', ['--pid', String(server.child.pid), `--fsize=${bytes}:unlimited`]);
  return Promise.resolve();
}

const DISKS: readonly Disk[] = [
  {
    what: 'a file that may not grow',
    available: succeeds('prlimit', '--version'),
    prepare: nothing,
    fill: (_data, server) => limitFiles(server, '1'),
    free: (_data, server) => limitFiles(server, 'unlimited'),
    remove: nothing,
  },
  {
    what: 'a disk without space',
    available:
      process.getuid?.() === 0 &&
      succeeds('sh', '-c', 'd=$(mktemp -d) && mount -t tmpfs -o size=1m none $d && umount $d'),
    prepare: (data) => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', data]);
      return Promise.resolve();
    },
    fill: async (data) => {
      // The last write fails; then there is no block left.
      await writeFile(join(data, 'filler'), Buffer.alloc(16 * 1024 * 1024)).catch(() => undefined);
    },
    free: (data) => rm(join(data, 'filler')),
    remove: (data) => {
      execFileSync('umount', ['-l', data]);
      return Promise.resolve();
    },
  },
];

/**
 * On CI nothing may pass by being left out, so there a disk that cannot be had fails its test; only root may mount one.
 */
const isCi = process.env['CI'] !== undefined && process.getuid?.() === 0;

describe.each(DISKS)('$what', (disk) => {
  it.skipIf(!disk.available && !isCi)(
    'new work is refused clearly, reads answer, nothing is acknowledged falsely, and all goes on by itself (D13)',
    async () => {
      expect(disk.available, disk.what).toBe(true);
      const workspace = await newWorkspace({ definitions: DEFINITIONS, standIns: {} });
      const data = join(workspace.path, 'data');
      await mkdir(data);
      await disk.prepare(data);
      const server = startCli(['serve', '--http', '127.0.0.1:0', '--data', data], workspace.path);
      try {
        const url = await waitUntil('it serves', () => /"url":"(?<url>[^"]+)"/.exec(server.stderr())?.groups?.['url']);
        const ready = async (): Promise<number> => (await fetch(url.replace('/mcp', '/readyz'))).status;
        const create = (name: string): Promise<string> => rawCreate(url, name);
        const statusOf = (taskId: string): Promise<string> => rawStatus(url, taskId);
        const lines = (text: string): number => server.stderr().split(text).length - 1;

        const done = await create('quick');
        await waitUntil('the first one completes', async () => (await statusOf(done)) === 'completed');
        const [napping, soon] = [await create('nap'), await create('soon')];
        const created = Date.now();
        expect(await ready()).toBe(200);

        await disk.fill(data, server);
        for (let refused = 0; refused < 10; refused += 1) {
          await expect(create('quick')).rejects.toThrow('the store cannot be written');
        }
        await expect(rawRequest(url, 'tasks/cancel', { taskId: napping })).rejects.toThrow(
          'the store cannot be written',
        );
        expect([await statusOf(done), await statusOf(napping), await statusOf(soon)]).toEqual([
          'completed',
          'working',
          'working',
        ]);
        expect(await ready()).toBe(503);
        // Beyond the moment at which `soon` would have gone on: it waits.
        await waitUntil('its time has come', () => Date.now() > created + NAP_MS + 500);
        expect(await statusOf(soon)).toBe('working');
        expect(lines('the store cannot be written: new work is refused')).toBe(1);

        await disk.free(data, server);
        await waitUntil('it is ready again', async () => (await ready()) === 200);
        await waitUntil('the task that waited completes', async () => (await statusOf(soon)) === 'completed');
        const next = await create('quick');
        await waitUntil('a new one completes', async () => (await statusOf(next)) === 'completed');
        await rawRequest(url, 'tasks/cancel', { taskId: napping });
        expect(await statusOf(napping)).toBe('cancelled');
        expect(lines('the store can be written again')).toBe(1);
        // What was refused was not made.
        const { stdout } = await startCli(['tasks', 'list', '--json', '--data', data], workspace.path).finished;
        expect((JSON.parse(stdout) as { readonly tasks: readonly unknown[] }).tasks).toHaveLength(4);
      } finally {
        server.child.kill('SIGKILL');
        await server.finished;
        await disk.remove(data);
        await workspace.remove();
      }
    },
  );
});
