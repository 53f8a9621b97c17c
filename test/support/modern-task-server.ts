import { randomUUID } from 'node:crypto';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, ProtocolError, Server } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { startHttpServer, type TestHttpServer } from './http-server.ts';

export interface ModernTaskServer extends TestHttpServer {
  /** `method` of each request about a task, and `tools/call`. */
  readonly events: readonly string[];
  /** Lets the task that is running end in the given way. */
  finish(end: Readonly<Record<string, unknown>>): void;
}

/**
 * A server of the 2026-07-28 generation that answers every call of its tool `job` with a task, which works until
 * `finish`. Its answer to `tools/call` is put on the wire by hand: the SDK's server does not let `resultType: "task"`
 * through.
 */
export async function startModernTaskServer(): Promise<ModernTaskServer> {
  const events: string[] = [];
  const tasks = new Map<string, Record<string, unknown>>();
  const params = z.looseObject({ taskId: z.string() });
  const result = z.looseObject({});
  const handler = createMcpHandler(
    () => {
      const capabilities = { tools: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } };
      const server = new Server({ name: 'tasks', version: '2' }, { capabilities });
      server.setRequestHandler('tools/list', () => ({
        tools: [{ name: 'job', inputSchema: { type: 'object' as const } }],
      }));
      server.setRequestHandler('tasks/get', { params, result }, ({ taskId }) => {
        events.push('tasks/get');
        const task = tasks.get(taskId);
        if (task === undefined) throw new ProtocolError(-32602, 'Task not found');
        return task;
      });
      server.setRequestHandler('tasks/cancel', { params, result }, ({ taskId }) => {
        events.push('tasks/cancel');
        tasks.set(taskId, { ...tasks.get(taskId), status: 'cancelled' });
        return {};
      });
      return server;
    },
    { legacy: 'reject' },
  );
  const node = toNodeHandler(handler);
  const server = await startHttpServer((request, response, body) => {
    const { id, method, params: given } = body as { id?: number; method?: string; params?: { _meta?: object } };
    // Node's own type says `undefined` where the SDK's says absent.
    if (method !== 'tools/call') return node(request as Parameters<typeof node>[0], response, body);
    events.push(`tools/call ${JSON.stringify(given?._meta).includes('io.modelcontextprotocol/tasks')}`);
    const now = new Date().toISOString();
    const task = {
      taskId: randomUUID(),
      status: 'working',
      createdAt: now,
      lastUpdatedAt: now,
      ttlMs: null,
      pollIntervalMs: 50,
    };
    tasks.set(task.taskId, task);
    return response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'task', ...task } }));
  });
  return {
    ...server,
    events,
    finish: (end) => {
      for (const [id, task] of tasks) tasks.set(id, { ...task, ...end });
    },
  };
}
