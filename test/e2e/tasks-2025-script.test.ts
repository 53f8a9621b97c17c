import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLI } from '../support/cli-process.ts';
import { createWorkspace, startBuiltServer, type BuiltServer, type Workspace } from '../support/built-server.ts';

const DEFINITIONS = fileURLToPath(new URL('definitions', import.meta.url));
const SCRIPT = fileURLToPath(new URL('../../scripts/tasks-2025.mjs', import.meta.url));

let workspace: Workspace;
let server: BuiltServer;
beforeAll(async () => {
  workspace = await createWorkspace(DEFINITIONS);
  server = await startBuiltServer(workspace);
});
afterAll(async () => {
  await server.stop();
  await workspace.remove();
});

/** In a process without the marks of the runner it is started by. */
function holdTo(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  const env = { PATH: process.env['PATH'] ?? '', NO_COLOR: '1' };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [SCRIPT, ...args], { cwd: workspace.dir, env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? 1, text: stdout + stderr }),
    );
  });
}

describe('npm run test:tasks-2025', () => {
  test('passes for a server that keeps the requirements, by either transport', async () => {
    const only = ['--only', 'isError is a failed task'];
    const http = await holdTo('--url', server.url, ...only);
    expect(http.text).toContain('[T25-EXE-1 T25-EXE-2 T25-LIFE-2]');
    expect(http.text).toMatch(/Tests {2}2 passed \| \d+ skipped/u);
    expect(http.code).toBe(0);
    const stdio = await holdTo(...only, '--command', process.execPath, CLI, 'serve', '--stdio');
    expect([stdio.code, stdio.text]).toEqual([0, expect.stringMatching(/Tests {2}2 passed/u)]);
  });

  test('fails for one that breaks them, and skips what the server has no tool for', async () => {
    const own = fileURLToPath(new URL('tasks-2025-tools.json', import.meta.url));
    const { fails: _, ...tools } = JSON.parse(await readFile(own, 'utf8')) as { readonly [name: string]: unknown }; // a file beside this one
    const named = join(workspace.dir, 'tools.json');
    // A tool that succeeds is named as one that ends in an error.
    await writeFile(named, JSON.stringify({ ...tools, errs: 'quick' }));
    const broken = await holdTo('--url', server.url, '--tools', named, '--only', 'the very same error|isError');
    expect(broken.text).toMatch(/Tests {2}2 failed \| \d+ skipped/u);
    expect(broken.code).toBe(1);
  });

  test('wants a server', async () => {
    expect(await holdTo()).toEqual({ code: 2, text: 'either --url URL or --command COMMAND [ARGUMENTS]\n' });
  });
});
