import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CLI, writeWorkspace, type Finished } from '../../support/cli-process.ts';
import { tempDir } from '../../support/temp-dir.ts';

const ROOT = dirname(dirname(CLI));

let folder: Awaited<ReturnType<typeof tempDir>>;

/** An installation whose sqlite3 has no program, as npm leaves one when it runs no install scripts. */
async function installWithoutScripts(target: string): Promise<string> {
  await mkdir(target);
  await cp(join(ROOT, 'dist'), join(target, 'dist'), { recursive: true });
  await cp(join(ROOT, 'package.json'), join(target, 'package.json'));
  const modules = join(ROOT, 'node_modules');
  await mkdir(join(target, 'node_modules'));
  for (const name of await readdir(modules)) {
    if (name !== 'sqlite3') await symlink(join(modules, name), join(target, 'node_modules', name));
  }
  await cp(join(modules, 'sqlite3'), join(target, 'node_modules/sqlite3'), { recursive: true });
  await rm(join(target, 'node_modules/sqlite3/build'), { recursive: true });
  return join(target, 'dist/cli.js');
}

function run(cli: string, ...args: readonly string[]): Promise<Finished> {
  return new Promise((done) => {
    const child = execFile(process.execPath, [cli, ...args], { cwd: folder.path }, (_error, stdout, stderr) =>
      done({ code: child.exitCode, stdout, stderr }),
    );
  });
}

beforeEach(async () => {
  folder = await tempDir();
  await writeWorkspace(folder.path, {
    quick: 'steps:\n  - { id: a, type: set, values: { n: 1 } }\n',
  });
});
afterEach(() => folder.remove());

test('where npm ran no install scripts, every command that needs the store says so and what to do, without a stack: exit 2', async () => {
  const cli = await installWithoutScripts(join(folder.path, 'installed'));
  for (const args of [
    ['run', 'quick'],
    ['serve', '--http', '0'],
    ['tasks', 'list'],
  ]) {
    const { code, stdout, stderr } = await run(cli, ...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^the database driver cannot be loaded: sqlite3 has no program .*\(Could not locate/),
      expect.stringContaining('npm rebuild sqlite3'),
    ]);
  }
});

test('what needs no store works without the driver', async () => {
  const cli = await installWithoutScripts(join(folder.path, 'installed'));
  const { code, stderr } = await run(cli, 'validate', 'definitions');
  expect([code, stderr]).toEqual([0, '']);
});
