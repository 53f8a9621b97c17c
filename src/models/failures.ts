import type { Clock } from '../core/clock.ts';
import { messageOf, StepFailure, type Failure } from '../core/failure.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import { readRetryAfter } from '../core/retry-after.ts';
import type { Redactor } from '../downstream/redaction.ts';

const SHOWN_CHARACTERS = 500;

/** What a provider's refusal says. The library's own error class is not asked for: it is not loaded here. */
interface HttpError extends Error {
  readonly statusCode: number;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  readonly responseBody?: string;
}

/**
 * Anything that the library or the connection throws, as a failure without secrets. 429, 408, 409, 425 and 5xx are
 * `transport` and can be tried again, no sooner than `Retry-After` says; any other refusal is `invalid_arguments`,
 * which no retry helps; an answer that is no answer is `transport`.
 */
export function toStepFailure(
  error: unknown,
  name: string,
  redactor: Redactor,
  clock: Pick<Clock, 'now'>,
): StepFailure {
  const own = ownFailure(error);
  if (own !== undefined) return own;
  const failure = isHttpError(error)
    ? refused(error, name, clock)
    : { code: 'transport', message: `model '${name}': ${rootMessage(error)}` };
  return new StepFailure({ ...failure, message: redactor.head(failure.message, SHOWN_CHARACTERS) }, { cause: error });
}

/** What a limit of ours has said, however often it was wrapped. */
function ownFailure(error: unknown): StepFailure | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at instanceof StepFailure) return at;
  }
  return undefined;
}

const TRY_AGAIN: ReadonlySet<number> = new Set([408, 409, 425, 429]);

function refused(error: HttpError, name: string, clock: Pick<Clock, 'now'>): Failure {
  const { statusCode: status, responseHeaders: headers = {} } = error;
  if (status < 400) {
    return { code: 'transport', message: `model '${name}': its server gave an answer that cannot be read` };
  }
  const said = wordsOf(error.responseBody ?? '');
  const what = status === 401 || status === 403 ? `refused our key (HTTP ${status})` : `answered with HTTP ${status}`;
  const message = `model '${name}': its server ${what}${said === '' ? '' : `: ${said}`}`;
  if (!TRY_AGAIN.has(status) && status < 500) return { code: 'invalid_arguments', message };
  const wait = milliseconds(headers['retry-after-ms']) ?? readRetryAfter(headers['retry-after'] ?? null, clock);
  return { code: 'transport', message, ...(wait === undefined ? {} : { retryAfterMs: wait }) };
}

function milliseconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/u.test(text) ? Number(text) : undefined;
}

/** The message in `{error: {message}}`, as every provider has it, or the text. */
function wordsOf(body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    const error: JsonValue | undefined = isJsonObject(value) ? value['error'] : undefined;
    const message = isJsonObject(error) ? error['message'] : error;
    if (typeof message === 'string') return message;
  } catch {
    // No JSON: the text itself is all there is.
  }
  return body.trim();
}

function isHttpError(error: unknown): error is HttpError {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number';
}

/** What lies under `fetch failed` says what happened (`connect ECONNREFUSED …`). */
function rootMessage(error: unknown): string {
  let message = messageOf(error);
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at instanceof AggregateError && at.message === '' && at.errors.length > 0) message = messageOf(at.errors[0]);
    else if (at.message !== '') message = at.message;
  }
  return message;
}
