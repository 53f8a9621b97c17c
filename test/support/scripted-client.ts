import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  ResultSchema,
  type ClientCapabilities,
  type JSONRPCMessage,
  type Result,
} from '@modelcontextprotocol/sdk/types.js';
import { createHttpFront } from '../../src/transports/http.ts';
import { serveOnStdio } from '../../src/transports/stdio.ts';
import { PATIENCE_MS } from './patience.ts';
import { createPipe } from './pipe-client.ts';
import type { protocolDeps } from './protocol-deps.ts';
import { checkWire } from './wire-schemas.ts';

type Deps = ReturnType<typeof protocolDeps>;

/** A client of a served front, with every message it has received in order. */
export interface Connected {
  readonly client: Client;
  readonly received: readonly JSONRPCMessage[];
  /** Sends any request and takes any result, without the SDK's own checks. */
  raw(
    method: string,
    params?: object,
    options?: { signal?: AbortSignal },
  ): Promise<Result & { [key: string]: unknown }>;
  /** Resolves with the first received message that fits, past ones included. */
  message(fits: (message: JSONRPCMessage) => boolean): Promise<JSONRPCMessage>;
}

/** A served front that clients can be connected to. */
export interface Served {
  connect(capabilities?: ClientCapabilities): Promise<Connected>;
  close(): Promise<void>;
}

/** Serves `deps` over a pipe; every client has a pipe of its own, as processes have. */
export async function servePipe(deps: Deps): Promise<Served> {
  const closers: (() => Promise<void>)[] = [];
  return {
    async connect(capabilities = {}) {
      const pipe = createPipe();
      const front = await serveOnStdio(deps, pipe);
      const connected = await open(pipe.transport, capabilities);
      closers.push(async () => {
        await connected.client.close();
        await front.closed;
      });
      return connected;
    },
    close: async () => {
      for (const close of closers.splice(0)) await close();
      verify();
    },
  };
}

/** Serves `deps` over loopback HTTP with a token, so that callers are told apart as they are on a pipe. */
export async function serveHttp(deps: Deps): Promise<Served> {
  const tokens = new Map([['local', 'secret']]);
  const front = await createHttpFront({ deps, host: '127.0.0.1', port: 0, tokens, drainMs: 100 });
  const clients: Client[] = [];
  return {
    async connect(capabilities = {}) {
      const transport = new StreamableHTTPClientTransport(new URL(`${front.url}/mcp`), {
        requestInit: { headers: { authorization: 'Bearer secret' } },
      });
      const connected = await open(transport, capabilities);
      clients.push(connected.client);
      return connected;
    },
    close: async () => {
      for (const client of clients.splice(0)) await client.close();
      await front.close();
      verify();
    },
  };
}

const broken: Error[] = [];

/** Throws what was wrong with the first message that broke the schemas of 2025-11-25. */
function verify(): void {
  const [first] = broken.splice(0);
  if (first !== undefined) throw first;
}

async function open(transport: Transport, capabilities: ClientCapabilities): Promise<Connected> {
  const received: JSONRPCMessage[] = [];
  const watchers = new Set<() => void>();
  const client = new Client({ name: 'scripted', version: '1' }, { capabilities });
  const sent = new Map<string | number, string>();
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    if ('method' in message && 'id' in message) sent.set(message.id, message.method);
    return send(message, options);
  };
  const start = transport.start.bind(transport);
  // The SDK sets onmessage in connect; this sees the messages first.
  transport.start = async () => {
    const deliver = transport.onmessage;
    transport.onmessage = (message: JSONRPCMessage, extra?: object) => {
      received.push(message);
      try {
        checkWire('2025-11-25', message, 'id' in message ? sent.get(message.id ?? '') : undefined);
      } catch (error) {
        broken.push(error instanceof Error ? error : new Error(String(error)));
      }
      for (const watcher of watchers) watcher();
      deliver?.(message, extra);
    };
    await start();
  };
  await client.connect(transport);
  return {
    client,
    received,
    raw: (method, params = {}, options = {}) =>
      client.request({ method, params } as never, ResultSchema, { timeout: PATIENCE_MS, ...options }),
    message: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = received.find(fits);
          if (found === undefined) return;
          watchers.delete(look);
          resolve(found);
        };
        watchers.add(look);
        look();
      }),
  };
}
