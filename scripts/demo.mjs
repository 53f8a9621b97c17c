// The point in a minute: a workflow runs as a task over real MCP servers, the engine is killed with SIGKILL in the
// middle, started again on the same data folder, and the client gets the finished result by the old task id.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema, CreateTaskResultSchema } from '@modelcontextprotocol/sdk/types.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const data = await mkdtemp(join(tmpdir(), 'mcp-workflow-demo-'));
const port = await freePort();
const began = Date.now();
const say = (text) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s  ${text}`);
let engine;

try {
  engine = await startEngine();
  say(`engine started (pid ${engine.pid}), http://127.0.0.1:${port}/mcp`);
  let client = await connect();
  const { task } = await client.request(
    {
      method: 'tools/call',
      params: { name: 'long_survey', arguments: { seconds_per_region: 2 }, task: { ttl: 3_600_000 } },
    },
    CreateTaskResultSchema,
  );
  say(`tools/call long_survey as a task → taskId ${task.taskId}`);
  await follow(client, task.taskId, (seen) => seen.percent >= 25);

  engine.kill('SIGKILL');
  await new Promise((resolve) => engine.once('exit', resolve));
  say('SIGKILL: the engine is gone, in the middle of a step');

  engine = await startEngine();
  say(`engine started again (pid ${engine.pid}) on the same data folder; nobody calls the tool again`);
  client = await connect();
  const last = await follow(client, task.taskId, (seen) => ['completed', 'failed', 'cancelled'].includes(seen.status));
  const result = await client.request(
    { method: 'tasks/result', params: { taskId: task.taskId } },
    CallToolResultSchema,
  );
  say(`tasks/result → ${JSON.stringify(result.structuredContent)}`);
  await client.close();
  process.exitCode = last.status === 'completed' ? 0 : 1;
} finally {
  if (engine !== undefined && engine.exitCode === null && engine.signalCode === null) {
    engine.kill('SIGTERM');
    await new Promise((resolve) => engine.once('exit', resolve));
  }
  await rm(data, { recursive: true, force: true });
}

/** Starts `mcp-workflow serve` and resolves when it is ready. */
async function startEngine() {
  const child = spawn(
    process.execPath,
    [join(root, 'dist/cli.js'), 'serve', '--http', `127.0.0.1:${port}`, '--data', data, '--log-level', 'warn'],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the engine stopped with exit code ${child.exitCode}`);
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) return child;
    await pause(50);
  }
}

async function connect() {
  const client = new Client({ name: 'demo', version: '1.0.0' }, { capabilities: {} });
  await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`)));
  return client;
}

/** Polls tasks/get, shows each new message, and returns the first state that `enough` accepts. */
async function follow(client, taskId, enough) {
  let shown = '';
  for (;;) {
    const task = await client.experimental.tasks.getTask(taskId);
    const percent = task._meta?.['dev.mcp-workflow/progress']?.percent ?? 0;
    const line = `${task.status.padEnd(9)} ${bar(percent)} ${String(percent).padStart(3)} %  ${task.statusMessage ?? ''}`;
    if (line !== shown) say((shown = line));
    if (enough({ status: task.status, percent })) return task;
    await pause(200);
  }
}

function bar(percent) {
  const full = Math.round(percent / 10);
  return '█'.repeat(full) + '·'.repeat(10 - full);
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port: chosen } = probe.address();
      probe.close(() => resolve(chosen));
    });
  });
}
