import { readdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli, startCli, writeWorkspace } from '../../support/cli-process.ts';
import type { Finished, Running } from '../../support/cli-process.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

const DEFINITIONS = {
  greet: `
variables: { input: { who: world } }
steps:
  - { id: say, server: everything, action: echo, arguments: { message: 'Hello {{input.who}}' } }
output: { greeting: '{{say.text}}' }
`,
  wrong_tool: 'steps:\n  - { id: say, server: everything, action: ecco }\n',
  ask: `
steps:
  - id: question
    type: elicit
    message: Go on?
    schema: { type: object, properties: { ok: { type: boolean } }, required: [ok] }
output: { ok: '{{question.output.ok}}' }
`,
  ask_below: 'steps:\n  - { id: sub, type: workflow, workflow: ask }\n',
  nap: 'steps:\n  - { id: sleep, type: wait, seconds: 600 }\n',
  // Goes on when the test says so, in whichever process.
  held: `
steps:
  - { id: call, server: ledger, action: record, idempotent: true, arguments: { label: call, held: 1 } }
output: { said: '{{call.text}}' }
`,
};
const LEDGER_SERVER = fileURLToPath(new URL('../../support/servers/ledger.mjs', import.meta.url));

let folder: Awaited<ReturnType<typeof tempDir>>;
let servers: Running[] = [];

beforeEach(async () => {
  folder = await tempDir();
  await writeWorkspace(folder.path, DEFINITIONS, {
    ledger: { command: process.execPath, args: [LEDGER_SERVER], env: { LEDGER: join(folder.path, 'ledger.jsonl') } },
  });
});

afterEach(async () => {
  for (const { child } of servers) child.kill('SIGKILL');
  await Promise.all(servers.map((server) => server.finished));
  servers = [];
  await folder.remove();
});

/** Lets the call of `held` be answered. */
function release(): Promise<void> {
  return writeFile(join(folder.path, 'ledger.jsonl.released'), '');
}

function run(...args: readonly string[]): Promise<Finished> {
  return runCli(args, folder.path);
}

function start(...args: readonly string[]): Running {
  const running = startCli(args, folder.path);
  servers.push(running);
  return running;
}

/** Starts `serve` on a free port and resolves with its address. */
async function serve(): Promise<{ readonly server: Running; readonly port: string }> {
  const server = start('serve', '--http', '0');
  const port = await waitUntil(
    'it serves',
    () => /"url":"http:\/\/127\.0\.0\.1:(\d+)\/mcp"/.exec(server.stderr())?.[1],
  );
  return { server, port };
}

interface Report {
  readonly taskId: string;
  readonly status: string;
  readonly output: unknown;
  readonly error?: { readonly code: string; readonly step?: string };
  readonly steps: readonly { readonly path: string; readonly status: string; readonly attempts: number }[];
}

function report({ stdout }: Finished): Report {
  return JSON.parse(stdout) as Report;
}

async function statusOf(taskId: string): Promise<string> {
  return report(await run('tasks', 'get', taskId, '--json')).status;
}

/** True while a process works in the folder. Linux. */
async function processIsIn(path: string): Promise<boolean> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const folders = await Promise.all(ids.map((id) => readlink(`/proc/${id}/cwd`).catch(() => '')));
  return folders.includes(path);
}

function firstTask(): Promise<string> {
  return waitUntil('the task is there', async () => {
    const { tasks } = JSON.parse((await run('tasks', 'list', '--json')).stdout) as { tasks: readonly Report[] };
    return tasks[0]?.taskId;
  });
}

describe('run, without a server', () => {
  test('a workflow over a real server: one document, exit 0', async () => {
    const finished = await run('run', 'greet', '--set', 'who=Ann', '--json');
    expect(finished.code).toBe(0);
    expect(report(finished)).toMatchObject({
      status: 'completed',
      output: { greeting: 'Echo: Hello Ann' },
      steps: [{ path: 'say', status: 'completed', attempts: 1 }],
    });
    expect(Object.keys(report(finished))).toEqual(['taskId', 'status', 'output', 'steps']);
  });

  test('a workflow that fails: exit 1, code and step in the document', async () => {
    const finished = await run('run', 'wrong_tool', '--json');
    expect(finished.code).toBe(1);
    expect(report(finished)).toMatchObject({ status: 'failed', error: { code: 'tool_not_found', step: 'say' } });
  });

  test('arguments that do not fit: exit 2, nothing on standard output', async () => {
    const finished = await run('run', 'greet', '--input', '{"who": 3}');
    expect([finished.code, finished.stdout]).toEqual([2, '']);
    expect(finished.stderr).toContain('who');
  });

  test('Ctrl-C cancels the task, durably: exit 130', async () => {
    const running = start('run', 'nap');
    const taskId = await firstTask();
    running.child.kill('SIGINT');
    const finished = await running.finished;
    expect(finished.code).toBe(130);
    expect(report(finished)).toMatchObject({ taskId, status: 'cancelled' });
    expect(await statusOf(taskId)).toBe('cancelled');
  });

  test('--detach gives the id at once, and the background process finishes the task and ends', async () => {
    const finished = await run('run', 'held', '--detach');
    const { taskId, status } = report(finished);
    expect([finished.code, status]).toEqual([0, 'working']);
    await release();
    await waitUntil('the task completes', async () => (await statusOf(taskId)) === 'completed');
    await waitUntil('the process in the background ends', async () => !(await processIsIn(folder.path)));
  });

  test('--detach of what cannot start: its text and its exit code', async () => {
    const finished = await run('run', 'gret', '--detach');
    expect([finished.code, finished.stdout]).toEqual([2, '']);
    expect(finished.stderr).toContain("did you mean 'greet'?");
  });
});

