import type { Logger } from '../core/logger.ts';
import { messageOf } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { StoreError } from '../store/task-store.ts';
import { TaskError, type TaskErrorCode } from '../tasks/task.ts';

/**
 * Every JSON-RPC number of this project. No other file writes one.
 *
 * Since 2026-07-28 all of -32768 … -32000 is taken: by JSON-RPC, by MCP, or by what was there before it. Numbers of our
 * own lie outside.
 */
export const RPC = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** 2025-11-25 and older: `resources/read` of a URI that does not exist. 2026-07-28 uses `invalidParams`. */
  resourceNotFound: -32002,
  /** HTTP, 2026-07-28: a header cannot carry its value, or says something else than the body. */
  headerMismatch: -32020,
  /**
   * HTTP, 2025-11-25 and older: the session is unknown or over; the client starts a new one. The number is that of the
   * SDKs.
   */
  sessionNotFound: -32001,
  /** The outcome of a task that somebody cancelled, read by `tasks/result` or by the plain call that started it. */
  taskCancelled: -31010,
  /** A published limit was reached; nothing was created. */
  limitExceeded: -31011,
  /** The workflow admits no further run now (`concurrency {on_conflict: reject}`). */
  conflict: -31012,
  /** The store cannot be written, or the server is stopping. Nothing was changed; try again. */
  unavailable: -31013,
} as const;

/** The text for unknown, expired and foreign task ids. One text, so that nobody learns which of the three it is. */
export const TASK_NOT_FOUND = 'Task not found';

/**
 * A JSON-RPC error as it goes out: number, text and data exactly so. A plain `Error` with a `code`, since the 2025 SDK
 * rewrites the message of its own error class.
 */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: number;
  readonly data: JsonValue | undefined;
  constructor(code: number, message: string, data?: JsonValue) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** Thrown for a resource URI that names nothing the caller may see. Its number differs by generation. */
export class ResourceNotFound extends Error {
  override readonly name = 'ResourceNotFound';
  readonly uri: string;
  constructor(uri: string) {
    super('Resource not found');
    this.uri = uri;
  }
}

/** Shorthand for the most frequent one: the request is not what the method takes. */
export function invalidParams(message: string, data?: JsonValue): WireError {
  return new WireError(RPC.invalidParams, message, data);
}

/** The answer for every task id that the caller cannot use. */
export function taskNotFound(): WireError {
  return new WireError(RPC.invalidParams, TASK_NOT_FOUND);
}

const NUMBER_OF: { readonly [code in TaskErrorCode]: number } = {
  not_found: RPC.invalidParams,
  unknown_workflow: RPC.invalidParams,
  invalid_arguments: RPC.invalidParams,
  already_terminal: RPC.invalidParams,
  idempotency_conflict: RPC.invalidParams,
  invalid_input_response: RPC.invalidParams,
  invalid_cursor: RPC.invalidParams,
  not_resumable: RPC.invalidParams,
  limit_exceeded: RPC.limitExceeded,
  conflict: RPC.conflict,
  store_unavailable: RPC.unavailable,
};

/** What differs between generations when an error goes out. */
export interface ErrorDialect {
  readonly resourceNotFound: number;
}

/** What `toWireError` needs for the unexpected. */
export interface ErrorContext {
  readonly logger: Logger;
  /** A fresh id to find the log line by. */
  readonly ids: () => string;
}

/**
 * The wire form of anything a handler threw. Expected errors keep their text and carry `data.code`; anything else
 * becomes
 * `Internal error` with a correlation id and nothing more, and its cause goes to the log under that id.
 */
export function toWireError(error: unknown, dialect: ErrorDialect, context: ErrorContext): WireError {
  if (error instanceof WireError) return error;
  if (error instanceof ResourceNotFound) {
    return new WireError(dialect.resourceNotFound, error.message, { uri: error.uri });
  }
  if (error instanceof TaskError) return fromTaskError(error);
  if (error instanceof StoreError) {
    context.logger.error({ kind: error.kind, cause: messageOf(error) }, 'the store failed during a request');
    return new WireError(RPC.unavailable, storeMessage(error.kind), { code: 'store_unavailable' });
  }
  const correlationId = context.ids();
  context.logger.error({ err: error, correlationId }, 'a request failed unexpectedly');
  return new WireError(RPC.internalError, 'Internal error', { correlationId });
}

function fromTaskError(error: TaskError): WireError {
  if (error.code === 'not_found') return taskNotFound();
  const data: JsonObject = error.data === undefined ? { code: error.code } : { code: error.code, details: error.data };
  return new WireError(NUMBER_OF[error.code], error.message, data);
}

function storeMessage(kind: StoreError['kind']): string {
  switch (kind) {
    case 'full':
      return 'The task store is full, and the outcome of this request is not known. Reading and cancelling still work.';
    case 'busy':
      return 'The task store is busy, and the outcome of this request is not known. Look, then try again.';
    case 'io':
      return 'The task store cannot be reached, and the outcome of this request is not known.';
  }
}
