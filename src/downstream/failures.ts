import {
  INVALID_PARAMS,
  METHOD_NOT_FOUND,
  ProtocolError,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
} from '@modelcontextprotocol/client';
import { z } from 'zod';
import { messageOf, StepFailure, type Failure } from '../core/failure.ts';
import type { JsonValue } from '../core/json.ts';
import { HttpRefusal } from './http-transport.ts';
import type { Redactor } from './redaction.ts';

const SHOWN_CHARACTERS = 2000;

/** What a failure is about, for its message. */
export interface FailedCall {
  readonly server: string;
  /** In words: `tool 'navigate'`, `resource 'file:///x'`, `starting it`. */
  readonly what: string;
  /** `tools/call`, `resources/read`, … */
  readonly method: string;
  readonly redactor: Redactor;
  /** Why the connection ended, if it did. */
  readonly endReason: string | undefined;
}

/** Any error of the SDK, of the transport or of the server as a `StepFailure`, without secrets. */
export function toStepFailure(error: unknown, call: FailedCall): StepFailure {
  const failure = classify(error, call);
  return new StepFailure(
    {
      ...failure,
      message: call.redactor.head(failure.message, SHOWN_CHARACTERS),
      ...(failure.data === undefined ? {} : { data: call.redactor.json(failure.data) }),
    },
    // The cause is for the log of a bug only; it never leaves the process.
    { cause: error },
  );
}

function classify(error: unknown, call: FailedCall): Failure {
  if (error instanceof StepFailure) return { ...error.failure, message: withServer(error.failure.message, call) };
  if (error instanceof ProtocolError) return fromProtocolError(error, call);
  const refusal = refusalIn(error);
  if (refusal !== undefined) {
    return {
      ...transport(`refused ${call.what} (${refusal.message})`, call),
      ...(refusal.retryAfterMs === undefined ? {} : { retryAfterMs: refusal.retryAfterMs }),
    };
  }
  if (error instanceof z.ZodError) return unusable(error.issues[0]?.message ?? 'it has another shape', call);
  if (error instanceof SdkHttpError) return transport(httpText(error, call), call);
  if (error instanceof SdkError) return fromSdkError(error, call);
  if (call.endReason !== undefined) return transport(call.endReason, call);
  return transport(`${call.what} failed: ${rootMessage(error)}`, call);
}

function transport(what: string, call: FailedCall): Failure {
  return { code: 'transport', message: `server '${call.server}' ${what}` };
}

/** The call was made and answered: it is no failure of the transport, and nothing calls again because of it. */
function unusable(why: string, call: FailedCall): Failure {
  return {
    code: 'invalid_output',
    message: `server '${call.server}' gave an answer to ${call.what} that cannot be used: ${why}`,
  };
}

function withServer(message: string, call: FailedCall): string {
  return message.startsWith(`server '${call.server}'`) ? message : `server '${call.server}', ${call.what}: ${message}`;
}

function fromProtocolError(error: ProtocolError, call: FailedCall): Failure {
  const message = `server '${call.server}', ${call.what}: ${error.message}`;
  // The data of an error comes out of JSON.
  const data = error.data === undefined ? {} : { data: error.data as JsonValue };
  const code: number = error.code;
  const isTool = call.method === 'tools/call';
  if (isTool && code === METHOD_NOT_FOUND) return { code: 'tool_not_found', message, ...data };
  if (code === INVALID_PARAMS) {
    const unknown = isTool && /unknown tool|tool\b.*\bnot found|no such tool/i.test(error.message);
    return { code: unknown ? 'tool_not_found' : 'invalid_arguments', message, ...data };
  }
  return { code: String(code), message, ...data };
}

function fromSdkError(error: SdkError, call: FailedCall): Failure {
  switch (error.code) {
    case SdkErrorCode.ConnectionClosed:
    case SdkErrorCode.NotConnected:
      return transport(call.endReason ?? 'closed the connection', call);
    case SdkErrorCode.RequestTimeout:
      return { code: 'timeout', message: `server '${call.server}', ${call.what}: no answer in time` };
    case SdkErrorCode.InvalidResult:
    case SdkErrorCode.UnsupportedResultType:
    case SdkErrorCode.InputRequiredRoundsExceeded:
    case SdkErrorCode.ClientHttpUnexpectedContent:
      return unusable(error.message, call);
    default:
      return transport(call.endReason ?? `${call.what} failed: ${rootMessage(error)}`, call);
  }
}

function httpText(error: SdkHttpError, call: FailedCall): string {
  if (error.status === 401 || error.status === 403) return `refused our credentials (HTTP ${error.status})`;
  const text = typeof error.data['text'] === 'string' ? `: ${call.redactor.head(error.data['text'], 300)}` : '';
  return `answered ${call.what} with HTTP ${error.status}${text}`;
}

/** The refusal may be wrapped by the SDK's negotiation. */
export function refusalIn(error: unknown): HttpRefusal | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at instanceof HttpRefusal) return at;
  }
  return undefined;
}

/** `fetch failed` says nothing; what lies under it does (`connect ECONNREFUSED …`). */
function rootMessage(error: unknown): string {
  let message = messageOf(error);
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at instanceof AggregateError && at.message === '' && at.errors.length > 0) message = messageOf(at.errors[0]);
    else if (at.message !== '') message = at.message;
  }
  return message;
}
