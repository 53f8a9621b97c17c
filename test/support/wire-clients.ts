import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  McpError,
  ResultSchema,
  type JSONRPCMessage,
} from '@modelcontextprotocol/sdk/types.js';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { PATIENCE_MS } from './patience.ts';
import { Inbox, RawPeer, RpcError, type WireClient } from './wire-client.ts';

/** How to start a server on a pipe. */
export interface StdioCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A server that listens, and how to present oneself to it. */
export interface HttpEndpoint {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Lines of JSON over the pipes of a child process. */
export async function rawStdio(server: StdioCommand, capabilities: JsonObject = {}): Promise<WireClient> {
  const child = spawn(server.command, server.args, {
    cwd: server.cwd,
    env: { ...server.env },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit');
  const peer = new RawPeer(
    (message) => void child.stdin.write(`${JSON.stringify(message)}\n`),
    async () => {
      child.stdin.end();
      await ended;
    },
  );
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) peer.deliver(JSON.parse(line) as JsonObject); // a message
  });
  await peer.initialize(capabilities);
  return peer;
}

/** POSTs and event streams, with the standalone GET stream open. */
export async function rawHttp(server: HttpEndpoint, capabilities: JsonObject = {}): Promise<WireClient> {
  const closing = new AbortController();
  let session: Record<string, string> = {};
  const headers = (): Record<string, string> => ({
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2025-11-25',
    ...server.headers,
    ...session,
  });
  const post = async (message: JsonObject): Promise<void> => {
    const response = await fetch(server.url, {
      method: 'POST',
      headers: headers(),
      body: JSON.stringify(message),
      signal: closing.signal,
    });
    const id = response.headers.get('mcp-session-id');
    if (id !== null) session = { 'mcp-session-id': id };
    await readEvents(response, (event) => peer.deliver(event));
  };
  const ignore = (error: unknown): void => {
    if (!closing.signal.aborted) throw error;
  };
  const peer = new RawPeer(
    (message) => void post(message).catch(ignore),
    async () => {
      await fetch(server.url, { method: 'DELETE', headers: headers() });
      closing.abort();
    },
  );
  await peer.initialize(capabilities);
  const stream = await fetch(server.url, { headers: headers(), signal: closing.signal });
  void readEvents(stream, (event) => peer.deliver(event)).catch(ignore);
  return peer;
}

/** Delivers every message of a response, whether it is an event stream or plain JSON. */
export async function readEvents(response: Response, deliver: (message: JsonObject) => void): Promise<void> {
  if (response.headers.get('content-type')?.startsWith('application/json') === true) {
    deliver((await response.json()) as JsonObject); // a message
    return;
  }
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = text
        .slice(0, end)
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .map((line) => line.slice(6))
        .join('');
      text = text.slice(end + 2);
      if (data !== '') deliver(JSON.parse(data) as JsonObject); // a message
    }
  }
}

/** The SDK's client on a child process. */
export function sdkStdio(server: StdioCommand, capabilities: JsonObject = {}): Promise<WireClient> {
  const { command, args, cwd, env } = server;
  return sdkClient(
    new StdioClientTransport({ command, args: [...args], cwd, env: { ...env }, stderr: 'ignore' }),
    capabilities,
  );
}

/** The SDK's client over HTTP. */
export function sdkHttp(server: HttpEndpoint, capabilities: JsonObject = {}): Promise<WireClient> {
  const transport = new StreamableHTTPClientTransport(new URL(server.url), {
    requestInit: { headers: { ...server.headers } },
  });
  return sdkClient(transport, capabilities, () => transport.terminateSession());
}

async function sdkClient(
  transport: Transport,
  capabilities: JsonObject,
  end: () => Promise<void> = () => Promise.resolve(),
): Promise<WireClient> {
  const inbox = new Inbox('2025-11-25');
  const client = new Client({ name: 'wire-sdk', version: '1' }, { capabilities });
  const [start, send] = [transport.start.bind(transport), transport.send.bind(transport)];
  let greeting: JsonObject = {};
  // The SDK sets onmessage in connect; this sees the messages first.
  transport.start = async () => {
    const deliver = transport.onmessage;
    transport.onmessage = (message: JSONRPCMessage, extra?: object) => {
      const plain = message as unknown as JsonObject; // JSON-RPC is JSON
      if (inbox.received.length === 0 && isJsonObject(plain['result'])) greeting = plain['result'];
      inbox.push(plain);
      deliver?.(message, extra);
    };
    await start();
  };
  transport.send = (message, options) => {
    if ('method' in message && 'id' in message) inbox.sent(message.id, message.method);
    return send(message, options);
  };
  await client.connect(transport);
  return {
    received: inbox.received,
    greeting,
    request: async (method, params = {}, options = {}) => {
      try {
        const result: unknown = await client.request({ method, params }, ResultSchema, {
          timeout: PATIENCE_MS,
          ...options,
        });
        return result as JsonObject; // it was parsed from JSON
      } catch (error) {
        if (!(error instanceof McpError)) throw error;
        throw new RpcError(error.code, error.message.replace(/^MCP error -?\d+: /u, ''), error.data as never);
      }
    },
    answer: (method, answerer) => {
      const schemas = {
        'elicitation/create': ElicitRequestSchema,
        'sampling/createMessage': CreateMessageRequestSchema,
        'roots/list': ListRootsRequestSchema,
      };
      const schema = schemas[method as keyof typeof schemas]; // one of the three
      client.setRequestHandler(
        schema as typeof ElicitRequestSchema,
        async (request) => (await answerer(request.params as unknown as JsonObject)) as never,
      );
    },
    message: (fits) => inbox.message(fits),
    close: async () => {
      await end();
      await client.close();
      inbox.verify();
    },
  };
}
