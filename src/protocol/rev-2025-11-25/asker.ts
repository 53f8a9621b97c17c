import { ErrorCode, McpError, ResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { InputRequest } from '../../engine/journal.ts';
import { firstAbort } from '../first-abort.ts';
import type { Asker } from '../input-relay.ts';
import { META } from '../task-object.ts';
import type { Extra, Session } from './session.ts';

type RequestId = Extra['requestId'];

/** The SDK's own default gives a person 60 seconds; the question's own deadline belongs to the task. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Puts questions to the client on the stream of the request with this id, or on the connection's own. `taskId` is given
 * when the client knows the task: the question is then marked as related to it. In a plain call it is not, since a
 * client that cannot correlate it would cancel.
 */
export function asker2025(session: Session, requestId: RequestId | undefined, taskId: string | undefined): Asker {
  return {
    can: (request) => canAsk(session, request),
    async ask(input, signal) {
      const { method, params } = input.request;
      try {
        const request = { method, params: taskId === undefined ? params : tagged(params, taskId) };
        return await askClient(session, requestId, request, signal);
      } catch (error) {
        const refused = signal.aborted ? undefined : refusalOf(method, error);
        if (refused === undefined) throw error;
        return refused;
      }
    },
  };
}

/**
 * Puts one request to the client on the stream of the request that it belongs to, if any. Rejects on a JSON-RPC error,
 * on a lost connection and on abort.
 */
export async function askClient(
  session: Session,
  requestId: RequestId | undefined,
  request: InputRequest,
  signal: AbortSignal,
): Promise<JsonValue> {
  // The SDK withdraws a request whenever its signal aborts, also one that is answered.
  const unanswered = firstAbort(signal);
  try {
    const answer: unknown = await session.server.request(
      { method: request.method, params: request.params },
      ResultSchema,
      {
        ...(requestId === undefined ? {} : { relatedRequestId: requestId }),
        signal: unanswered.signal,
        timeout: NO_TIMEOUT_MS,
      },
    );
    return answer as JsonValue; // it was parsed from JSON
  } finally {
    unanswered.dispose();
  }
}

/** These come from the SDK, or say that the client knows no such request: nobody has decided anything. */
const NO_ANSWER: ReadonlySet<number> = new Set([
  ErrorCode.ConnectionClosed,
  ErrorCode.RequestTimeout,
  ErrorCode.MethodNotFound,
]);

/**
 * An error that answers a request for a model's turn or for roots: the client has no other way to say no. A form has
 * `decline`, so an error there means that nothing was shown.
 */
function refusalOf(method: string, error: unknown): JsonObject | undefined {
  if (method === 'elicitation/create' || !(error instanceof McpError) || NO_ANSWER.has(error.code)) return undefined;
  return { error: { code: error.code, message: error.message.replace(/^MCP error -?\d+: /u, '') } };
}

function tagged(params: JsonObject, taskId: string): JsonObject {
  const meta = isJsonObject(params['_meta']) ? params['_meta'] : {};
  return { ...params, _meta: { ...meta, [META.relatedTask]: { taskId } } };
}

/** Whether the client declared that it can answer this kind of request. */
export function canAsk(session: Session, request: InputRequest): boolean {
  const capabilities = session.server.getClientCapabilities();
  switch (request.method) {
    case 'elicitation/create': {
      const elicitation = capabilities?.elicitation;
      if (elicitation === undefined) return false;
      if (request.params['mode'] === 'url') return elicitation.url !== undefined;
      // Before 2025-11-25 there was one mode and no word for it.
      return elicitation.form !== undefined || elicitation.url === undefined;
    }
    case 'sampling/createMessage': {
      const sampling = capabilities?.sampling;
      return sampling !== undefined && (request.params['tools'] === undefined || sampling.tools !== undefined);
    }
    case 'roots/list':
      return capabilities?.roots !== undefined;
    default:
      return false;
  }
}
