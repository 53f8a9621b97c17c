/**
 * One client as a process of its own: `node client.mjs '<plan as JSON>'` prints what it got as one line of JSON.
 *
 * Plan: `kind` (tasks-2026 | tasks-2025 | progress | plain), `target` ({url} or {command, args, cwd, env}), `tool`,
 * `arguments`, and
 * `phase`: `whole` calls and stays until the result is there, answering questions with `name`; `begin` cannot be asked,
 * calls, and leaves with the id of the task; `finish` comes back to `taskId`, answers, and takes the result; `cancel`
 * calls, cancels, and looks.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema, ErrorCode, ResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { Client as Client2, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio';

/** As in test/support/patience.ts. */
const PATIENCE_MS = 180_000;
const plan = JSON.parse(process.argv[2]);
const { target, tool, phase } = plan;
const canBeAsked = phase !== 'begin';
const answer = { action: 'accept', content: { name: plan.name ?? 'Ada' } };
const capabilities = canBeAsked ? { elicitation: { form: {} } } : {};
const info = { name: 'matrix', version: '1' };
const kinds = {
  'tasks-2026': tasks2026,
  'tasks-2025': tasks2025,
  progress: () => withoutTasks(sdk2),
  plain: () => withoutTasks(sdk1),
};
process.stdout.write(`${JSON.stringify(await kinds[plan.kind]())}\n`);

function textOf(result) {
  return result.content.map((block) => block.text ?? '').join('\n');
}

/** SDK v1; Tasks of 2025-11-25 with the client's own words for them. */
async function tasks2025() {
  const client = await sdk1();
  const request = (method, params) => client.raw(method, params);
  try {
    let { taskId } = plan;
    if (phase !== 'finish') {
      const { task } = await request('tools/call', {
        name: tool,
        arguments: plan.arguments ?? {},
        task: { ttl: 600_000 },
      });
      taskId = task.taskId;
    }
    if (phase === 'begin') {
      await until(async () => (await request('tasks/get', { taskId })).status === 'input_required');
      return { taskId };
    }
    if (phase === 'cancel') {
      const { status } = await request('tasks/cancel', { taskId });
      const again = await request('tasks/result', { taskId }).catch((error) => ({ refused: error.code }));
      return { status, again };
    }
    const result = await patiently(() => request('tasks/result', { taskId }));
    const { status, statusMessage } = await request('tasks/get', { taskId });
    return { status, statusMessage, text: textOf(result), isError: result.isError === true };
  } finally {
    await client.close();
  }
}

/** Raw JSON-RPC of 2026-07-28 with the Tasks extension declared on every request. */
async function tasks2026() {
  const line = await (target.url === undefined ? pipe2026() : http2026());
  try {
    let { taskId } = plan;
    if (phase !== 'finish') {
      const created = await line.request('tools/call', { name: tool, arguments: plan.arguments ?? {} });
      if (created.resultType === 'complete')
        return { status: 'completed', text: textOf(created), isError: created.isError === true };
      ({ taskId } = created);
    }
    if (phase === 'begin') {
      await until(async () => (await line.request('tasks/get', { taskId })).status === 'input_required');
      return { taskId };
    }
    if (phase === 'cancel') {
      await line.request('tasks/cancel', { taskId });
      return { status: (await line.request('tasks/get', { taskId })).status };
    }
    for (;;) {
      const task = await line.request('tasks/get', { taskId });
      const asked = Object.keys(task.inputRequests ?? {});
      if (asked.length > 0) {
        const inputResponses = Object.fromEntries(asked.map((key) => [key, answer]));
        await line.request('tasks/update', { taskId, inputResponses });
      } else if (task.status !== 'working') {
        const { status, statusMessage, result } = task;
        return { status, statusMessage, text: textOf(result), isError: result.isError === true };
      }
      await sleep(Math.min(task.pollIntervalMs, 100));
    }
  } finally {
    await line.close();
  }
}

