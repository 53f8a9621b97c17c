import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli, startCli, type Finished, type Running, writeWorkspace } from '../../support/cli-process.ts';
import { seedTexts } from '../../support/seed-texts.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

const DEFINITIONS = {
  quick: 'steps:\n  - { id: a, type: set, values: { n: 1 } }\noutput: { n: "{{a.output.n}}" }\n',
  greet: 'steps:\n  - { id: say, server: everything, action: echo, arguments: { message: hello } }\n',
  nap: 'steps:\n  - { id: sleep, type: wait, seconds: 600 }\n',
};
const BROKEN = `name: broken
steps:
  - { id: list, type: set, values: { n: 1 } }
  - { id: use, type: set, values: { n: '{{lst.output.n}}' }, on_error: lst }
`;

let folder: Awaited<ReturnType<typeof tempDir>>;
let servers: Running[] = [];

beforeEach(async () => {
  folder = await tempDir();
  await writeWorkspace(folder.path, DEFINITIONS);
});
afterEach(async () => {
  for (const { child } of servers) child.kill('SIGTERM');
  await Promise.all(servers.map((server) => server.finished));
  servers = [];
  await folder.remove();
});

function run(...args: readonly string[]): Promise<Finished> {
  return runCli(args, folder.path);
}

async function json(...args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run(...args, '--json');
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

async function serve(): Promise<Running> {
  const server = startCli(['serve', '--http', '0'], folder.path);
  servers.push(server);
  await waitUntil('it serves', () => server.stderr().includes('"serving"'));
  return server;
}

describe('a broken definition beside good ones', () => {
  beforeEach(() => writeFile(join(folder.path, 'definitions/broken.yaml'), BROKEN));

  test('validate names file, line, column, code and what was probably meant: exit 1', async () => {
    const { code, stdout } = await run('validate', 'definitions');
    expect(code).toBe(1);
    expect(stdout).toMatch(/definitions\/broken\.yaml:4:\d+ .*unknown_step.*did you mean 'list'\?/s);
    expect(stdout).toContain('4 files, 3 workflows, ');
  });

  test('validate --json: one document with the same', async () => {
    const { code, stdout } = await run('validate', 'definitions', '--json');
    expect(code).toBe(1);
    expect(JSON.stringify(JSON.parse(stdout))).toContain('unknown_step');
  });

  test('the others are listed, run and served', async () => {
    const { stdout } = await run('list', '--json');
    expect(stdout).toContain('"quick"');
    expect(stdout).not.toContain('"broken"');
    expect((await run('run', 'quick')).code).toBe(0);
    const server = await serve();
    expect(server.stderr()).toContain('unknown_step');
  });

  test('the broken one cannot be run: exit 2, and its error is shown', async () => {
    const { code, stdout, stderr } = await run('run', 'broken');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^the workflow 'broken' has errors:\n {2}definitions\/broken\.yaml:4:\d+ unknown_step /m);
  });
});

describe('the servers file', () => {
  test('one that was named and is not there: exit 2 with its path', async () => {
    const { code, stdout, stderr } = await run('run', 'greet', '--servers', 'nowhere.json');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('nowhere.json');
  });

  test('without the default one a workflow without servers runs, any other fails in its step', async () => {
    await rm(join(folder.path, 'servers.json'));
    expect((await run('run', 'quick')).code).toBe(0);
    const { code, stdout } = await run('run', 'greet');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', error: { code: 'server_not_found', step: 'say' } });
  });

  test('one that is not JSON: exit 2 with its place, and nothing is run', async () => {
    await writeFile(join(folder.path, 'servers.json'), '{');
    const { code, stdout, stderr } = await run('run', 'greet');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('servers.json:1:2 syntax');
  });
});

test.each(['rum', 'run quick --jsn', 'run quik', 'tasks get nothing', 'serve --http x'])(
  'wrong usage (%s): exit 2, the text on standard error, nothing on standard output',
  async (line) => {
    const { code, stdout, stderr } = await run(...line.split(' '));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.trim()).not.toBe('');
  },
);

test.each(['run quick', 'run greet', 'list', 'validate definitions', 'tasks list', 'schedule list'])(
  '%s --json with every log line: one JSON document and nothing else on standard output',
  async (line) => {
    const { code, stdout } = await runCli([...line.split(' '), '--json'], folder.path, {
      MCP_WORKFLOW_LOG_LEVEL: 'debug',
    });
    expect(code).toBe(0);
    expect(() => JSON.parse(stdout) as unknown).not.toThrow();
  },
);

