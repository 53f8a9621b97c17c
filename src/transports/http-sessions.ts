import { getRequestListener } from '@hono/node-server';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import { withAnsweredId } from '../protocol/answered-id.ts';
import { RPC } from '../protocol/errors.ts';
import type { Principal } from '../tasks/task.ts';
import { MemoryEvents, type SessionEvents } from './event-store.ts';
import { refusal, type Refusal } from './http-guards.ts';

/** What the session table needs from outside. */
export interface SessionPorts {
  /** A server for a new connection of this caller, not connected yet. */
  readonly createServer: (principal: Principal) => Server;
  readonly ids: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxSessions: number;
  /** Milliseconds without a request or an open stream after which a session ends. */
  readonly idleMs: number;
  /** One store for each session; in memory unless given. */
  readonly createEvents?: (sessionId: string) => SessionEvents;
}

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly server: Server;
  readonly principal: Principal;
  /** Requests and streams that are open now. */
  open: number;
  /** Monotonic. */
  lastUsed: number;
}

const SWEEP_MS = 30_000;
/** After how long a client should resume a stream that broke. */
const RETRY_MS = 1_000;

/**
 * The sessions of the revisions that have them: bounded in number, ended by DELETE, by idleness and by shutdown. A session is a
 * connection and nothing more; tasks belong to the principal and outlive it.
 *
 * H1 a session answers only the principal that opened it: for others it does not exist. H2 its id is made here, never by the
 * client. H3 the limit gives way by ending the session that has been idle longest, never one with an open request.
 */
export class HttpSessions {
  readonly #ports: SessionPorts;
  readonly #sessions = new Map<string, Session>();
  readonly #stop = new AbortController();

  constructor(ports: SessionPorts) {
    this.#ports = ports;
    void this.#sweep();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Answers a request, or says why not. `body` is the parsed body of a POST. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    body: unknown,
    principal: Principal,
  ): Promise<Refusal | undefined> {
    const id = request.headers['mcp-session-id'];
    if (id === undefined) {
      if (request.method === 'POST' && opensSession(body)) return this.#open(request, response, body, principal);
      return refusal(400, 'The Mcp-Session-Id header is required; initialize first');
    }
    const session = typeof id === 'string' ? this.#sessions.get(id) : undefined;
    if (session === undefined || session.principal !== principal) {
      return { status: 404, code: RPC.sessionNotFound, message: 'Session not found' };
    }
    await this.#pass(session, request, response, body);
    return undefined;
  }

  /** Ends every session; open streams close, waiting requests stay unanswered. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('closed'));
    await Promise.all([...this.#sessions.values()].map((session) => this.#end(session)));
    this.#sessions.clear();
  }

  async #open(
    request: IncomingMessage,
    response: ServerResponse,
    body: unknown,
    principal: Principal,
  ): Promise<Refusal | undefined> {
    if (this.#sessions.size >= this.#ports.maxSessions && !this.#endIdlest()) {
      return refusal(503, 'Too many sessions; try again later', { 'retry-after': '10' });
    }
    const id = this.#ports.ids();
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => id,
      retryInterval: RETRY_MS,
      eventStore: this.#ports.createEvents?.(id) ?? new MemoryEvents(),
      onsessioninitialized: () => void this.#sessions.set(id, session),
    });
    const server = this.#ports.createServer(principal);
    const session: Session = { transport, server, principal, open: 0, lastUsed: this.#ports.clock.monotonic() };
    await server.connect(transport);
    const { onclose } = server;
    server.onclose = () => {
      onclose?.();
      this.#sessions.delete(id);
    };
    await this.#pass(session, request, response, body);
    // A malformed handshake opens nothing.
    if (!this.#sessions.has(id)) await this.#end(session);
    return undefined;
  }

  async #pass(session: Session, request: IncomingMessage, response: ServerResponse, body: unknown): Promise<void> {
    session.open += 1;
    response.once('close', () => {
      session.open -= 1;
      session.lastUsed = this.#ports.clock.monotonic();
    });
    // As the SDK's own wrapper does it, which hands its refusals on as they are.
    const listener = getRequestListener(
      async (message) => withAnsweredId(await session.transport.handleRequest(message, { parsedBody: body }), body),
      { overrideGlobalObjects: false },
    );
    await listener(request, response);
  }

  async #end(session: Session): Promise<void> {
    try {
      await session.server.close();
    } catch (error) {
      this.#ports.logger.debug({ cause: messageOf(error) }, 'a session did not close cleanly');
    }
  }

  /** H3. False when every session has an open request or stream. */
  #endIdlest(): boolean {
    let idlest: [string, Session] | undefined;
    for (const entry of this.#sessions) {
      if (entry[1].open === 0 && (idlest === undefined || entry[1].lastUsed < idlest[1].lastUsed)) idlest = entry;
    }
    if (idlest === undefined) return false;
    this.#sessions.delete(idlest[0]);
    void this.#end(idlest[1]);
    return true;
  }

  async #sweep(): Promise<void> {
    try {
      for (;;) {
        await this.#ports.clock.sleep(Math.min(SWEEP_MS, this.#ports.idleMs), this.#stop.signal);
        const limit = this.#ports.clock.monotonic() - this.#ports.idleMs;
        for (const [id, session] of this.#sessions) {
          if (session.open > 0 || session.lastUsed > limit) continue;
          this.#sessions.delete(id);
          void this.#end(session);
        }
      }
    } catch {
      // Stopped.
    }
  }
}

function opensSession(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'method' in body && body.method === 'initialize';
}
