import { PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server';
import type { JSONRPCMessage, McpServer, Transport } from '@modelcontextprotocol/server';
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
  /** Whether a message has an envelope of this generation, in order or not. `shaken`: the pipe has had a handshake. */
  claims(message: JSONRPCMessage, shaken: boolean): boolean;
  /** A server for the messages of a pipe that belong to this generation. */
  stdio(context: ConnectionContext): McpServer;
  /** Their way, which then also serves `subscriptions/listen`. */
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
    claims,
    stdio: (context) => create2026Server(callDeps, { ...context, http: false }),
    pipe: (transport, context) => new PipeListener(transport, subscriptions, context.caller, deps),
    owns: (request, body) => Promise.resolve(http.owns(request, body)),
    handle: (request, response, body, caller) => http.handle(request, response, body, caller),
    close: () => http.close(),
  };
}

function claims(message: JSONRPCMessage, shaken: boolean): boolean {
  if (!('method' in message)) return false;
  const meta = message.params?.['_meta'];
  if (meta !== undefined && Object.hasOwn(meta, PROTOCOL_VERSION_META_KEY)) return true;
  return message.method === 'server/discover' && !shaken;
}

/** A key for this process alone, where none was given: handles then end with the process. */
function processKey(deps: ProtocolDeps): Uint8Array {
  return createHash('sha256').update(`${deps.ids()}\n${deps.ids()}\n${deps.ids()}`).digest();
}
