import type { JsonObject, JsonValue } from '../core/json.ts';
import type { TaskErrorCode } from '../tasks/task.ts';

/** Where the API lives. Every path of the document is below it. */
export const BASE = '/api/v1';

/** Every `code` of a problem: those of `TaskError`, and what only HTTP knows. */
export type ProblemCode =
  | TaskErrorCode
  | 'invalid_request'
  | 'unknown_route'
  | 'unknown_schedule'
  | 'unknown_step'
  | 'method_not_allowed'
  | 'not_ended'
  | 'question_closed'
  | 'not_identified'
  | 'unauthorized'
  | 'forbidden'
  | 'unsupported_media_type'
  | 'body_too_large'
  | 'not_drawable'
  | 'stopping'
  | 'internal_error';

interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** What to do, for the page that the problem's type leads to. */
  readonly advice: string;
  /** Seconds for `Retry-After`. */
  readonly retryAfter?: number;
}

/**
 * The one table of problems: status, title and advice by code. docs/rest.md lists the same; a test compares the two.
 */
export const PROBLEMS: { readonly [code in ProblemCode]: ProblemKind } = {
  invalid_request: { status: 400, title: 'The request is not valid', advice: 'Mend what `errors` names.' },
  invalid_cursor: { status: 400, title: 'The cursor is not valid', advice: 'Begin with the first page.' },
  unauthorized: { status: 401, title: 'A valid bearer token is required', advice: 'Send `Authorization: Bearer …`.' },
  forbidden: { status: 403, title: 'This Host or Origin is not served', advice: 'See allowed_hosts, allowed_origins.' },
  not_identified: {
    status: 403,
    title: 'Callers are not told apart here',
    advice: 'Configure tokens: without them lists would show the tasks of everybody.',
  },
  not_found: { status: 404, title: 'Task not found', advice: 'It is unknown, expired, or of another caller.' },
  unknown_workflow: { status: 404, title: 'There is no such workflow', advice: 'See GET /api/v1/workflows.' },
  unknown_schedule: { status: 404, title: 'There is no such schedule', advice: 'See GET /api/v1/schedules.' },
  unknown_step: { status: 404, title: 'No such step has run', advice: 'See the steps of the task.' },
  unknown_route: { status: 404, title: 'There is nothing at this path', advice: 'See GET /api/v1/openapi.json.' },
  method_not_allowed: { status: 405, title: 'This path does not take this method', advice: 'See the header `Allow`.' },
  already_terminal: { status: 409, title: 'The task has ended', advice: 'A task that has ended never changes.' },
  not_resumable: { status: 409, title: 'The task cannot be resumed', advice: 'Only a failed task is resumed.' },
  not_ended: { status: 409, title: 'The task has not ended', advice: 'Follow its events, or ask again later.' },
  question_closed: {
    status: 409,
    title: 'The question is not open',
    advice: 'It was answered, it has expired, or it never existed. Nothing was changed.',
  },
  conflict: {
    status: 409,
    title: 'The workflow admits no further run now',
    advice: 'Wait until an earlier run has ended.',
  },
  body_too_large: { status: 413, title: 'The body is too large', advice: 'Send less.' },
  unsupported_media_type: {
    status: 415,
    title: 'The body must be JSON',
    advice: 'Send `Content-Type: application/json`.',
  },
  invalid_arguments: { status: 422, title: 'The input does not fit', advice: 'Mend what `detail` names.' },
  invalid_input_response: { status: 422, title: 'The answer does not fit', advice: 'Mend what `detail` names.' },
  idempotency_conflict: {
    status: 422,
    title: 'The idempotency key was used with other input',
    advice: 'Use a fresh key for another request.',
  },
  not_drawable: { status: 422, title: 'The picture cannot be drawn', advice: 'Look at the definition.' },
  limit_exceeded: { status: 429, title: 'A limit is reached', advice: 'Wait until tasks have ended.', retryAfter: 5 },
  internal_error: { status: 500, title: 'Internal error', advice: 'Look for `correlationId` in the log.' },
  stopping: { status: 503, title: 'The server is stopping', advice: 'Try again in a moment.', retryAfter: 5 },
  store_unavailable: {
    status: 503,
    title: 'The task store cannot be used',
    advice: 'Try again; with the same idempotency key that is safe.',
    retryAfter: 5,
  },
};

export interface ProblemMore {
  /** Which parts of the request are wrong: `in` is path, query, header or body; `path` is a JSON Pointer in it. */
  readonly errors?: readonly { readonly in: string; readonly path: string; readonly message: string }[];
  readonly details?: JsonValue;
  readonly correlationId?: string;
  readonly allow?: string;
}

/** A request that cannot be met. The detail is fit to be shown. Answered as a problem (RFC 9457). */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;
  readonly more: ProblemMore;
  constructor(code: ProblemCode, detail: string, more: ProblemMore = {}) {
    super(detail);
    this.code = code;
    this.more = more;
  }
}

/** The body of a problem. `type` is a reference to the page that says what to do (RFC 9457, 3.1.1). */
export function problemBody(code: ProblemCode, detail: string, more: ProblemMore = {}): JsonObject {
  const { status, title } = PROBLEMS[code];
  const { errors, details, correlationId } = more;
  return {
    type: `${BASE}/problems/${code}`,
    title,
    status,
    detail,
    code,
    ...(errors !== undefined && { errors: errors.map((error) => ({ ...error })) }),
    ...(details !== undefined && { details }),
    ...(correlationId !== undefined && { correlationId }),
  };
}

/** A problem as a response. */
export function problemResponse({ code, message, more }: ProblemError): Response {
  const { status, retryAfter } = PROBLEMS[code];
  return new Response(JSON.stringify(problemBody(code, message, more)), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
      ...(more.allow !== undefined && { allow: more.allow }),
    },
  });
}

const BY_STATUS: ReadonlyMap<number, ProblemCode> = new Map([
  [400, 'invalid_request'],
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [404, 'unknown_route'],
  [405, 'method_not_allowed'],
  [413, 'body_too_large'],
  [415, 'unsupported_media_type'],
  [503, 'stopping'],
]);

/** What a guard in front of the API refused, as the body of a problem: the same form as every other refusal. */
export function refusedBody(status: number, message: string): JsonObject {
  return problemBody(BY_STATUS.get(status) ?? 'internal_error', message);
}
