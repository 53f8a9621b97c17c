import { getRequestListener } from '@hono/node-server';
import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  WebStandardStreamableHTTPServerTransport,
  type WebStandardStreamableHTTPServerTransportOptions,
} from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { answeredId, withAnsweredId } from '../protocol/answered-id.ts';
import { RPC } from '../protocol/errors.ts';
import type { Principal } from '../tasks/task.ts';
import { OWN_STREAM } from './event-id.ts';
import type { SessionEvents } from './event-store.ts';
import { endsAfter, primed, unknownEvent, withdrawnRequest } from './event-stream.ts';
import type { QuestionIds } from './question-ids.ts';
import type { SessionRecord } from './session-record.ts';

/** After how long a client should resume a stream that broke. */
const RETRY_MS = 4_000;
/** The first revision whose clients take an event without data. */
const PRIMED_SINCE = '2025-11-25';

/** Unanswered requests that are remembered by their stream. */
const MAX_REQUESTS = 2_048;

/** The SDK's transport, with question ids that no other process gives. */
class SessionTransport extends WebStandardStreamableHTTPServerTransport {
  /** The request whose stream gets the message that is being sent in this turn. */
  sendingFor: RequestId | undefined;
  readonly #questions: QuestionIds;
  #withdrawing = false;

  constructor(options: WebStandardStreamableHTTPServerTransportOptions, questions: QuestionIds) {
    super(options);
    this.#questions = questions;
  }

  override send(message: JSONRPCMessage, options?: { readonly relatedRequestId?: RequestId }): Promise<void> {
    this.sendingFor = options?.relatedRequestId;
    try {
      return super.send(this.#questions.outgoing(message), options);
    } finally {
      this.sendingFor = undefined;
    }
  }

  /**
   * Ends the stream of a request that is never answered. The SDK keeps what it has of a request until there is an
   * answer; this one goes nowhere.
   */
  async withdraw(id: RequestId): Promise<void> {
    this.closeSSEStream(id);
    this.#withdrawing = true;
    const answer = { jsonrpc: '2.0' as const, id, error: { code: RPC.invalidRequest, message: 'cancelled' } };
    // It has been answered before, or its client could not have resumed it.
    const gone = super.send(answer).catch(() => undefined);
    this.#withdrawing = false;
    await gone;
  }

  /** What is being sent in this turn goes nowhere. */
  get withdrawing(): boolean {
    return this.#withdrawing;
  }
}

/** One session of the SDK: its transport, its server, and what is written down of it. */
export class HttpSession {
  readonly principal: Principal;
  readonly record: SessionRecord;
  readonly events: SessionEvents;
  /** Requests and streams that are open now. */
  open = 0;
  /** Monotonic. */
  lastUsed: number;
  readonly #id: string;
  readonly #now: () => number;
  readonly #questions: QuestionIds;
  readonly #transport: SessionTransport;
  /** The requests that are not answered yet, by their stream. */
  readonly #requests = new Map<string, RequestId>();
  /** The request that is being handed to the SDK in this turn. */
  #passing: RequestId | undefined;

  constructor(parts: {
    readonly id: string;
    readonly principal: Principal;
    readonly record: SessionRecord;
    readonly events: SessionEvents;
    readonly questions: QuestionIds;
    readonly now: () => number;
    /** The handshake was accepted; it is answered when the promise resolves. */
    readonly onOpen: () => Promise<void>;
    /** The client has ended it; it is answered when the promise resolves. */
    readonly onDelete: () => Promise<void>;
  }) {
    this.#id = parts.id;
    this.principal = parts.principal;
    this.record = parts.record;
    this.events = parts.events;
    this.#now = parts.now;
    this.lastUsed = parts.now();
    this.#questions = parts.questions;
    const options: WebStandardStreamableHTTPServerTransportOptions = {
      sessionIdGenerator: () => parts.id,
      retryInterval: RETRY_MS,
      eventStore: {
        storeEvent: (streamId, message) => this.#event(streamId, message),
        getStreamIdForEventId: (eventId) => this.events.getStreamIdForEventId(eventId),
        replayEventsAfter: (eventId, to) => this.events.replayEventsAfter(eventId, to),
      },
      onsessioninitialized: parts.onOpen,
      onsessionclosed: parts.onDelete,
    };
    this.#transport = new SessionTransport(options, parts.questions);
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
      if (response.writableFinished) this.#sent(body);
    });
    // As the SDK's own wrapper does it, which hands its refusals on as they are.
    const listener = getRequestListener(
      async (message) =>
        withAnsweredId(await (message.method === 'GET' ? this.#listen(message) : this.#take(message, body)), body),
      { overrideGlobalObjects: false },
    );
    await listener(request, response);
  }

  /**
   * Brings a new connection to where the session was: the handshake, what its client has set, and the events of the
   * process before.
   */
  async restore(initialize: JsonObject): Promise<void> {
    await this.events.load();
    const requests = [
      { jsonrpc: '2.0', id: 'restored', method: 'initialize', params: initialize },
      ...this.record.settings,
    ];
    for (const [index, request] of requests.entries()) {
      await (await this.#handle(this.#post(request), request)).text();
      this.#sent(request);
      const done = { jsonrpc: '2.0', method: 'notifications/initialized' };
      if (index === 0) await this.#handle(this.#post(done), done);
    }
  }

  async #take(request: Request, body: unknown): Promise<Response> {
    const cancelled = cancelledId(body);
    const left = cancelled === undefined ? undefined : this.record.leftFor(cancelled);
    // What has become of it is cancelled with it.
    if (left !== undefined) await this.#begunAgain(left);
    const response = await this.#handle(request, body);
    if (cancelled !== undefined && response.status === 202) await this.#withdraw(cancelled);
    return response;
  }

  /**
   * The client has cancelled this request: it is never answered, and nothing of it is kept. Nothing happens to one that
   * was answered before.
   */
  async #withdraw(requestId: RequestId): Promise<void> {
    // The SDK takes it in behind this turn; an answer that is given until then has been given.
    await nextTurn();
    for (const [streamId, each] of this.#requests) {
      if (each !== requestId) continue;
      this.#requests.delete(streamId);
      this.events.withdrawn(streamId);
      this.record.withdrawn(streamId, requestId);
    }
    await this.#transport.withdraw(requestId);
  }

