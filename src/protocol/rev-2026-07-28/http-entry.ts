import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  CLIENT_CAPABILITIES_META_KEY,
  classifyInboundRequest,
  createMcpHandler,
  isJSONRPCRequest,
} from '@modelcontextprotocol/server';
import type { AuthInfo, JSONRPCRequest, McpHandlerRequestOptions } from '@modelcontextprotocol/server';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '../../core/failure.ts';
import { isJsonObject } from '../../core/json.ts';
import type { JsonObject } from '../../core/json.ts';
import { answeredId, withAnsweredId } from '../answered-id.ts';
import type { Caller } from '../caller.ts';
import { RPC, toWireError, WireError } from '../errors.ts';
import { abilitiesOf, codec2026, declaresTasks } from './codec.ts';
import type { CallDeps } from './inline-call.ts';
import { checkHeaderCharacters } from './header-characters.ts';
import { create2026Server } from './server.ts';
import { parseListenFilter, type Subscription, type Subscriptions } from './subscriptions.ts';
import { missingTasksCapability } from './capability-error.ts';

/** A comment at least this often on an open stream, so that proxies keep it. */
const KEEP_ALIVE_MS = 15_000;

/** How long the end of a stream may take to reach its reader when the server stops. */
const LAST_WORDS_MS = 500;

/** The HTTP side of this generation. Guards (host, origin, size, authentication) stand before it. */
export interface HttpEntry {
  owns(request: IncomingMessage, body: unknown): boolean;
  /** Resolves when the answer has been handed over, for a stream when it has ended. */
  handle(request: IncomingMessage, response: ServerResponse, body: unknown, caller: Caller): Promise<void>;
  /** Ends every open stream and every request in flight. */
  close(): Promise<void>;
}

/** `hurry` aborts when the server is stopping. */
export function createHttpEntry(deps: CallDeps, subscriptions: Subscriptions, hurry: AbortSignal): HttpEntry {
  /** The SDK hands an `AuthInfo` through unchanged; who it stands for is kept beside it. */
  const callers = new WeakMap<AuthInfo, Caller>();
  const callerOf = (auth: AuthInfo | undefined): Caller => {
    const caller = auth === undefined ? undefined : callers.get(auth);
    if (caller === undefined) throw new Error('a request reached the server without its caller');
    return caller;
  };
  const mcp = createMcpHandler(
    ({ authInfo }) => create2026Server(deps, { caller: callerOf(authInfo), hurry, http: true }),
    {
      legacy: 'reject',
      keepAliveMs: KEEP_ALIVE_MS,
      onerror: (error) => deps.logger.debug({ err: error }, 'a request of 2026-07-28 was refused or failed'),
    },
  );
  /** Answers to `subscriptions/listen` that are still being written. */
  const streams = new Set<Promise<void>>();
  const node = toNodeHandler({
    fetch: async (request: Request, options?: McpHandlerRequestOptions) => {
      const body = options?.parsedBody;
      const wrong = checkHeaderCharacters(request.headers, body, deps);
      if (wrong !== undefined) return refusal(wrong, answeredId(body));
      const response = await mcp.fetch(request, options);
      if (!isListen(body) || !isStream(response)) return withAnsweredId(response, body);
      // The SDK has checked headers and envelope and would now serve the kinds it knows. Its stream gives way to ours.
      await response.body?.cancel();
      return listen(body, callerOf(options?.authInfo), request.signal, subscriptions, deps);
    },
  });
  return {
    owns: (request, body) =>
      classifyInboundRequest({
        httpMethod: request.method ?? '',
        ...header(request, 'mcp-protocol-version', 'protocolVersionHeader'),
        ...header(request, 'mcp-method', 'mcpMethodHeader'),
        ...header(request, 'mcp-name', 'mcpNameHeader'),
        ...(body !== undefined && { body }),
      }).kind !== 'legacy',
    handle: async (request, response, body, caller) => {
      const auth: AuthInfo = { token: '', clientId: caller.principal, scopes: [] };
      callers.set(auth, caller);
      // Node's own type says `undefined` where the SDK's says absent.
      const answered = node(Object.assign(request, { auth }) as Parameters<typeof node>[0], response, body);
      if (isListen(body)) streams.add(answered);
      await answered.finally(() => streams.delete(answered));
    },
    close: async () => {
      await subscriptions.close();
      const stop = new AbortController();
      const late = deps.clock.sleep(LAST_WORDS_MS, stop.signal).catch(() => undefined);
      await Promise.race([Promise.allSettled(streams), late]);
      stop.abort();
      await mcp.close();
    },
  };
}

