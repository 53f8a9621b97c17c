import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli, writeWorkspace } from '../../support/cli-process.ts';
import { tempDir } from '../../support/temp-dir.ts';

const SERVERS = '{"mcpServers": {"jos\u00E9": {"command": "node", "args": ["caf\u00E9.js"]}}}';
const ECHO =
  'variables: { input: { who: nobody } }\nsteps:\n  - { id: a, type: set, values: { who: "{{input.who}}" } }\n';

/** A text as another system saves it. UTF-16 has the mark that editors and shells write. */
function encoded(text: string, encoding: 'utf16le' | 'utf16be' | 'latin1'): Buffer {
  if (encoding === 'latin1') return Buffer.from(text, 'latin1');
  const bytes = Buffer.from(`\uFEFF${text}`, 'utf16le');
  return encoding === 'utf16le' ? bytes : bytes.swap16();
}

let folder: Awaited<ReturnType<typeof tempDir>>;

beforeAll(async () => {
  folder = await tempDir();
  await writeWorkspace(folder.path, { echo: ECHO });
});
afterAll(() => folder.remove());

/** Writes a file of the folder; gives its name. */
async function write(name: string, content: string | Buffer): Promise<string> {
  await writeFile(join(folder.path, name), content);
  return name;
}

it('C8: a servers file in Latin-1 is no reason for other letters or a riddle: it says that UTF-8 is wanted', async () => {
  const file = await write('latin1.json', encoded(SERVERS, 'latin1'));
  const [run, validate] = await Promise.all([
    runCli(['run', 'echo', '--servers', file], folder.path),
    runCli(['validate', '--servers', file], folder.path),
  ]);
  expect([run.code, run.stdout]).toEqual([2, '']);
  for (const shown of [run.stderr, `${validate.stdout}${validate.stderr}`]) {
    expect(shown).toContain(file);
    expect(shown).toContain('UTF-8');
  }
  expect(validate.code).not.toBe(0);
});

it.each(['utf16le', 'utf16be'] as const)(
  'C8: a servers file in %s, as editors on Windows save it, is read',
  async (encoding) => {
    const file = await write(`${encoding}.json`, encoded(SERVERS, encoding));
    const validate = await runCli(['validate', '--servers', file], folder.path);
    expect([validate.code, validate.stderr]).toEqual([0, '']);
  },
);

it('C8: --input @file with a byte order mark or in UTF-16 is read, one in Latin-1 is said to be so', async () => {
  const marked = await write('marked.json', '\uFEFF{"who": "Jos\u00E9"}');
  const latin = await write('latin.json', encoded('{"who": "Jos\u00E9"}', 'latin1'));
  const wide = await write('wide.json', encoded('{"who": "Jos\u00E9"}', 'utf16le'));
  const [good, alsoGood, ...bad] = await Promise.all(
    [marked, wide, latin].map((file) => runCli(['run', 'echo', '--input', `@${file}`, '--json'], folder.path)),
  );
  expect(good?.stderr).toBe('');
  expect(JSON.parse(good?.stdout ?? '')).toMatchObject({
    status: 'completed',
    output: { result: { who: 'Jos\u00E9' } },
  });
  expect(JSON.parse(alsoGood?.stdout ?? '')).toMatchObject({ output: { result: { who: 'Jos\u00E9' } } });
  for (const { code, stdout, stderr } of bad) {
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('UTF-8');
  }
});

it('C8: a settings file that is not UTF-8 is said to be so', async () => {
  const file = await write('settings.json', encoded('{"expose": ["jos\u00E9"]}', 'latin1'));
  const { code, stderr } = await runCli(['list', '--config', file], folder.path);
  expect(code).toBe(2);
  expect(stderr).toContain('UTF-8');
});