  #handle(request: Request, body: unknown): Promise<Response> {
    const parsedBody = this.#questions.incoming(body);
    this.#passing = answeredId(parsedBody).id;
    try {
      return this.record.pass(parsedBody, () => this.#transport.handleRequest(request, { parsedBody }));
    } finally {
      this.#passing = undefined;
    }
  }

  /** The answer to this body was handed over. */
  #sent(body: unknown): void {
    const { id } = answeredId(body);
    if (id !== undefined) this.events.sent(id);
  }

  /** A stream of the session's own, or one that goes on behind an event. */
  async #listen(message: Request): Promise<Response> {
    const lastEventId = message.headers.get('last-event-id');
    if (lastEventId === null || lastEventId === '') return this.#listenAnew(message);
    const rest = await this.events.rest(lastEventId);
    // Whatever it was behind: from now on is better than not at all.
    if (rest === undefined && lastEventId.startsWith(OWN_STREAM)) {
      const headers = new Headers(message.headers);
      headers.delete('last-event-id');
      return this.#listenAnew(new Request(message.url, { headers, signal: message.signal }));
    }
    if (rest === undefined) return unknownEvent();
    if (rest.withdrawn) return withdrawnRequest();
    if (rest.open) {
      this.#letGo(rest.streamId);
      return this.#handle(message, undefined);
    }
    if (!rest.answered && (await this.#begunAgain(rest.streamId))) return this.#handle(message, undefined);
    if (!rest.answered && rest.left === 0) return unknownEvent();
    return endsAfter(rest.left, await this.#handle(message, undefined));
  }

  /** A client that resumes a stream has lost the connection that it came on, also where that is not known here yet. */
  #letGo(streamId: string): void {
    const requestId = this.#requests.get(streamId);
    if (streamId === OWN_STREAM) this.#transport.closeStandaloneSSEStream();
    else if (requestId !== undefined) this.#transport.closeSSEStream(requestId);
  }

  async #listenAnew(message: Request): Promise<Response> {
    const here = this.events.here();
    const response = await this.#handle(message, undefined);
    if (response.status !== 200) return response;
    this.events.listen();
    this.record.listen();
    const revision = message.headers.get('mcp-protocol-version') ?? '';
    return revision < PRIMED_SINCE ? response : primed(response, here, RETRY_MS);
  }

  /**
   * A client takes up the stream of a request that waited in the process before. The request is begun again, which the
   * client believes to be waiting still; what comes of it goes on behind what the stream had.
   */
  async #begunAgain(streamId: string): Promise<boolean> {
    const repeated = this.record.takeUp(streamId, this.events.progressOn(streamId));
    if (repeated === undefined) return false;
    const response = await this.events.adopt(streamId, () => this.#handle(this.#post(repeated), repeated));
    // The client gets it by what it has asked for.
    await response.body?.cancel();
    return response.status === 200;
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

  #event(sdkStreamId: string, message: JSONRPCMessage): Promise<string> {
    if (this.#transport.withdrawing) return Promise.resolve('');
    const streamId = this.events.streamOf(sdkStreamId);
    const requestId = this.#passing ?? this.#transport.sendingFor;
    if (requestId !== undefined) this.#requests.set(streamId, requestId);
    // A request that is withdrawn is never answered.
    const [oldest] = this.#requests.keys();
    if (this.#requests.size > MAX_REQUESTS && oldest !== undefined) this.#requests.delete(oldest);
    if (Object.keys(message).length === 0) this.record.opened(streamId);
    else if (!('method' in message)) {
      this.#requests.delete(streamId);
      this.record.answered(streamId, message.id);
    }
    // Streams of older revisions do not begin with an event without data.
    else if (this.#transport.sendingFor !== undefined) this.record.opened(streamId, this.#transport.sendingFor);
    return this.events.storeEvent(sdkStreamId, message);
  }
}

/** The request that a message cancels, as far as the SDK takes it for one: it ignores an id of 0. */
function cancelledId(body: unknown): RequestId | undefined {
  if (!isJsonObject(body) || body['method'] !== 'notifications/cancelled' || !isJsonObject(body['params'])) {
    return undefined;
  }
  const { requestId } = body['params'];
  return (typeof requestId === 'string' || typeof requestId === 'number') && requestId ? requestId : undefined;
}
