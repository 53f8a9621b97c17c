import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { Server as LegacyServer } from '@modelcontextprotocol/sdk/server/index.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { createMcpHandler, isInitializeRequest, Server } from '@modelcontextprotocol/server';
import { startHttpServer, type TestHttpServer } from './http-server.ts';

export interface HttpMcpServer extends TestHttpServer {
  /** `tool:key` of each call, and `cancelled` when a call of `wait` is. */
  readonly events: readonly string[];
  /** As a restart without stored sessions would: every session is unknown from now on. */
  forgetSessions(status: number): void;
  /** Headers of the last request. */
  readonly lastHeaders: () => IncomingMessage['headers'];
}

const TOOLS = ['echo', 'wait', 'count'].map((name) => ({
  name,
  inputSchema: { type: 'object' as const, properties: { a: { type: 'string', 'x-mcp-header': 'A' } } },
}));

interface Call {
  readonly name: string;
  readonly args: Record<string, unknown>;
  readonly key: unknown;
  readonly signal: AbortSignal;
  readonly progress: (value: number) => Promise<void>;
}

/**
 * A real MCP server over Streamable HTTP of one generation, with the tools `echo`, `wait` (until cancelled) and `count`
 * (progress to 3).
 */
export async function startHttpMcpServer(generation: '2025-11-25' | '2026-07-28'): Promise<HttpMcpServer> {
  const events: string[] = [];
  let headers: IncomingMessage['headers'] = {};
  const answer = async ({ name, args, key, signal, progress }: Call) => {
    events.push(`${name}:${String(key)}`);
    if (name === 'wait') {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      events.push('cancelled');
    }
    if (name === 'count') for (let value = 1; value <= 3; value += 1) await progress(value);
    return { content: [{ type: 'text' as const, text: JSON.stringify(args) }] };
  };
  const { handle, forgetSessions } = generation === '2025-11-25' ? legacy(answer) : modern(answer);
  const server = await startHttpServer((request, response, body) => {
    headers = request.headers;
    return handle(request, response, body);
  });
  return { ...server, events, forgetSessions, lastHeaders: () => headers };
}

type Answer = (call: Call) => Promise<{ content: { type: 'text'; text: string }[] }>;
type Handle = (request: IncomingMessage, response: ServerResponse, body: unknown) => unknown;

const KEY = 'dev.mcp-workflow/idempotency-key';

function legacy(answer: Answer): { readonly handle: Handle; readonly forgetSessions: (status: number) => void } {
  let refusal = 404;
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const open = async (): Promise<StreamableHTTPServerTransport> => {
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
    });
    const server = new LegacyServer({ name: 'http', version: '1' }, { capabilities: { tools: {} } });
    server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: TOOLS }));
    server.setRequestHandler(CallToolRequestSchema, ({ params }, { signal, sendNotification, _meta }) =>
      answer({
        name: params.name,
        args: params.arguments ?? {},
        key: params._meta?.[KEY],
        signal,
        progress: (value) =>
          sendNotification({
            method: 'notifications/progress',
            params: { progressToken: _meta?.progressToken ?? 0, progress: value },
          }),
      }),
    );
    await server.connect(transport);
    return transport;
  };
  return {
    forgetSessions: (status) => {
      refusal = status;
      sessions.clear();
    },
    handle: async (request, response, body) => {
      const id = request.headers['mcp-session-id'];
      const known = typeof id === 'string' ? sessions.get(id) : undefined;
      if (known !== undefined) return known.handleRequest(request, response, body);
      if (id === undefined && isInitializeRequest(body)) return (await open()).handleRequest(request, response, body);
      response.writeHead(id === undefined ? 400 : refusal, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32000, message: 'no such session' } }));
    },
  };
}

function modern(answer: Answer): { readonly handle: Handle; readonly forgetSessions: () => void } {
  const handler = createMcpHandler(
    () => {
      const server = new Server({ name: 'http', version: '2' }, { capabilities: { tools: {} } });
      server.setRequestHandler('tools/list', () => ({ tools: TOOLS }));
      server.setRequestHandler('tools/call', ({ params }, { mcpReq }) =>
        answer({
          name: params.name,
          args: params.arguments ?? {},
          key: mcpReq._meta?.[KEY],
          signal: mcpReq.signal,
          progress: (value) =>
            mcpReq.notify({
              method: 'notifications/progress',
              params: { progressToken: mcpReq._meta?.progressToken ?? 0, progress: value },
            }),
        }),
      );
      return server;
    },
    { legacy: 'reject' },
  );
  const node = toNodeHandler(handler);
  return {
    forgetSessions: () => undefined,
    handle: (request, response, body) => node(request as Parameters<typeof node>[0], response, body),
  };
}
