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
 * Hands a request to an application and writes what it answers. Resolves when the answer has been written, or its stream has ended; a slow reader
 * is waited for. `bytes`: the body, read and bounded by the front.
 */
export async function answerMounted(
  mount: HttpMount,
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
  hurry: AbortSignal,
  bytes: Uint8Array | undefined,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('the client has gone')));
  response.setHeader('x-content-type-options', 'nosniff');
  const listener = getRequestListener(
    async ({ url, method, headers }) => {
      const body = bytes === undefined ? {} : { body: Buffer.from(bytes) };
      const signal = AbortSignal.any([gone.signal, hurry]);
      return await mount.fetch(new Request(url, { method, headers, signal, ...body }), caller);
    },
    { overrideGlobalObjects: false },
  );
  await listener(request, response);
}
