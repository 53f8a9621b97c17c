// A stdio MCP server (2025-11-25) whose tool `job` runs as a task when asked (`must` only so). Tasks live in the file
// STATE, so they survive a restart of the server; a task is over `ms` milliseconds after its creation. LEDGER gets
// every request.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { CallToolRequestSchema, ListToolsRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import { appendToLedger, idempotencyKeyOf } from './ledger-file.mjs';

const state = process.env.STATE ?? '';
/** @returns {Record<string, { createdAt: number, ms: number, fail?: string, cancelled?: boolean }>} */
const read = () => (existsSync(state) ? JSON.parse(readFileSync(state, 'utf8')) : {});
const write = (/** @type {object} */ tasks) => writeFileSync(state, JSON.stringify(tasks));
const inputSchema = { type: 'object', properties: { ms: { type: 'number' }, fail: { type: 'string' } } };
const tools = [
  { name: 'job', inputSchema, execution: { taskSupport: 'optional' } },
  { name: 'must', inputSchema, execution: { taskSupport: 'required' } },
  { name: 'plain', inputSchema },
];
const server = new Server(
  { name: 'tasks', version: '1.0.0' },
  { capabilities: { tools: {}, tasks: { cancel: {}, requests: { tools: { call: {} } } } } },
);
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }));

function view(/** @type {string} */ taskId) {
  const task = read()[taskId];
  if (task === undefined) throw new McpError(-32602, `Task ${taskId} not found`);
  const over = Date.now() >= task.createdAt + task.ms;
  const status = task.cancelled ? 'cancelled' : over ? (task.fail ? 'failed' : 'completed') : 'working';
  const at = new Date(task.createdAt).toISOString();
  return { taskId, status, ttl: null, createdAt: at, lastUpdatedAt: at, pollInterval: 50 };
}

server.setRequestHandler(CallToolRequestSchema, ({ params }) => {
  const { name } = params;
  const args = /** @type {any} */ (params.arguments ?? {});
  appendToLedger({
    method: 'tools/call',
    tool: name,
    args,
    key: idempotencyKeyOf(params),
    task: params.task !== undefined,
  });
  if (params.task === undefined) return { content: [{ type: 'text', text: 'called plainly' }] };
  const taskId = randomUUID();
  write({ ...read(), [taskId]: { createdAt: Date.now(), ms: args.ms ?? 100, fail: args.fail } });
  return { task: { ...view(taskId), status: 'working' } };
});

const request = (/** @type {string} */ method) =>
  z.looseObject({ method: z.literal(method), params: z.looseObject({ taskId: z.string() }) });
server.setRequestHandler(request('tasks/get'), ({ params }) => {
  appendToLedger({ method: 'tasks/get', taskId: params.taskId });
  return view(params.taskId);
});
server.setRequestHandler(request('tasks/result'), ({ params }) => {
  const { status } = view(params.taskId);
  const { fail } = read()[params.taskId] ?? {};
  if (fail === 'error') throw new McpError(-32077, 'the job broke');
  return { content: [{ type: 'text', text: `job ${status}` }], ...(fail ? { isError: true } : {}) };
});
server.setRequestHandler(request('tasks/cancel'), ({ params }) => {
  appendToLedger({ method: 'tasks/cancel', taskId: params.taskId });
  const tasks = read();
  write({ ...tasks, [params.taskId]: { ...tasks[params.taskId], cancelled: true } });
  return view(params.taskId);
});
process.stdin.on('end', () => process.exit(0));
await server.connect(new StdioServerTransport());