describe('after run, without a server', () => {
  test('an answered question is taken to its end by resume', async () => {
    const { taskId } = report(await run('run', 'ask'));
    const answered = await run('tasks', 'respond', taskId, '--set', 'ok=true');
    expect(answered.stdout).toContain(`mcp-workflow tasks resume ${taskId}`);
    const resumed = await run('tasks', 'resume', taskId, '--json');
    expect(resumed.code).toBe(0);
    expect(report(resumed)).toMatchObject({ taskId, status: 'completed', output: { ok: true } });
  });

  test('respond --key with a key that is none names the step that asks as tasks get does: exit 2', async () => {
    const { taskId } = report(await run('run', 'ask_below'));
    const { code, stdout, stderr } = await run('tasks', 'respond', taskId, '--key', 'in-9', '--set', 'ok=true');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain("no question 'in-9'; there are: in-1 (step sub)\n");
    expect((await run('tasks', 'get', taskId)).stdout).toContain('in-1, asked by step sub: Go on?');
  });

  test('resume --from a step that has not run: exit 2, with those that have', async () => {
    const { taskId } = JSON.parse((await run('run', 'wrong_tool', '--json')).stdout) as { taskId: string };
    const { code, stdout, stderr } = await run('tasks', 'resume', taskId, '--from', 'nowhere');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^--from nowhere: no such step has run; those that have run: \w+\n$/);
  });

  test('a run that was killed is taken up by resume; one that lives is not', async () => {
    const running = start('run', 'held');
    const taskId = await firstTask();
    const refused = await run('tasks', 'resume', taskId);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('another process runs it');
    running.child.kill('SIGKILL');
    await running.finished;
    await release();
    expect(report(await run('tasks', 'resume', taskId, '--json'))).toMatchObject({ taskId, status: 'completed' });
  });
});

describe('beside a server', () => {
  test('a question left by run is answered by respond, and the server finishes the task', async () => {
    const asked = await run('run', 'ask');
    expect(asked.code).toBe(3);
    const { taskId, status } = report(asked);
    expect(status).toBe('input_required');
    await serve();
    expect((await run('tasks', 'respond', taskId, '--set', 'ok=true')).code).toBe(0);
    const watched = await run('tasks', 'get', taskId, '--watch', '--json');
    expect(watched.code).toBe(0);
    expect(report(watched)).toMatchObject({ status: 'completed', output: { ok: true } });
    const result = await run('tasks', 'result', taskId, '--json');
    expect(JSON.parse(result.stdout)).toMatchObject({ structuredContent: { ok: true } });
  });

  test('a second server on the same port: exit 2, and the first goes on', async () => {
    const { port } = await serve();
    const second = await run('serve', '--http', port);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain(`127.0.0.1:${port} is in use`);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  });

  test.each([['SIGTERM'], ['SIGHUP'], ['SIGHUP', 'SIGHUP']] as const)(
    'a server stops on %s with exit 0, also when the terminal is closed by shell and kernel',
    async (...signals) => {
      const { server } = await serve();
      for (const signal of signals) server.child.kill(signal);
      const { code, stderr } = await server.finished;
      expect([code, stderr]).toEqual([0, expect.stringContaining('stopped; open tasks go on')]);
    },
  );

  test.each(['SIGKILL', 'SIGTERM', 'SIGHUP'] as const)(
    'a run that ends by %s is finished by the next server',
    async (signal) => {
      const running = start('run', 'held');
      const taskId = await firstTask();
      running.child.kill(signal);
      expect((await running.finished).code).toBe(signal === 'SIGKILL' ? null : 130);
      expect(await statusOf(taskId)).toBe('working');
      await release();
      await serve();
      await waitUntil('the task completes', async () => (await statusOf(taskId)) === 'completed');
    },
  );

  test('cancel reaches a task that another process runs', async () => {
    const running = start('run', 'nap');
    const taskId = await firstTask();
    expect((await run('tasks', 'cancel', taskId)).code).toBe(0);
    expect((await running.finished).code).toBe(1);
  });
});

test.each([
  ['list', '--definitions'],
  ['list', '--data'],
  ['tasks list', '--data'],
  ['run greet', '--data'],
])('a folder that cannot be (%s %s): exit 2 with its path', async (command, flag) => {
  // A file stands where a folder is wanted.
  const finished = await run(...command.split(' '), flag, 'servers.json');
  expect([finished.code, finished.stdout]).toEqual([2, '']);
  expect(finished.stderr).toContain('servers.json');
  expect(finished.stderr).toContain(flag);
});
