import type { JsonObject, JsonValue } from '../../core/json.ts';
import type { ConnectionContext } from '../connection.ts';
import type { CallDeps } from './inline-call.ts';

/** One request while a handler answers it. */
export interface RequestContext extends ConnectionContext {
  readonly deps: CallDeps;
  /** Client capabilities as this very request declares them. */
  readonly capabilities: JsonObject;
  /** `_meta` without the protocol's own keys. */
  readonly meta: JsonObject;
  /** `inputResponses` of a retried call or of `tasks/update`; `undefined` when the request has none. */
  readonly inputResponses: JsonObject | undefined;
  /** Keys in `inputResponses` whose values were no objects; they are not in it. */
  readonly malformedResponses: readonly string[];
  readonly requestState: string | undefined;
  readonly signal: AbortSignal;
  /** After `signal`: whether the client ended the request, and not the pipe or the server. */
  readonly withdrawn: () => boolean;
  /** Never rejects: a notification that cannot be delivered is dropped. */
  readonly notify: (method: string, params: JsonObject) => void;
  /** A log message, if the request asks for that level. */
  readonly log: (level: string, data: JsonValue) => void;
}

/** One method. Params have been checked to be an object; what it throws goes through `toWireError`. */
export type Handler = (params: JsonObject, context: RequestContext) => Promise<JsonObject> | JsonObject;

/** Methods by name. */
export type HandlerTable = { readonly [method: string]: Handler };
