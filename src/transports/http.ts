import { createServer, IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConnectionShares } from './connection-shares.ts';
import { metricText } from '../core/metrics-text.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import { answeredId } from '../protocol/answered-id.ts';
import { KnownTasks, type Caller } from '../protocol/caller.ts';
import type { ProtocolDeps } from '../protocol/deps.ts';
import { RPC } from '../protocol/errors.ts';
import { createGenerations, type GenerationTable } from '../protocol/generations.ts';
import type { Principal } from '../tasks/task.ts';
import type { TaskStore } from '../store/task-store.ts';
import { BearerTokens } from './bearer.ts';
import { BoundedResponse } from './bounded-response.ts';
import {
  checkContentType,
  checkHost,
  hostRules,
  isLoopback,
  letPageRead,
  readJson,
  refusal,
  spellOutAccept,
  type HostRules,
  type Refusal,
} from './http-guards.ts';
import { answerMounted, isBelow, isPage, mayHaveBody, type HttpMount, type PublicPages } from './http-mount.ts';
import { HttpSessions } from './http-sessions.ts';
import { SavedEvents } from './saved-events.ts';
import { SavedSessions } from './saved-sessions.ts';

/** A plain JSON endpoint beside `/mcp`, behind the same guards: `POST` with a JSON body. */
export type JsonRoute = (
  body: unknown,
  caller: Caller,
) => Promise<{ readonly status: number; readonly body: JsonValue }>;

export interface HttpFrontOptions {
  readonly deps: ProtocolDeps;
  /** Address to bind to. One that other machines can reach needs `tokens` or `allowInsecure`. */
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Secret token by the name of its caller. Empty or absent = no authentication, every caller is `local`. */
  readonly tokens?: ReadonlyMap<string, string>;
  /** Bind to a reachable address without tokens all the same: something in front authenticates. */
  readonly allowInsecure?: boolean;
  /** Host names this server answers to, beside those of the machine itself. */
  readonly allowedHosts?: readonly string[];
  /** Origins of web pages that may call, beside those of the machine itself. */
  readonly allowedOrigins?: readonly string[];
  readonly routes?: ReadonlyMap<string, JsonRoute>;
  /** Applications behind the same guards, by the path that they and all below it have. */
  readonly mounts?: ReadonlyMap<string, HttpMount>;
  readonly pages?: PublicPages;
  /** 4 MiB. */
  readonly maxBodyBytes?: number;
  /** 1 000. */
  readonly maxSessions?: number;
  /** 30 minutes. */
  readonly sessionIdleMs?: number;
  /** A request whose headers are not here after this long is ended: 10 s. */
  readonly headersTimeoutMs?: number;
  /** The same for a whole request: 30 s. An answer may take as long as it likes. */
  readonly requestTimeoutMs?: number;
  /** How long `close` waits for requests that are being answered: 2 000 ms. */
  readonly drainMs?: number;
  /** Where sessions and their events are kept for the next process; without it they end with this one. */
  readonly store?: TaskStore;
}

export interface HttpFront {
  /** `http://host:port` with the real port; MCP is at `/mcp`. */
  readonly url: string;
  /**
   * Takes no new request, answers what waits, closes every stream, and resolves when the port is free. Tasks stay as
   * they are.
   */
  close(): Promise<void>;
}

/** The configuration asks for something unsafe or impossible. Fit to be shown; exit code 2. */
export class HttpConfigError extends Error {
  override readonly name = 'HttpConfigError';
}

const DEFAULTS = {
  maxBodyBytes: 4 * 1024 * 1024,
  maxSessions: 1_000,
  sessionIdleMs: 30 * 60_000,
  drainMs: 2_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
};

/**
 * Serves MCP over Streamable HTTP, with `/healthz`, `/readyz`, `/metrics`. Resolves when the port is open; rejects with
 * `HttpConfigError`, or with the system's error when the port is taken.
 */
