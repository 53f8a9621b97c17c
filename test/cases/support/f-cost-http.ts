import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';

/** What came back, as it stands. */
export interface Reply {
  readonly status: number;
  readonly session: string | undefined;
  /** The JSON-RPC message of the body, or its last one. */
  readonly message: { readonly result?: unknown; readonly error?: { readonly code: number; readonly message: string } };
}

/** A caller of the built server over HTTP, on connections of its own. Bodies go out as they stand. */
export class HttpCaller {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #streams: IncomingMessage[] = [];

  constructor(url: string, token?: string) {
    this.#url = url;
    this.#headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  /** A POST, and the whole answer. */
  async post(body: string, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
    const response = await this.#send('POST', headers, body);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const data = text.split('\n').flatMap((line) => (line.startsWith('data: {') ? [line.slice(6)] : []));
    const last = text.startsWith('{') ? text : (data.at(-1) ?? '{}');
    const session = response.headers['mcp-session-id'];
    return {
      status: response.statusCode ?? 0,
      session: typeof session === 'string' ? session : undefined,
      message: JSON.parse(last) as Reply['message'], // a JSON-RPC message
    };
  }

  /** Opens a stream and leaves it open; the status says whether there is one. */
  async stream(method: 'GET' | 'POST', headers: Readonly<Record<string, string>>, body?: string): Promise<number> {
    const response = await this.#send(method, headers, body);
    response.on('error', () => undefined).resume();
    this.#streams.push(response);
    return response.statusCode ?? 0;
  }

  /** A session of 2025-11-25 with these client information; its reply has the id. */
  initialize(clientInfo = '{"name":"a","version":"1"}'): Promise<Reply> {
    return this.post(
      `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":${clientInfo}}}`,
    );
  }

  close(): void {
    for (const stream of this.#streams) stream.destroy();
    this.#agent.destroy();
  }

  #send(method: string, headers: Readonly<Record<string, string>>, body: string | undefined): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        this.#url,
        { method, agent: this.#agent, headers: { ...this.#headers, ...headers } },
        resolve,
      );
      request.on('error', reject);
      request.end(body);
    });
  }
}

/** A request of 2026-07-28, which stands for itself. `params` are members of an object, without the braces. */
export function modern(method: string, params: string): readonly [body: string, headers: Record<string, string>] {
  const meta =
    '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"a","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}';
  return [
    `{"jsonrpc":"2.0","id":1,"method":"${method}","params":{${params === '' ? '' : `${params},`}${meta}}}`,
    { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method },
  ];
}

/** Connections from another address of this machine on which nothing is ever said, refused ones included. */
export async function silentConnections(url: string, count: number, localAddress: string): Promise<readonly Socket[]> {
  const { port } = new URL(url);
  const sockets: Socket[] = [];
  for (let opened = 0; opened < count; opened += 200) {
    const batch = Array.from({ length: Math.min(200, count - opened) }, () =>
      connect({ host: '127.0.0.1', port: Number(port), localAddress }),
    );
    sockets.push(...batch);
    await Promise.all(
      batch.map(
        (socket) =>
          new Promise<void>((resolve) => {
            socket.on('connect', resolve).on('close', () => resolve());
            socket.on('error', () => resolve());
          }),
      ),
    );
  }
  return sockets;
}

/** Runs `work` for each number below `count`, so many at a time. */
export async function inBatches<T>(count: number, atOnce: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  for (let from = 0; from < count; from += atOnce) {
    const size = Math.min(atOnce, count - from);
    done.push(...(await Promise.all(Array.from({ length: size }, (_, index) => work(from + index)))));
  }
  return done;
}
