import type { McpServer, Transport } from '@modelcontextprotocol/server';
import { createHash } from 'node:crypto';
import type { ConnectionContext } from '../connection.ts';
import type { ProtocolDeps } from '../deps.ts';
import { codec2026 } from './codec.ts';
import { createHttpEntry, type HttpEntry } from './http-entry.ts';
import type { CallDeps } from './inline-call.ts';
import { PipeListener } from './pipe-listener.ts';
import { createStateSealer } from './request-state.ts';
import { watchResource } from './resource-watch.ts';
import { create2026Server } from './server.ts';
import { Subscriptions } from './subscriptions.ts';

/** Generation 2026-07-28 for the transports. */
export interface Generation2026 extends Omit<HttpEntry, 'owns'> {
  readonly revision: string;
  /** A server for a stdio connection that opened in this generation. */
  stdio(context: ConnectionContext): McpServer;
  /** The pipe of a stdio connection, which then also serves `subscriptions/listen`. */
  pipe(transport: Transport, context: ConnectionContext): Transport;
  /** Whether an HTTP request with this body belongs to this generation. */
  owns(...args: Parameters<HttpEntry['owns']>): Promise<boolean>;
}

/** `hurry` aborts when the server is stopping: calls that wait are answered at once. */
export function create2026Generation(deps: ProtocolDeps, hurry: AbortSignal): Generation2026 {
  const callDeps: CallDeps = { ...deps, sealer: createStateSealer(deps.requestStateKey ?? processKey(deps)) };
  const subscriptions = new Subscriptions({
    tasks: deps.tasks,
    definitions: deps.definitions,
    logger: deps.logger,
    watchResource: (uri, principal, changed) => watchResource(uri, principal, changed, deps),
  });
  // Streams would hold up a stop until it gives up on them.
  hurry.addEventListener('abort', () => void subscriptions.close(), { once: true });
  const http = createHttpEntry(callDeps, subscriptions, hurry);
  return {
    revision: codec2026.revision,
    stdio: (context) => create2026Server(callDeps, { ...context, http: false }),
    pipe: (transport, context) => new PipeListener(transport, subscriptions, context.caller, deps),
    owns: (request, body) => Promise.resolve(http.owns(request, body)),
    handle: (request, response, body, caller) => http.handle(request, response, body, caller),
    close: () => http.close(),
  };
}

/** A key for this process alone, where none was given: handles then end with the process. */
function processKey(deps: ProtocolDeps): Uint8Array {
  return createHash('sha256').update(`${deps.ids()}\n${deps.ids()}\n${deps.ids()}`).digest();
}