test('schema is a JSON Schema of 2020-12 that takes the documents of the seed and refuses a wrong one', async () => {
  const { code, stdout } = await run('schema');
  expect(code).toBe(0);
  const ajv = new Ajv2020({ strict: false });
  const validate = ajv.compile(JSON.parse(stdout) as object);
  for (const { name, text } of seedTexts().filter((piece) => piece.kind === 'document')) {
    expect(validate(JSON.parse(text)), `${name}: ${ajv.errorsText(validate.errors)}`).toBe(true);
  }
  expect(validate({ name: 'x', steps: 'none' })).toBe(false);
});

describe('tasks on a data folder', () => {
  test('list, get and result say the same without a server and beside one', async () => {
    const { taskId } = (await json('run', 'quick')) as { taskId: string };
    const look = async (): Promise<unknown[]> => [
      await json('tasks', 'list'),
      await json('tasks', 'get', taskId),
      await json('tasks', 'result', taskId),
    ];
    const without = await look();
    expect(without[2]).toMatchObject({ structuredContent: { n: 1 } });
    await serve();
    expect(await look()).toEqual(without);
  });

  test('two servers share it: a task of one is seen and cancelled through the other, and the data stays whole', async () => {
    await serve();
    await serve();
    const { taskId } = JSON.parse((await run('run', 'nap', '--detach')).stdout) as { taskId: string };
    expect(await json('tasks', 'get', taskId)).toMatchObject({ status: 'working' });
    expect((await run('tasks', 'cancel', taskId)).code).toBe(0);
    expect(await json('tasks', 'get', taskId)).toMatchObject({ status: 'cancelled' });
    for (const { child } of servers) child.kill('SIGKILL');
    await Promise.all(servers.map((server) => server.finished));
    await serve();
    expect(await json('tasks', 'get', taskId)).toMatchObject({ status: 'cancelled' });
  });

  test.each([
    'run quik',
    'run quick --set x',
    'run quick --dry-run',
    'graph quick',
    'list',
    'schedule list',
    'tasks list',
  ])('%s makes no data folder', async (line) => {
    await run(...line.split(' '));
    expect(await readdir(folder.path)).not.toContain('data');
  });

  test.each(['get', 'result', 'cancel', 'respond', 'resume'])(
    'tasks %s in a data folder that is not there: exit 2, says so, and does not make it',
    async (command) => {
      const { code, stdout, stderr } = await run('tasks', command, 'x', '--data', 'nowhere');
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain("no task 'x'");
      expect(await readdir(folder.path)).not.toContain('nowhere');
    },
  );

  test('tasks list where the database is gone and its log is left: exit 2, as it is no empty folder (D14)', async () => {
    await mkdir(join(folder.path, 'data'));
    await writeFile(join(folder.path, 'data', 'tasks.sqlite-wal'), 'the log of a process that was killed');
    const { code, stdout, stderr } = await run('tasks', 'list');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('put the database back');
    expect(await readdir(join(folder.path, 'data'))).toEqual(['tasks.sqlite-wal']);
  });

  test('tasks are looked at and cancelled from anywhere, without a folder of definitions', async () => {
    const { taskId } = JSON.parse((await run('run', 'nap', '--detach')).stdout) as { taskId: string };
    await mkdir(join(folder.path, 'else'));
    const elsewhere = async (...args: readonly string[]): Promise<Finished> =>
      await runCli(['tasks', ...args, '--data', '../data'], join(folder.path, 'else'));
    expect((await elsewhere('list')).stdout).toContain(taskId);
    expect((await elsewhere('get', taskId)).stdout).toContain('working');
    expect((await elsewhere('cancel', taskId)).code).toBe(0);
    expect((await elsewhere('result', taskId)).stderr).toContain('cancelled');
  });

  test('a folder that is not there is made', async () => {
    await mkdir(join(folder.path, 'deep'));
    expect((await run('run', 'quick', '--data', 'deep/er/data')).code).toBe(0);
    expect((await run('tasks', 'list', '--data', 'deep/er/data')).stdout).toContain('quick');
  });
});
