import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/core/json.ts';
import { KnownTasks } from '../../src/protocol/caller.ts';
import type { ProtocolDeps } from '../../src/protocol/deps.ts';
import { createGenerations } from '../../src/protocol/generations.ts';
import { checkWire } from './wire-schemas.ts';

/** Capabilities of a client that speaks tasks and shows forms. */
export const TASKS_CLIENT: JsonObject = {
  elicitation: {},
  sampling: {},
  extensions: { 'io.modelcontextprotocol/tasks': {} },
};

/** What came back for one request. */
export interface Reply {
  readonly status: number;
  readonly result?: JsonObject;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: JsonValue };
  /** Notifications on the same stream, before the response. */
  readonly notifications: readonly JsonObject[];
}

export interface CallOptions {
  readonly capabilities?: JsonObject;
  readonly principal?: string;
  readonly headers?: { readonly [name: string]: string | undefined };
  readonly meta?: JsonObject;
  readonly signal?: AbortSignal;
}

/** An open `subscriptions/listen`. */
export interface Listening {
  /** The next message on the stream; rejects when it has ended. */
  next(): Promise<JsonObject>;
  close(): void;
}

export interface ModernHttp {
  readonly url: string;
  request(method: string, params?: JsonObject, options?: CallOptions): Promise<Reply>;
  listen(notifications: JsonObject, options?: CallOptions): Promise<Listening>;
  /** What a stopping server does: hurry, then close. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The 2026-07-28 generation behind a bare HTTP server on loopback, and a client that writes raw JSON-RPC. Every message
 * that comes back is checked against the schemas of the generation.
 */
export async function serveModern(deps: ProtocolDeps): Promise<ModernHttp> {
  const hurry = new AbortController();
  const { stateless } = createGenerations(deps, hurry.signal);
  if (stateless === undefined) throw new Error('the generation is not in the table');
  const server = createServer((request, response) => {
    void (async () => {
      const body = await readJson(request);
      const principal = request.headers['x-test-principal'];
      await stateless.handle(request, response, body, {
        principal: typeof principal === 'string' ? principal : 'local',
        identified: false,
        listsAll: true,
        known: new KnownTasks(),
      });
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  let id = 0;
  const send = (method: string, params: JsonObject, options: CallOptions): Promise<Response> => {
    const name = params['name'] ?? params['uri'] ?? params['taskId'];
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
      'x-test-principal': options.principal ?? 'local',
      ...options.headers,
    };
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': options.capabilities ?? {},
      ...options.meta,
    };
    return fetch(url, {
      method: 'POST',
      headers: Object.fromEntries(
        Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ),
      body: JSON.stringify({ jsonrpc: '2.0', id: (id += 1), method, params: { ...params, _meta } }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  };
  const close = async (): Promise<void> => {
    await stateless.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    url,
    request: async (method, params = {}, options = {}) => {
      const response = await send(method, params, options);
      const messages = await readMessages(response);
      const last = messages.at(-1);
      if (last === undefined) throw new Error(`no answer, status ${response.status}`);
      for (const message of messages) checkWire('2026-07-28', message, method);
      if (isJsonObject(last['result'])) checkHandle(last['result']);
      return { status: response.status, notifications: messages.slice(0, -1), ...last };
    },
    listen: async (notifications, options = {}) => {
      const abort = new AbortController();
      const response = await send('subscriptions/listen', { notifications }, { ...options, signal: abort.signal });
      if (response.headers.get('content-type') !== 'text/event-stream') throw new Error(await response.text());
      const messages = eventsOf(response);
      return {
        next: async () => {
          const { value, done } = await messages.next();
          if (done === true) throw new Error('the stream has ended');
          checkWire('2026-07-28', value, 'subscriptions/listen');
          return value;
        },
        close: () => abort.abort(),
      };
    },
    stop: async () => {
      hurry.abort(new Error('the server is stopping'));
      await close();
    },
    close,
  };
}

/** The id in a task handle; fails for any other answer. */
export function taskIdOf(reply: Reply): string {
  const taskId = reply.result?.['taskId'];
  if (typeof taskId !== 'string') throw new Error(`no task handle: ${JSON.stringify(reply)}`);
  return taskId;
}

/** The schemas let extra members pass; a handle has none of these. */
function checkHandle(result: JsonObject): void {
  if (result['resultType'] !== 'task') return;
  const stray = ['content', 'result', 'error', 'inputRequests', 'requestState', 'task'].filter(
    (name) => name in result,
  );
  if (stray.length > 0) throw new Error(`stray fields in a task handle: ${stray.join(', ')}`);
}

async function readMessages(response: Response): Promise<JsonObject[]> {
  if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) {
    return [(await response.json()) as JsonObject]; // a JSON-RPC message
  }
  const messages: JsonObject[] = [];
  for await (const message of eventsOf(response)) messages.push(message);
  return messages;
}

async function* eventsOf(response: Response): AsyncGenerator<JsonObject> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = text
        .slice(0, end)
        .split('\n')
        .find((line) => line.startsWith('data: '));
      text = text.slice(end + 2);
      if (data !== undefined) yield JSON.parse(data.slice(6)) as JsonObject; // a JSON-RPC message
    }
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
