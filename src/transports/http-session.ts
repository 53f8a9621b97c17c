import { getRequestListener } from '@hono/node-server';
import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { withAnsweredId } from '../protocol/answered-id.ts';
import type { Principal } from '../tasks/task.ts';
import type { SessionEvents } from './event-store.ts';
import type { SessionRecord } from './session-record.ts';

/** After how long a client should resume a stream that broke. */
const RETRY_MS = 1_000;

/** The stream that belongs to no request, as the SDK calls it. */
const OWN_STREAM = '_GET_stream';

/** One session of the SDK: its transport, its server, and what is written down of it. */
export class HttpSession {
  readonly principal: Principal;
  readonly record: SessionRecord;
  /** Requests and streams that are open now. */
  open = 0;
  /** Monotonic. */
  lastUsed: number;
  readonly #id: string;
  readonly #now: () => number;
  readonly #events: SessionEvents;
  readonly #transport: WebStandardStreamableHTTPServerTransport;

  constructor(parts: {
    readonly id: string;
    readonly principal: Principal;
    readonly record: SessionRecord;
    readonly events: SessionEvents;
    readonly now: () => number;
    /** The handshake was accepted. */
    readonly onOpen: () => void;
    /** The client has ended it; it is answered when the promise resolves. */
    readonly onDelete: () => Promise<void>;
  }) {
    this.#id = parts.id;
    this.principal = parts.principal;
    this.record = parts.record;
    this.#events = parts.events;
    this.#now = parts.now;
    this.lastUsed = parts.now();
    this.#transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => parts.id,
      retryInterval: RETRY_MS,
      eventStore: {
        storeEvent: (streamId, message) => this.#event(streamId, message),
        getStreamIdForEventId: (eventId) => this.#events.getStreamIdForEventId(eventId),
        replayEventsAfter: (eventId, to) => this.#events.replayEventsAfter(eventId, to),
      },
      onsessioninitialized: parts.onOpen,
      onsessionclosed: parts.onDelete,
    });
  }

  /** `server` serves this session from now on. */
  connect(server: Server): Promise<void> {
    return server.connect(this.#transport);
  }

  /** Answers a request of the client. Resolves when the answer has been handed over. */
  async answer(request: IncomingMessage, response: ServerResponse, body: unknown): Promise<void> {
    this.open += 1;
    response.once('close', () => {
      this.open -= 1;
      this.lastUsed = this.#now();
    });
    // As the SDK's own wrapper does it, which hands its refusals on as they are.
    const listener = getRequestListener(
      async (message) => withAnsweredId(await this.#handle(await this.#resumed(message), body), body),
      { overrideGlobalObjects: false },
    );
    await listener(request, response);
  }

  /** Brings a new connection to where the session was: the handshake, and what its client has set. */
  async restore(initialize: JsonObject): Promise<void> {
    const requests = [
      { jsonrpc: '2.0', id: 'restored', method: 'initialize', params: initialize },
      ...this.record.settings,
    ];
    for (const [index, request] of requests.entries()) {
      await (await this.#handle(this.#post(request), request)).text();
      const done = { jsonrpc: '2.0', method: 'notifications/initialized' };
      if (index === 0) await this.#handle(this.#post(done), done);
    }
  }

  #handle(message: Request | { readonly repeated: JsonObject }, body: unknown): Promise<Response> {
    const [request, parsedBody] =
      message instanceof Request || !('repeated' in message)
        ? [message, body]
        : [this.#post(message.repeated), message.repeated];
    return this.record.pass(parsedBody, () => this.#transport.handleRequest(request, { parsedBody }));
  }

  /**
   * A client takes up a stream of the process before. The connection's own begins anew. That of a waiting request is begun again with
   * the request, which the client believes to be waiting still: its answer comes on the new stream.
   */
  async #resumed(message: Request): Promise<Request | { readonly repeated: JsonObject }> {
    const lastEventId = message.method === 'GET' ? message.headers.get('last-event-id') : null;
    if (lastEventId === null || (await this.#events.getStreamIdForEventId(lastEventId)) !== undefined) return message;
    const streamId = lastEventId.slice(0, lastEventId.lastIndexOf('_'));
    if (streamId === OWN_STREAM) {
      const headers = new Headers(message.headers);
      headers.delete('last-event-id');
      return new Request(message.url, { headers, signal: message.signal });
    }
    const repeated = this.record.takeUp(streamId);
    return repeated === undefined ? message : { repeated };
  }

  /** A request of ours in the name of the client. */
  #post(body: JsonObject): Request {
    return new Request('http://localhost/mcp', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-session-id': this.#id,
        // A stream that can be resumed again.
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify(body),
    });
  }

  #event(streamId: string, message: JSONRPCMessage): Promise<string> {
    if (Object.keys(message).length === 0) this.record.opened(streamId);
    else if (isJsonObject(message) && !('method' in message)) this.record.answered(streamId);
    return this.#events.storeEvent(streamId, message);
  }
}
