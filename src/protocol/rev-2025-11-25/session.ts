import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { ServerNotification, ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import type { JsonObject } from '../../core/json.ts';
import type { ConnectionContext } from '../connection.ts';
import type { ProtocolDeps } from '../deps.ts';
import type { SharedQuestions } from '../shared-questions.ts';
import type { Notifier } from './notifier.ts';

/** What the 2025 SDK gives a handler beside the request. */
export type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** One connection of this generation: its SDK server, who is behind it, and what it is told of. */
export interface Session extends ConnectionContext {
  readonly server: Server;
  readonly deps: ProtocolDeps;
  readonly notifier: Notifier;
  readonly questions: SharedQuestions;
}

/** One method. Params have been checked to be an object; what it throws goes through `toWireError`. */
export type Handler = (params: JsonObject, extra: Extra, session: Session) => Promise<JsonObject> | JsonObject;

/** Methods by name. */
export type HandlerTable = { readonly [method: string]: Handler };

/** The `_meta` of a request, empty when there is none. */
export function metaOf(params: JsonObject): JsonObject {
  const meta = params['_meta'];
  return typeof meta === 'object' && meta !== null && !Array.isArray(meta) ? (meta as JsonObject) : {}; // neither null nor a list
}

/** The token a client wants progress for, if it does. */
export function progressTokenOf(params: JsonObject): string | number | undefined {
  const token = metaOf(params)['progressToken'];
  return typeof token === 'string' || typeof token === 'number' ? token : undefined;
}
