import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { runCli } from '../support/cli-process.ts';
import { Cluster } from '../support/postgres-cluster.ts';
import { serveEngine } from '../support/served-engine.ts';
import type { ServedEngine } from '../support/served-engine.ts';
import { callAsTask, pollUntil, resultOf, stepTable } from '../support/task-calls.ts';
import { waitUntil } from '../support/wait-until.ts';
import { newWorkspace } from '../support/workspace.ts';
import type { Workspace } from '../support/workspace.ts';

const CHAIN = `
name: chain
steps:
  - { id: first, server: ledger, action: record, arguments: { label: first } }
  - { id: second, server: ledger, action: record, idempotent: true, arguments: { label: second, held: 1 } }
  - { id: third, server: ledger, action: record, arguments: { label: third } }
output: { first: '{{first.text}}', second: '{{second.text}}', third: '{{third.text}}' }
`;

let cluster: Cluster;
let workspace: Workspace | undefined;
let engine: ServedEngine | undefined;
beforeAll(async () => {
  cluster = await Cluster.start({ password: 'a-word-of-the-tests' });
});
afterAll(() => cluster.remove());
afterEach(async () => {
  await engine?.stop();
  await workspace?.remove();
  workspace = engine = undefined;
});

async function begin(): Promise<{ workspace: Workspace; engine: ServedEngine; env: Record<string, string> }> {
  workspace = await newWorkspace({ definitions: { 'chain.yaml': CHAIN }, standIns: { ledger: {} } });
  const env = { MCP_WORKFLOW_STORE: cluster.address(), PGPASSWORD: 'a-word-of-the-tests' };
  engine = serveEngine('HTTP', workspace.path, env);
  return { workspace, engine, env };
}

function labels(of: Workspace): readonly string[] {
  return of.ledger().map(({ args }) => String(args['label']));
}

it('on PostgreSQL, SIGKILL of the server in the middle of a task: it goes on from its last checkpoint, and no committed step runs again (D3)', async () => {
  const running = await begin();
  const first = await running.engine.connect();
  const { taskId } = await callAsTask(first, 'chain');
  await waitUntil('the second call', () => labels(running.workspace).includes('second'));
  await running.engine.kill();
  running.workspace.release();
  const second = await running.engine.connect();
  const task = await pollUntil(second, taskId, 'completed', 'failed', 'cancelled');
  expect(task.status).toBe('completed');
  expect((await resultOf(second, taskId)).structuredContent).toEqual({
    first: 'record first #1',
    second: 'record second #2',
    third: 'record third #1',
  });
  expect(labels(running.workspace)).toEqual(['first', 'second', 'second', 'third']);
  // The command line reads the same store, and nothing is in the data folder.
  const listed = await runCli(
    ['tasks', 'list', '--json', '--principal', 'tester'],
    running.workspace.path,
    running.env,
  );
  expect(listed.stdout).toContain(taskId);
  expect(existsSync(join(running.workspace.path, 'data'))).toBe(false);
});

it('two servers on one database: each answers for the tasks of the other, and takes over what a killed one has left (D2, D6)', async () => {
  const running = await begin();
  const other = serveEngine('HTTP', running.workspace.path, running.env);
  try {
    const [client, beside] = [await running.engine.connect(), await other.connect()];
    const { taskId } = await callAsTask(client, 'chain');
    await waitUntil('the second call', () => labels(running.workspace).includes('second'));
    const cancelled = await callAsTask(client, 'chain');
    await beside.experimental.tasks.cancelTask(cancelled.taskId);
    expect((await pollUntil(client, cancelled.taskId, 'cancelled', 'completed')).status).toBe('cancelled');
    await running.engine.kill();
    running.workspace.release();
    expect((await pollUntil(beside, taskId, 'completed', 'failed', 'cancelled')).status).toBe('completed');
    const mine = running.workspace.ledger().filter(({ args }) => args['label'] === 'third');
    expect(mine).toHaveLength(1);
  } finally {
    await other.stop();
  }
});

it('SIGKILL of PostgreSQL in the middle of a task, and its restart: the engine goes on by itself, and no committed step runs again (D2, D13)', async () => {
  const running = await begin();
  const client = await running.engine.connect();
  const { taskId } = await callAsTask(client, 'chain');
  await waitUntil('the second call', () => labels(running.workspace).includes('second'));
  await waitUntil('the first step is recorded', async () =>
    (await stepTable(client, taskId)).some(({ path, status }) => path === 'first' && status === 'completed'),
  );
  await cluster.kill();
  // The outcome of the second step comes while nothing can be written.
  running.workspace.release();
  await waitUntil('a new task is refused', async () => {
    const answer = await callAsTask(client, 'chain').then(
      () => 'created',
      (error: unknown) => String(error),
    );
    return answer.includes('cannot be written') ? answer : undefined;
  });
  await cluster.up();
  const task = await waitUntil('it can be asked again', () =>
    pollUntil(client, taskId, 'completed', 'failed', 'cancelled').catch(() => undefined),
  );
  expect(task.status).toBe('completed');
  expect(labels(running.workspace)).toEqual(['first', 'second', 'third']);
});

it('says what is wrong with the store before it serves, in words, with exit code 2 and without the password', async () => {
  const { workspace: folder, env } = await begin();
  const serve = (store: string, more: Record<string, string> = {}) =>
    runCli(['serve', '--http', '127.0.0.1:0'], folder.path, { ...more, MCP_WORKFLOW_STORE: store });
  const wrong = new URL(env['MCP_WORKFLOW_STORE'] ?? '');
  wrong.password = 'not-the-word';
  const refused = await serve(wrong.href);
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain('the store cannot be used: PostgreSQL');
  expect(refused.stderr).toContain('PGPASSWORD');
  expect(refused.stderr).not.toContain('not-the-word');
  wrong.pathname = '/nowhere';
  wrong.password = 'a-word-of-the-tests';
  expect((await serve(wrong.href)).stderr).toContain('create the database');
  expect(await serve('mysql://127.0.0.1')).toMatchObject({ code: 2 });
  const looked = await runCli(['tasks', 'list'], folder.path, env);
  expect(looked).toMatchObject({ code: 0 });
  expect(looked.stderr).toContain('no tasks in this database yet');
});

it('the driver and the adapter are loaded only where PostgreSQL was chosen: both packages are optional', () => {
  const compose = new URL('../../dist/compose.js', import.meta.url).href;
  const list = `import { createRequire } from 'node:module'; await import('${compose}');
    process.stdout.write(Object.keys(createRequire('${compose}').cache).join('\\n'));`;
  const loaded = execFileSync(process.execPath, ['--input-type=module', '-e', list], { encoding: 'utf8' }).split('\n');
  // The list is one: what is loaded by all is in it.
  expect(loaded.some((file) => file.includes('/node_modules/sqlite3/'))).toBe(true);
  expect(loaded.filter((file) => /\/node_modules\/(?:pg|@keyv\/postgres)\//u.test(file))).toEqual([]);
});