export async function createHttpFront(options: HttpFrontOptions): Promise<HttpFront> {
  const tokens = new BearerTokens(options.tokens ?? new Map());
  if (!isLoopback(options.host) && !tokens.required && options.allowInsecure !== true) {
    throw new HttpConfigError(
      `refusing to listen on ${options.host} without authentication: other machines could run workflows. ` +
        'Configure tokens, bind to 127.0.0.1, or allow it explicitly.',
    );
  }
  const front = new Front(options, tokens);
  await front.listen(options.host, options.port);
  return { url: front.url, close: () => front.close() };
}

class Front {
  readonly #deps: ProtocolDeps;
  readonly #options: Required<Pick<HttpFrontOptions, keyof typeof DEFAULTS>> & HttpFrontOptions;
  readonly #tokens: BearerTokens;
  readonly #rules: HostRules;
  /** Nobody but the programs of this machine: no other address, and no sign of a proxy that brings other people in. */
  readonly #onlyThisMachine: boolean;
  readonly #hurry = new AbortController();
  readonly #generations: GenerationTable;
  readonly #sessions: HttpSessions;
  readonly #server: Server<typeof IncomingMessage, typeof BoundedResponse>;
  readonly #answered = new Map<number, number>();
  #answering = 0;
  #onIdle: () => void = () => undefined;

