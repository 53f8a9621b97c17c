import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCli, writeWorkspace } from '../../support/cli-process.ts';
import { tempDir } from '../../support/temp-dir.ts';

let folder: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => {
  folder = await tempDir();
  await writeWorkspace(folder.path, {});
});
afterEach(() => folder.remove());

const workflow = (...args: readonly string[]) => runCli(args, folder.path);

test('from nothing to a run: new asks a real server, validate --connect agrees, test passes, graph draws it, run runs it', async () => {
  const made = await workflow('new', 'add', '--server', 'everything', '--tool', 'get-sum', '--connect');
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(await workflow('validate', '--connect')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^1 file, 1 workflow, 1 server with \d+ tools asked, 0 errors, 0 warnings\n$/u,
    ) as string,
  });
  expect(await workflow('test')).toMatchObject({ code: 0 });
  expect((await workflow('graph', 'add', '--format', 'svg')).stdout).toMatch(/^<svg [^]*get&#45;sum[^]*<\/svg>\n$/u);
  const run = await workflow('run', 'add', '--set', 'a=2', '--set', 'b=3', '--json');
  expect(run.code).toBe(0);
  expect(JSON.stringify(JSON.parse(run.stdout))).toContain('5');
});

test('validate --connect finds what a real server would refuse, and reports one that does not start', async () => {
  const servers = JSON.parse(await readFile(join(folder.path, 'servers.json'), 'utf8')) as { mcpServers: object };
  const broken = { command: process.execPath, args: ['-e', 'process.exit(3)'] };
  await writeFile(
    join(folder.path, 'servers.json'),
    JSON.stringify({ mcpServers: { ...servers.mcpServers, broken } }, undefined, 2),
  );
  await writeFile(
    join(folder.path, 'definitions/bad.yaml'),
    `name: bad
steps:
  - { id: a, server: everything, action: get-sum, arguments: { a: 1, b: two } }
  - { id: b, server: everything, action: get-structured-content, arguments: { location: New York } }
  - { id: c, server: broken, action: x }
output: { t: '{{b.output.temprature}}' }
`,
  );
  const { code, stdout } = await workflow('validate', '--connect');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^servers\.json:\d+:5 server_unreachable server 'broken'/mu);
  expect(stdout).toMatch(/^definitions\/bad\.yaml:3:\d+ invalid_arguments 'b': expected number, found text "two"$/mu);
  expect(stdout).toMatch(/^definitions\/bad\.yaml:6:\d+ unknown_member .*did you mean 'temperature'\?\)$/mu);
});

test.each([
  [
    'a text that is no JSON',
    '{"mcpServers": {\n  "a": {"command": "x"} "b": {}\n}}',
    /^\S*servers\.json:2:\d+ syntax /u,
  ],
  ['a key that is wrong', '{"mcpServers": {\n  "a": {"comand": "x"}\n}}', /^\S*servers\.json:2:3 invalid_server /u],
  [
    'a header that cannot be sent',
    '{"mcpServers": {\n  "a": {"url": "http://127.0.0.1:1/", "headers": {"X Y": "1"}}\n}}',
    /^\S*servers\.json:2:\d+ invalid_value .*a header name/u,
  ],
])(
  'a servers file with %s ends run and serve before anything starts: exit 2 with its place',
  async (_, text, message) => {
    await writeFile(join(folder.path, 'servers.json'), text);
    await writeFile(
      join(folder.path, 'definitions/g.yaml'),
      'name: g\nsteps: [{ id: a, type: set, values: { x: 1 } }]\n',
    );
    for (const command of [
      ['run', 'g'],
      ['serve', '--http', '127.0.0.1:0'],
    ]) {
      const { code, stdout, stderr } = await workflow(...command);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(message);
    }
    // Who only looks is not kept from it.
    expect(await workflow('tasks', 'list')).toMatchObject({ code: 0 });
  },
);
