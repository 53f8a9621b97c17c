import type { JsonValue } from './json.ts';

/**
 * Error codes a definition can match (`retry_on`, `catch`, `{{error.code}}`). A `fail` step may use its own code, and a
 * JSON-RPC error of a downstream server is its number as text, so a code is any string; these are the ones of ours.
 */
export const FAILURE_CODES = [
  'tool_error',
  'timeout',
  'transport',
  'server_not_found',
  'tool_not_found',
  'invalid_arguments',
  'invalid_output',
  'template_error',
  'condition_error',
  'loop_exhausted',
  'budget_exceeded',
  'limit_exceeded',
  'interrupted',
  'no_model',
  'input_declined',
  'input_cancelled',
  'input_timeout',
  'child_failed',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

/** Never retried unless `retry_on` names them: trying again cannot help. */
export const NOT_RETRIED_BY_DEFAULT: ReadonlySet<string> = new Set<FailureCode>([
  'invalid_arguments',
  'tool_not_found',
  'server_not_found',
  'template_error',
  'condition_error',
  'budget_exceeded',
  'limit_exceeded',
]);

/** What went wrong, as data: stored, shown and matched. Holds no secret and no stack. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  /** The id of the step that failed, once known. */
  readonly step?: string;
  /** What the downstream server or a `fail` step attached. */
  readonly data?: JsonValue;
  /** The server asked to wait this long before the next attempt, in milliseconds (`Retry-After`). */
  readonly retryAfterMs?: number;
}

/** A failure on its way up. The engine turns it into a retry, a branch or the task's outcome; it is never a bug. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure';
  readonly failure: Failure;
  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.message, options);
    this.failure = failure;
  }
}

/** Shorthand for `new StepFailure({code, message, …})`. */
export function stepFailure(
  code: FailureCode,
  message: string,
  more: Omit<Failure, 'code' | 'message'> = {},
): StepFailure {
  return new StepFailure({ code, message, ...more });
}

/**
 * The reason of an abort. `cancel`: the task was cancelled. `shutdown`: this process stops and the task goes on later.
 * `fenced`: another process runs the task now.
 */
export class Interruption extends Error {
  override readonly name = 'Interruption';
  readonly why: 'cancel' | 'shutdown' | 'fenced';
  constructor(why: 'cancel' | 'shutdown' | 'fenced') {
    super(why);
    this.why = why;
  }
}

/** The text a failed workflow shows: `step 'x' failed (code): message`. */
export function describeFailure(failure: Failure): string {
  return failure.step === undefined
    ? `failed (${failure.code}): ${failure.message}`
    : `step '${failure.step}' failed (${failure.code}): ${failure.message}`;
}

/** The message of anything thrown, for logs and for wrapping. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
