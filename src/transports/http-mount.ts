import { getRequestListener } from '@hono/node-server';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonObject } from '../core/json.ts';
import type { Caller } from '../protocol/caller.ts';

/** An application behind the guards of the HTTP front: host, origin, authentication, size and form of the body. */
export interface HttpMount {
  /** Answers a request of this caller; its signal aborts when the client has gone or the server stops. */
  fetch(request: Request, caller: Caller): Promise<Response>;
  /** How this application says what a guard refused; absent = as JSON-RPC. */
  refused?(status: number, message: string): { readonly type: string; readonly body: JsonObject };
}

/**
 * Code and style of web pages, the same for everybody: served behind the host's guard, before anybody is asked who they
 * are.
 */
export interface PublicPages {
  fetch(request: Request): Promise<Response>;
}

/** Where public pages are: the root, and all below `/ui`. */
export function isPage(path: string): boolean {
  return path === '/' || isBelow(path, '/ui');
}

/** Whether a path is the prefix or below it. */
export function isBelow(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}

/** Whether a request says that it has a body. One that has none needs no media type. */
export function mayHaveBody({ method, headers }: IncomingMessage): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Hands a request to an application and writes what it answers. Resolves when the answer has been written, or its
 * stream has ended; a slow reader is waited for. `bytes`: the body, read and bounded by the front.
 */
export async function answerMounted(
  answer: (request: Request) => Promise<Response>,
  request: IncomingMessage,
  response: ServerResponse,
  hurry: AbortSignal,
  bytes?: Uint8Array,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('the client has gone')));
  response.setHeader('x-content-type-options', 'nosniff');
  const listener = getRequestListener(
    async ({ url, method, headers }) => {
      const body = bytes === undefined ? {} : { body: Buffer.from(bytes) };
      const signal = AbortSignal.any([gone.signal, hurry]);
      return await answer(new Request(url, { method, headers, signal, ...body }));
    },
    { overrideGlobalObjects: false },
  );
  await listener(request, response);
}
