import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../../src/cli/program.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { tempDir } from '../../support/temp-dir.ts';

let folder: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => {
  folder = await tempDir();
  await mkdir(join(folder.path, 'definitions'));
});
afterEach(() => folder.remove());

async function testCommand(...args: readonly string[]) {
  const terminal = new FakeTerminal(false);
  const code = await runCli(['test', ...args], '0', {
    terminal,
    clock: systemClock,
    openEngine: () => Promise.reject(new Error('test opens nothing')),
    openServers: () => Promise.reject(new Error('not here')),
    environment: {},
    cwd: folder.path,
    exitCode: 0,
  });
  return { code, stdout: terminal.stdout, stderr: terminal.stderr };
}

const steps = 'steps:\n  - { id: a, server: files, action: list, arguments: { path: in } }\n';
const tests = (...names: readonly string[]): string =>
  `tests:\n${names.map((name) => `  - { name: ${name}, mocks: { a: { output: ${name} } }, expect: { output: { result: good } } }\n`).join('')}`;

describe('test', () => {
  test('every test is named, with coverage; one that fails says why, exit 1', async () => {
    await writeFile(join(folder.path, 'definitions/w.yaml'), `name: w\n${steps}${tests('good', 'bad')}`);
    await writeFile(join(folder.path, 'definitions/x.yaml'), `name: x\n${steps}`);
    const { code, stdout } = await testCommand();
    expect(code).toBe(1);
    expect(stdout.split('\n')).toEqual([
      'w  1/1 steps',
      '  ✔ good',
      '  ✘ bad',
      '      output.result: expected "good", found "bad"',
      'without tests: x',
      '1 passed, 1 failed',
      '',
    ]);
  });

  test('all pass: exit 0, and --json has the rendered arguments of every call', async () => {
    await writeFile(join(folder.path, 'w.yaml'), `name: w\n${steps}${tests('good')}`);
    const { code, stdout } = await testCommand('w.yaml', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      tests: 1,
      passed: 1,
      failed: 0,
      workflows: [
        {
          workflow: 'w',
          tests: [{ name: 'good', calls: [{ step: 'a', server: 'files', what: 'list', arguments: { path: 'in' } }] }],
          coverage: { steps: { total: 1, covered: 1 } },
        },
      ],
    });
  });

  test('a file with an error cannot be tested: it is reported, exit 1', async () => {
    await writeFile(join(folder.path, 'definitions/bad.yaml'), 'name: bad\nsteps: []\n');
    const { code, stdout } = await testCommand();
    expect(code).toBe(1);
    expect(stdout).toContain('definitions/bad.yaml:2:');
  });
});
