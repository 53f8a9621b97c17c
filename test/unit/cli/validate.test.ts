import { mkdir, writeFile, rm } from 'node:fs/promises';
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

const GOOD = 'name: good\nsteps:\n  - id: a\n    server: files\n    action: list\n';

function write(path: string, text: string): Promise<void> {
  return writeFile(join(folder.path, path), text);
}

async function validate(...args: readonly string[]) {
  const terminal = new FakeTerminal(false);
  const code = await runCli(['validate', ...args], '0', {
    terminal,
    clock: systemClock,
    openEngine: () => Promise.reject(new Error('validate opens nothing')),
    openServers: () => Promise.reject(new Error('not here')),
    environment: {},
    cwd: folder.path,
    exitCode: 0,
  });
  return { code, stdout: terminal.stdout, stderr: terminal.stderr, lines: terminal.stdout.trimEnd().split('\n') };
}

describe('validate', () => {
  test('the definitions folder without errors: a count, exit 0', async () => {
    await write('definitions/good.yaml', GOOD);
    expect(await validate()).toMatchObject({ code: 0, stdout: '1 file, 1 workflow, 0 errors, 0 warnings\n' });
  });

  test('one bad file: its place in it, the others are counted, exit 1', async () => {
    await write('definitions/good.yaml', GOOD);
    await write(
      'definitions/bad.yaml',
      'name: bad\nsteps:\n  - id: a\n    type: tool\n    server: files\n    acton: list\n',
    );
    const { code, lines } = await validate();
    expect(code).toBe(1);
    expect(lines.some((line) => /^definitions\/bad\.yaml:\d+:\d+ [a-z_]+ .*acton/.test(line))).toBe(true);
    expect(lines.at(-1)).toMatch(/^2 files, 1 workflow, [1-9] errors?, 0 warnings$/);
  });

  test('a file that is not UTF-8 or too large is one error, in the folder and when it is named', async () => {
    await writeFile(join(folder.path, 'definitions/wide.yaml'), Buffer.from('\ufeffname: a\nsteps: []\n', 'utf16le'));
    await writeFile(join(folder.path, 'definitions/large.yaml'), '#'.repeat(1_048_577));
    for (const paths of [[], ['definitions/wide.yaml', 'definitions/large.yaml']]) {
      const { code, lines } = await validate(...paths);
      expect(code).toBe(1);
      expect(lines.filter((line) => line.includes('wide.yaml'))).toEqual([expect.stringMatching(/ not_utf8 .*UTF-8/)]);
      expect(lines.filter((line) => line.includes('large.yaml'))).toEqual([expect.stringMatching(/ too_large /)]);
    }
  });

  test('files that resources name are looked for beside the definition, also when it is checked alone; data is no definition', async () => {
    const attach =
      'name: a\nsteps: [{id: a, type: succeed}]\nresources:\n  - {uri: "docs://a", name: a, file: ../prices.json}\n';
    await mkdir(join(folder.path, 'definitions/sub'));
    await write('definitions/sub/a.yaml', attach);
    expect((await validate()).lines[0]).toMatch(/^definitions\/sub\/a\.yaml:4:\d+ unreadable .*prices\.json/u);
    await write('definitions/prices.json', '{"apple": 3}');
    expect(await validate()).toMatchObject({ code: 0 });
    expect(await validate('definitions/sub/a.yaml')).toMatchObject({ code: 0 });
  });

  test('--json: one document with the same', async () => {
    await write('definitions/bad.json', '{');
    const { code, stdout } = await validate('--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      files: 1,
      workflows: [],
      errors: 1,
      issues: [{ severity: 'error', file: 'definitions/bad.json', line: 1 }],
    });
  });

  test('files named one by one are called as they were named', async () => {
    await write('x.yaml', 'name: [');
    const { lines } = await validate('./x.yaml');
    expect(lines[0]).toMatch(/^\.\/x\.yaml:1:/);
  });

  test('two files with one name: an error', async () => {
    await write('definitions/a.yaml', GOOD);
    await write('definitions/b.yaml', GOOD);
    const { code, stdout } = await validate();
    expect(code).toBe(1);
    expect(stdout).toContain("b.yaml:1:7 duplicate_name the workflow 'good' is also in definitions/a.yaml");
  });

  test('a name that is taken is reported also where a file has errors of its own', async () => {
    await write('definitions/a.yaml', 'name: same\nsteps: 3\n');
    await write('definitions/b.json', '{"steps": [],\n "name": "same"}');
    const { stdout } = await validate();
    expect(stdout).toContain("b.json:2:10 duplicate_name the workflow 'same' is also in definitions/a.yaml");
  });

  test('a file that is named twice, by its folder and by itself, is checked once', async () => {
    await write('definitions/a.yaml', GOOD);
    const { code, stdout } = await validate('definitions', './definitions/a.yaml', 'definitions/a.yaml');
    expect([code, stdout]).toEqual([0, '1 file, 1 workflow, 0 errors, 0 warnings\n']);
  });

  test('a child workflow that a folder does not have is a warning; of a single file it is not known what stands beside it', async () => {
    const parent = (child: string): string =>
      `name: parent\nsteps:\n  - { id: c, type: workflow, workflow: ${child} }\n`;
    await write('definitions/good.yaml', GOOD);
    await write('definitions/broken.yaml', 'name: broken\nsteps: 3\n');
    await write('definitions/parent.yaml', parent('god'));
    expect((await validate()).stdout).toContain(
      "definitions/parent.yaml:3:40 unknown_workflow workflow 'god' unknown (did you mean 'good'?) [warning]",
    );
    expect((await validate('definitions/parent.yaml')).stdout).not.toContain('unknown_workflow');
    for (const there of ['good', 'broken', 'parent', "'{{input.which}}'"]) {
      await write('definitions/parent.yaml', parent(there));
      expect((await validate()).stdout).not.toContain('unknown_workflow');
    }
    await write('definitions/parent.yaml', parent('other'));
    await write('definitions/unread.yaml', 'name: [');
    expect((await validate()).stdout).not.toContain('unknown_workflow');
  });

  test.each([['nowhere'], ['--servers', 'nowhere.json'], ['--definitions', 'nowhere']])(
    'what cannot be read is exit 2: %s %s',
    async (...args) => {
      const { code, stdout, stderr } = await validate(...args);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain('nowhere');
    },
  );

  test('without a definitions folder: exit 2 and how to make one', async () => {
    await rm(join(folder.path, 'definitions'), { recursive: true });
    const { code, stderr } = await validate();
    expect(code).toBe(2);
    expect(stderr).toContain('it does not exist: mcp-workflow new makes it with a first definition');
  });

  test('a servers file that is there but cannot be read is no missing one', async () => {
    await mkdir(join(folder.path, 'servers.json'));
    const { code, stderr } = await validate();
    expect(code).toBe(2);
    expect(stderr).toContain('servers.json (EISDIR');
    expect((await validate('--servers', '/dev/zero')).stderr).toContain('larger than 1 MiB');
  });

  test('a broken servers file is reported with its place', async () => {
    await write('servers.json', '{\n  "mcpServers": {"a": {"comand": "x"}}\n}');
    const { code, stdout } = await validate();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^servers\.json:2:\d+ /m);
  });
});
