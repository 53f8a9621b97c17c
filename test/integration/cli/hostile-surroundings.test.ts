import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CLI, runCli, startCli, writeWorkspace, type Running } from '../../support/cli-process.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

let folder: Awaited<ReturnType<typeof tempDir>>;
let server: Running | undefined;

beforeEach(async () => {
  folder = await tempDir();
  await writeWorkspace(folder.path, { quick: 'steps:\n  - { id: a, type: set, values: { n: 1 } }\n' });
});
afterEach(async () => {
  server?.child.kill('SIGKILL');
  await server?.finished;
  server = undefined;
  await folder.remove();
});

/** Serves the folder; resolves with the address in front of `/mcp`. */
async function serve(): Promise<string> {
  const started = startCli(['serve', '--http', '0', '--log-level', 'debug'], folder.path);
  server = started;
  return await waitUntil('it serves', () => /http:\/\/127\.0\.0\.1:\d+(?=\/mcp)/.exec(started.stderr())?.[0]);
}

/** Calls a tool without a session; resolves with the text of the answer. */
async function call(url: string, name = 'quick'): Promise<string> {
  const params = {
    name,
    arguments: {},
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  };
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': name,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  });
  return await response.text();
}

describe('hostile surroundings', () => {
  test('a data file that is no database is exit 2 with one line, not a crash', async () => {
    await mkdir(join(folder.path, 'data'));
    await writeFile(join(folder.path, 'data/tasks.sqlite'), 'not a database, but somebody needs it\n'.repeat(100));
    const { code, stderr } = await runCli(['run', 'quick'], folder.path);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^the data folder cannot be used: .*tasks\.sqlite: it is not a SQLite database.*\n$/);
  });

  test('a server whose data folder was removed refuses work and is not ready (D13)', async () => {
    const url = await serve();
    expect(await call(url)).toContain('\\"n\\":1');
    await rm(join(folder.path, 'data'), { recursive: true });
    expect(await call(url)).toMatch(/was removed/);
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('was removed')]);
  });

  test('output that cannot be written is exit 1 with one line; a reader that has gone changes no exit code', async () => {
    await writeFile(
      join(folder.path, 'definitions/bad.yaml'),
      'name: bad\nsteps: [{ id: a, type: fail, message: no }]\n',
    );
    const shell = async (line: string): Promise<[number | null, string]> => {
      const child = spawn('bash', ['-c', `set -o pipefail; ${line}`], {
        cwd: folder.path,
        env: { ...process.env, NODE: process.execPath, CLI },
      });
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      const [code] = (await once(child, 'close')) as [number | null];
      return [code, stderr];
    };
    const [full, text] = await shell('"$NODE" "$CLI" schema > /dev/full');
    expect(full).toBe(1);
    expect(text).toMatch(/^standard output cannot be written: .*\n$/);
    expect(await shell('"$NODE" "$CLI" run bad --json | true')).toEqual([1, '']);
    expect(await shell('"$NODE" "$CLI" schema | head -c 1 > /dev/null')).toEqual([0, '']);
  });

  test('a server goes on when nobody reads its log any more', async () => {
    const url = await serve();
    server?.child.stderr?.destroy();
    // A change of the definitions is logged.
    await writeFile(
      join(folder.path, 'definitions/second.yaml'),
      'name: second\nsteps: [{ id: a, type: set, values: { n: 2 } }]\n',
    );
    await waitUntil('the new definition is served', async () => (await call(url, 'second')).includes('\\"n\\":2'));
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });
});