/** A host that knows no Tasks: it calls tools, and does what their answers say. */
async function withoutTasks(connect) {
  const client = await connect();
  const ticks = [];
  const call = (name, args) => client.call(name, args, (tick) => ticks.push(tick.progress));
  try {
    let { taskId } = plan;
    let result;
    if (phase !== 'finish') {
      result = await call(tool, plan.arguments ?? {});
      taskId = result.structuredContent?.task?.taskId;
    }
    const deferred = taskId !== undefined;
    if (!deferred) return { text: textOf(result), isError: result.isError === true, ticks, deferred };
    if (phase === 'begin') return { taskId, told: textOf(result) };
    if (phase === 'cancel') {
      await call('tasks_cancel', { taskId });
      return { status: (await call('tasks_get', { taskId })).structuredContent.status };
    }
    for (;;) {
      const { structuredContent: task } = await call('tasks_get', { taskId, wait_seconds: 45 });
      const asked = Object.keys(task.inputRequests ?? {});
      if (asked.length > 0) {
        await call('tasks_update', { taskId, inputResponses: Object.fromEntries(asked.map((key) => [key, answer])) });
      } else if (task.status !== 'working') {
        result = await call('tasks_result', { taskId });
        return { status: task.status, text: textOf(result), isError: result.isError === true, ticks, deferred };
      }
    }
  } finally {
    await client.close();
  }
}

async function sdk1() {
  const client = new Client1(info, { capabilities });
  if (canBeAsked) client.setRequestHandler(ElicitRequestSchema, () => sleep(250, answer));
  await client.connect(
    target.url === undefined
      ? new Stdio1({ ...target, stderr: 'inherit' })
      : new Http1(new URL(target.url), { requestInit: { headers: target.headers } }),
  );
  return {
    raw: (method, params) => client.request({ method, params }, ResultSchema, { timeout: PATIENCE_MS }),
    call: (name, args) => client.callTool({ name, arguments: args }, undefined, { timeout: PATIENCE_MS }),
    close: () => client.close(),
  };
}

async function sdk2() {
  const client = new Client2(info, { capabilities, versionNegotiation: { mode: 'auto' } });
  if (canBeAsked) client.setRequestHandler('elicitation/create', () => sleep(250, answer));
  await client.connect(
    target.url === undefined
      ? new Stdio2({ ...target, stderr: 'inherit' })
      : new Http2(new URL(target.url), { requestInit: { headers: target.headers } }),
  );
  return {
    call: (name, args, onprogress) => client.callTool({ name, arguments: args }, { onprogress, timeout: PATIENCE_MS }),
    close: () => client.close(),
  };
}

function envelope(params) {
  return {
    ...params,
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': info,
      'io.modelcontextprotocol/clientCapabilities': {
        ...capabilities,
        extensions: { 'io.modelcontextprotocol/tasks': {} },
      },
    },
  };
}

async function pipe2026() {
  const child = spawn(target.command, target.args, {
    cwd: target.cwd,
    env: target.env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const waiting = new Map();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line);
    waiting.get(message.id)?.(message);
  });
  let id = 0;
  return {
    request: (method, params) =>
      new Promise((resolve, reject) => {
        id += 1;
        waiting.set(id, ({ result, error }) =>
          error === undefined ? resolve(result) : reject(new Error(JSON.stringify(error))),
        );
        child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params: envelope(params) })}\n`);
      }),
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

async function http2026() {
  let id = 0;
  return {
    request: async (method, params) => {
      const response = await fetch(target.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': method,
          'mcp-name': params.name ?? params.taskId,
          ...target.headers,
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: (id += 1), method, params: envelope(params) }),
      });
      const body = await response.text();
      const last = body.startsWith('{')
        ? body
        : body
            .split('\n')
            .findLast((line) => line.startsWith('data: {'))
            .slice(6);
      const { result, error } = JSON.parse(last);
      if (error !== undefined) throw new Error(JSON.stringify(error));
      return result;
    },
    close: () => Promise.resolve(),
  };
}

/** A host that gave up on a request that waits asks again: the task is still there. */
async function patiently(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error.code !== ErrorCode.RequestTimeout) throw error;
    }
  }
}

async function until(condition) {
  while (!(await condition())) await sleep(30);
}