  constructor(options: HttpFrontOptions, tokens: BearerTokens) {
    const { deps } = options;
    this.#deps = deps;
    this.#options = { ...DEFAULTS, ...options };
    this.#tokens = tokens;
    this.#rules = hostRules(options.host, options.allowedHosts, options.allowedOrigins);
    this.#onlyThisMachine =
      isLoopback(options.host) && options.allowInsecure !== true && (options.allowedHosts ?? []).length === 0;
    this.#generations = createGenerations(deps, this.#hurry.signal);
    this.#sessions = new HttpSessions({
      createServer: (principal, calls) =>
        this.#generations.session.server({ caller: this.#caller(principal), hurry: this.#hurry.signal, calls }),
      ids: deps.ids,
      clock: deps.clock,
      logger: deps.logger,
      maxSessions: this.#options.maxSessions,
      idleMs: this.#options.sessionIdleMs,
      ...(options.store === undefined
        ? {}
        : {
            saved: new SavedSessions(options.store, deps.clock, deps.logger, this.#options.sessionIdleMs),
            savedEvents: new SavedEvents(options.store, deps.clock, deps.logger),
          }),
    });
    const { headersTimeoutMs: headersTimeout, requestTimeoutMs: requestTimeout } = this.#options;
    // Slow headers, slow bodies and endless headers end here; an answer may take as long as it likes.
    this.#server = createServer(
      {
        headersTimeout,
        requestTimeout,
        connectionsCheckingInterval: Math.min(5_000, headersTimeout),
        maxHeaderSize: 16_384,
        IncomingMessage,
        ServerResponse: BoundedResponse,
      },
      (request, response) => void this.#serve(request, response),
    );
    const shares = new ConnectionShares(this.#options.maxSessions * 4);
    this.#server.on('connection', (socket) => shares.take(socket));
  }

  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo; // listening on TCP
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host.replace(/^\[|\]$/gu, ''), () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#deps.logger.error({ err: error }, 'http'));
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    if (this.#hurry.signal.aborted) return;
    this.#hurry.abort(new Error('the server is stopping'));
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#drained();
    await this.#sessions.close();
    await this.#generations.stateless?.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Resolves when no request is being answered, at the latest after `drainMs`. */
  async #drained(): Promise<void> {
    if (this.#answering === 0) return;
    const stop = new AbortController();
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    const late = this.#deps.clock.sleep(this.#options.drainMs, stop.signal).catch(() => undefined);
    await Promise.race([idle, late]);
    stop.abort(new Error('drained'));
  }

  #caller(principal: Principal): Caller {
    const identified = this.#tokens.required;
    return { principal, identified, listsAll: identified || this.#onlyThisMachine, known: new KnownTasks() };
  }

  async #serve(request: IncomingMessage, response: BoundedResponse): Promise<void> {
    response.once('close', () => {
      const { statusCode } = response;
      this.#answered.set(statusCode, (this.#answered.get(statusCode) ?? 0) + 1);
    });
    try {
      const refused = await this.#route(request, response);
      if (refused !== undefined) refuse(response, refused, this.#mountOf(request));
    } catch (error) {
      if (request.destroyed && !request.complete) return;
      const correlationId = this.#deps.ids();
      this.#deps.logger.error({ err: error, correlationId }, 'an HTTP request failed unexpectedly');
      if (response.headersSent) response.destroy();
      else {
        const refused = { status: 500, code: RPC.internalError, message: `Internal error (${correlationId})` };
        refuse(response, refused, this.#mountOf(request));
      }
    }
  }

  async #route(request: IncomingMessage, response: BoundedResponse): Promise<Refusal | undefined> {
    const refused = checkHost(request, this.#rules);
    if (refused !== undefined) return refused;
    if (letPageRead(request, response)) return undefined;
    const path = pathOf(request);
    if (path === '/healthz' || path === '/readyz') return this.#probe(path, request, response);
    const { pages } = this.#options;
    if (pages !== undefined && isPage(path)) {
      await answerMounted((asked) => pages.fetch(asked), request, response, this.#hurry.signal);
      return undefined;
    }
    const who = this.#tokens.authenticate(request);
    if ('refusal' in who) {
      // Who tries keys shows here; what was tried does not.
      this.#deps.logger.warn(
        { path, from: request.socket.remoteAddress },
        'a request without a valid token was refused',
      );
      return who.refusal;
    }
    if (path === '/metrics') return this.#metrics(request, response);
    if (this.#hurry.signal.aborted) {
      return refusal(503, 'The server is stopping', { 'retry-after': '5', connection: 'close' });
    }
    if (path === '/mcp') {
      spellOutAccept(request);
      return this.#mcp(request, response, who.principal);
    }
    const mount = this.#mountOf(request);
    if (mount !== undefined) return this.#mounted(mount, request, response, who.principal);
    const route = this.#options.routes?.get(path);
    return route === undefined ? refusal(404, 'Not found') : this.#json(route, request, response, who.principal);
  }

  async #mcp(request: IncomingMessage, response: BoundedResponse, principal: Principal): Promise<Refusal | undefined> {
    if (request.method === 'GET' || request.method === 'DELETE') {
      response.bound(principal, this.#deps.logger);
      return this.#sessions.handle(request, response, undefined, principal);
    }
    if (request.method !== 'POST') return refusal(405, 'Method not allowed', { allow: 'GET, POST, DELETE' });
    const read = await this.#body(request, response);
    if (!read.ok) return read.refusal;
    // Only 2025-03-26 had batches; later revisions forbid them, and a pipe has never taken them.
    if (Array.isArray(read.body)) {
      return { status: 400, code: RPC.invalidRequest, message: 'Invalid request: batches are not supported' };
    }
    const { session, stateless } = this.#generations;
    // A subscription waits for its reader, and sends it less.
    const waits = isJsonObject(read.body) && read.body['method'] === 'subscriptions/listen';
    if (!waits) response.bound(principal, this.#deps.logger);
    if (stateless !== undefined && (await stateless.owns(request, read.body))) {
      await stateless.handle(request, response, read.body, this.#caller(principal));
      return undefined;
    }
    const problem = session.handshakeProblem(read.body);
    if (problem !== undefined) {
      return { status: 400, code: RPC.invalidParams, message: problem, ...answeredId(read.body) };
    }
    const refused = await this.#sessions.handle(request, response, read.body, principal);
    return refused === undefined ? undefined : { ...refused, ...answeredId(read.body) };
  }

  #mountOf(request: IncomingMessage): HttpMount | undefined {
    const path = pathOf(request);
    return [...(this.#options.mounts ?? [])].find(([prefix]) => isBelow(path, prefix))?.[1];
  }

  async #mounted(
    mount: HttpMount,
    request: IncomingMessage,
    response: ServerResponse,
    principal: Principal,
  ): Promise<Refusal | undefined> {
    const read = mayHaveBody(request) ? await this.#body(request, response) : undefined;
    if (read?.ok === false) return read.refusal;
    const caller = this.#caller(principal);
    await answerMounted((asked) => mount.fetch(asked, caller), request, response, this.#hurry.signal, read?.bytes);
    return undefined;
  }

  async #json(
    route: JsonRoute,
    request: IncomingMessage,
    response: ServerResponse,
    principal: Principal,
  ): Promise<Refusal | undefined> {
    if (request.method !== 'POST') return refusal(405, 'Method not allowed', { allow: 'POST' });
    const read = await this.#body(request, response);
    if (!read.ok) return read.refusal;
    const answer = await route(read.body, this.#caller(principal));
    respond(response, answer.status, 'application/json', JSON.stringify(answer.body));
    return undefined;
  }

  /** The body of a POST, which counts as being answered from here on. */
  async #body(request: IncomingMessage, response: ServerResponse): ReturnType<typeof readJson> {
    this.#answering += 1;
    response.once('close', () => {
      this.#answering -= 1;
      if (this.#answering === 0) this.#onIdle();
    });
    const wrong = checkContentType(request);
    return wrong === undefined
      ? readJson(request, this.#options.maxBodyBytes, this.#deps.settings.messageBounds)
      : { ok: false, refusal: { ...wrong, headers: { connection: 'close' } } };
  }

  async #probe(path: string, request: IncomingMessage, response: ServerResponse): Promise<Refusal | undefined> {
    if (!isRead(request)) return refusal(405, 'Method not allowed', { allow: 'GET, HEAD' });
    if (path === '/healthz') {
      respond(response, 200, 'application/json', JSON.stringify({ status: 'ok' }));
      return undefined;
    }
    const health = await this.#deps.health();
    const stopping = this.#hurry.signal.aborted;
    const ready = health.ready && !stopping;
    const problems = stopping ? [...health.problems, 'the server is stopping'] : health.problems;
    respond(response, ready ? 200 : 503, 'application/json', JSON.stringify({ ready, problems }));
    return undefined;
  }

  #metrics(request: IncomingMessage, response: ServerResponse): Refusal | undefined {
    if (!isRead(request)) return refusal(405, 'Method not allowed', { allow: 'GET, HEAD' });
    const own =
      metricText('mcp_workflow_http_sessions', 'gauge', 'Sessions of clients.', [['', this.#sessions.size]]) +
      metricText(
        'mcp_workflow_http_requests_total',
        'counter',
        'HTTP requests that were answered, by status.',
        [...this.#answered].map(([status, count]) => [`{status="${status}"}`, count]),
      );
    respond(response, 200, 'text/plain; version=0.0.4; charset=utf-8', `${this.#deps.metrics()}${own}`);
    return undefined;
  }
}

/** Without the query, and without slashes at its end: proxies add and take them. */
function pathOf(request: IncomingMessage): string {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  return path.length > 1 ? path.replace(/\/+$/u, '') : path;
}

function isRead(request: IncomingMessage): boolean {
  return request.method === 'GET' || request.method === 'HEAD';
}

function refuse(response: ServerResponse, refused: Refusal, mount?: HttpMount): void {
  const { id, code, message } = refused;
  const own = mount?.refused?.(refused.status, message);
  if (own !== undefined) {
    respond(response, refused.status, own.type, JSON.stringify(own.body), refused.headers);
    return;
  }
  const body = JSON.stringify({ jsonrpc: '2.0', ...(id === undefined ? {} : { id }), error: { code, message } });
  respond(response, refused.status, 'application/json', body, refused.headers);
}

function respond(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Refusal['headers'] = {},
): void {
  response
    .writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    })
    .end(response.req.method === 'HEAD' ? undefined : body);
}
