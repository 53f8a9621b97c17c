import { chmod, mkdir, readFile, realpath, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli, startCli, type Running } from '../../support/cli-process.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { logLines, oddServer } from './c-world.ts';

const QUICK = 'name: quick\nsteps:\n  - { id: a, type: set, values: { n: 1 } }\n';

/** Permissions as `chmod` writes them. */
async function modeOf(file: string): Promise<string> {
  return ((await stat(file)).mode & 0o777).toString(8);
}

/** A folder with a definition and a servers file, whatever the umask is. */
async function newFolder(): Promise<Awaited<ReturnType<typeof tempDir>>> {
  const folder = await tempDir();
  const path = await realpath(folder.path);
  await mkdir(join(path, 'definitions'));
  await chmod(join(path, 'definitions'), 0o755);
  await writeFile(join(path, 'definitions', 'quick.yaml'), QUICK);
  await writeFile(join(path, 'servers.json'), JSON.stringify({ mcpServers: { s: oddServer({}) } }));
  return { path, remove: folder.remove };
}

let folder: Awaited<ReturnType<typeof tempDir>>;
const file = (...names: readonly string[]): string => join(folder.path, ...names);

describe('the database', () => {
  beforeEach(async () => {
    folder = await newFolder();
    await mkdir(file('data'));
  });
  afterEach(() => folder.remove());

  it.each(['tasks.sqlite', 'tasks.sqlite-wal'])(
    'F12: a link under the name %s leads to a file of somebody that stays as it is',
    async (name) => {
      const text = 'this is a letter, and no database\n'.repeat(40);
      await writeFile(file('letter.txt'), text);
      await chmod(file('letter.txt'), 0o644);
      await symlink(file('letter.txt'), file('data', name));
      const { code, stdout } = await runCli(['run', 'quick'], folder.path);
      expect([code, stdout]).toEqual([2, '']);
      expect(await modeOf(file('letter.txt'))).toBe('644');
      expect(await readFile(file('letter.txt'), 'utf8')).toBe(text);
    },
  );

  it('F12: a file that is no database keeps its permissions too', async () => {
    await writeFile(file('data', 'tasks.sqlite'), 'no database '.repeat(100));
    await chmod(file('data', 'tasks.sqlite'), 0o644);
    expect((await runCli(['run', 'quick'], folder.path)).code).toBe(2);
    expect(await modeOf(file('data', 'tasks.sqlite'))).toBe('644');
  });

  it('F12: a database of ours that others could read is for its owner alone from then on', async () => {
    expect((await runCli(['run', 'quick'], folder.path)).code).toBe(0);
    await chmod(file('data', 'tasks.sqlite'), 0o644);
    expect((await runCli(['run', 'quick'], folder.path)).code).toBe(0);
    expect(await modeOf(file('data', 'tasks.sqlite'))).toBe('600');
  });
});

describe('what validate --connect keeps', () => {
  beforeEach(async () => {
    folder = await newFolder();
    await writeFile(file('definitions', 'calls.yaml'), 'name: calls\nsteps:\n  - { id: a, server: s, action: go }\n');
  });
  afterEach(() => folder.remove());

  it.each(['data', 'deep/er/data'])(
    'F12: is for its owner alone, and so is the folder that is made for it (%s)',
    async (data) => {
      const { code, stderr } = await runCli(['validate', '--connect', '--data', data], folder.path);
      expect([code, stderr]).toEqual([0, '']);
      expect(await modeOf(file(data, 'tool-schemas.json'))).toBe('600');
      let made = '';
      for (const name of data.split('/')) {
        made = join(made, name);
        expect(await modeOf(file(made)), made).toBe('700');
      }
    },
  );

  it('F12: is for its owner alone also where an older file could be read by others', async () => {
    await runCli(['validate', '--connect'], folder.path);
    await chmod(file('data', 'tool-schemas.json'), 0o644);
    await runCli(['validate', '--connect'], folder.path);
    expect(await modeOf(file('data', 'tool-schemas.json'))).toBe('600');
  });
});

describe('files and folders that others can write', () => {
  const OPEN = ['servers.json', 'mcp-workflow.json', 'definitions', 'definitions/quick.yaml', 'data'] as const;
  let running: Running;

  /** The warnings of the server so far, with everything that is in them. */
  const warnings = (): readonly string[] =>
    logLines(running.stderr()).flatMap((line) => (line['level'] === 40 ? [JSON.stringify(line)] : []));

  async function start(mode: number, folderMode: number): Promise<void> {
    folder = await newFolder();
    await writeFile(file('mcp-workflow.json'), '{"log_level": "info"}');
    await mkdir(file('data'));
    for (const name of OPEN) await chmod(file(name), name.includes('.') ? mode : folderMode);
    running = startCli(['serve', '--http', '127.0.0.1:0'], folder.path);
    await waitUntil('it serves', () => running.stderr().includes('"serving"'));
  }

  async function stop(): Promise<void> {
    running.child.kill('SIGTERM');
    await running.finished;
    await folder.remove();
  }

  describe('with everything open', () => {
    beforeAll(() => start(0o666, 0o777));
    afterAll(stop);

    it.each(OPEN)('F12: %s: it is said at the start', async (name) => {
      // The folder of definitions is the beginning of the name of what is in it.
      const named = new RegExp(String.raw`${file(name).replaceAll('.', String.raw`\.`)}(?![\w/.-])`, 'u');
      const said = await waitUntil(`a warning about ${name}`, () => {
        const lines = warnings().filter((line) => named.test(line));
        return lines.length > 0 && lines;
      });
      expect(said).toEqual([expect.stringMatching(/writ/u)]);
    });
  });

  describe('with nothing open', () => {
    beforeAll(() => start(0o644, 0o755));
    afterAll(stop);

    it('F12: nothing is said of what only its owner can write', () => {
      expect(warnings()).toEqual([]);
    });
  });
});