function header<K extends string>(request: IncomingMessage, name: string, as: K): { readonly [key in K]?: string } {
  const value = request.headers[name];
  // One member of the mapped type, which TypeScript does not see through a computed key.
  return typeof value === 'string' ? ({ [as]: value } as { readonly [key in K]: string }) : {};
}

function isListen(body: unknown): body is JSONRPCRequest {
  return isJsonObject(body) && body['method'] === 'subscriptions/listen' && isJSONRPCRequest(body);
}

function isStream(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') === true;
}

async function listen(
  request: JSONRPCRequest,
  caller: Caller,
  signal: AbortSignal,
  subscriptions: Subscriptions,
  deps: CallDeps,
): Promise<Response> {
  const stream = new EventStream(deps, signal);
  try {
    const meta = isJsonObject(request.params) ? request.params['_meta'] : undefined;
    const capabilities = isJsonObject(meta) ? meta[CLIENT_CAPABILITIES_META_KEY] : undefined;
    const filter = parseListenFilter(request.params);
    if (typeof filter === 'string') throw new WireError(RPC.invalidParams, filter);
    if (filter.taskIds.length > 0 && !declaresTasks(capabilities)) throw missingTasksCapability();
    const subscription = await subscriptions.open({
      id: request.id,
      filter,
      principal: caller.principal,
      abilities: abilitiesOf(capabilities),
      send: (message) => stream.send(message),
      ended: () => stream.end(),
    });
    if (subscription === undefined) throw new WireError(RPC.limitExceeded, 'Too many subscriptions are open');
    return stream.respond(subscription);
  } catch (error) {
    stream.end();
    return refusal(toWireError(error, codec2026, deps), { id: request.id });
  }
}

function refusal({ code, message, data }: WireError, id: { readonly id?: string | number }): Response {
  const error = { code, message, ...(data !== undefined && { data }) };
  return Response.json({ jsonrpc: '2.0', ...id, error }, { status: code === RPC.internalError ? 500 : 400 });
}

/** One `text/event-stream`. Writes wait for the reader, so that nothing piles up here. */
class EventStream {
  readonly #deps: CallDeps;
  readonly #signal: AbortSignal;
  readonly #pipe = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 1 }, { highWaterMark: 1 });
  readonly #writer = this.#pipe.writable.getWriter();
  readonly #ended = new AbortController();

  constructor(deps: CallDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  async send(message: JsonObject): Promise<void> {
    await this.#write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  }

  end(): void {
    this.#ended.abort();
    // Both fail when the reader has gone, which is what an end is.
    this.#writer.close().catch(() => undefined);
  }

  respond(subscription: Subscription): Response {
    const gone = (): void => void subscription.close(false);
    if (this.#signal.aborted) gone();
    else this.#signal.addEventListener('abort', gone, { once: true, signal: this.#ended.signal });
    this.#writer.closed.catch(gone);
    void this.#keepAlive();
    return new Response(this.#pipe.readable, {
      headers: {
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
      },
    });
  }

  async #keepAlive(): Promise<void> {
    try {
      for (;;) {
        await this.#deps.clock.sleep(KEEP_ALIVE_MS, this.#ended.signal);
        await this.#write(': keepalive\n\n');
      }
    } catch (error) {
      if (!this.#ended.signal.aborted) this.#deps.logger.debug({ cause: messageOf(error) }, 'an event stream ended');
    }
  }

  async #write(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(text));
  }
}
