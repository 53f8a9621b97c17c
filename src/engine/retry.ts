import { backoffMs } from '../core/backoff.ts';
import { NOT_RETRIED_BY_DEFAULT, type Failure } from '../core/failure.ts';
import type { JsonValue } from '../core/json.ts';
import type { FailureMatch, RetryPolicy } from '../definition/model.ts';
import { COUNT, numberOf, POSITIVE_SECONDS, SOME_SECONDS } from './numbers.ts';

/** Without `delay_seconds` a retry comes at once. */
const DEFAULT_DELAY_SECONDS = 0;
/** A server's `Retry-After` is believed up to an hour. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Whether any of the matches fits: an error code, or a text that the message contains, whatever its case. */
export function matchesFailure(failure: Failure, matches: readonly FailureMatch[]): boolean {
  const message = failure.message.toLowerCase();
  return matches.some((match) =>
    typeof match === 'string' ? match === failure.code : message.includes(match.contains.toLowerCase()),
  );
}

/** A policy whose numbers are numbers. */
export type NumberedPolicy = Omit<RetryPolicy, 'max_attempts' | 'delay_seconds' | 'max_delay_seconds'> & {
  readonly max_attempts: number;
  readonly delay_seconds?: number;
  readonly max_delay_seconds?: number;
};

/** The policy with its templates rendered. Throws `invalid_arguments` for one that gives no number that fits. */
export async function retryNumbers(
  policy: RetryPolicy,
  render: (text: string) => Promise<JsonValue>,
): Promise<NumberedPolicy> {
  const { max_attempts: attempts, delay_seconds: delay, max_delay_seconds: most, ...rest } = policy;
  return {
    ...rest,
    max_attempts: await numberOf(attempts, 'retry.max_attempts', COUNT, render),
    ...(delay === undefined
      ? {}
      : { delay_seconds: await numberOf(delay, 'retry.delay_seconds', SOME_SECONDS, render) }),
    ...(most === undefined
      ? {}
      : { max_delay_seconds: await numberOf(most, 'retry.max_delay_seconds', POSITIVE_SECONDS, render) }),
  };
}

/**
 * Milliseconds to wait before the next attempt, or `undefined` when there is none. `no_retry_on` beats `retry_on`; what
 * `retry_on` names is retried even where trying again is refused by default (`invalid_arguments`, …, and `interrupted`,
 * since such a step may have taken effect).
 */
export function retryDelayMs(
  policy: NumberedPolicy | undefined,
  failure: Failure,
  attempt: number,
  random: () => number,
): number | undefined {
  if (policy === undefined || attempt >= policy.max_attempts) return undefined;
  if (policy.no_retry_on !== undefined && matchesFailure(failure, policy.no_retry_on)) return undefined;
  const wanted =
    policy.retry_on === undefined
      ? !NOT_RETRIED_BY_DEFAULT.has(failure.code) && failure.code !== 'interrupted'
      : matchesFailure(failure, policy.retry_on);
  if (!wanted) return undefined;
  const delay = backoffMs(
    {
      kind: policy.backoff ?? 'fixed',
      delaySeconds: policy.delay_seconds ?? DEFAULT_DELAY_SECONDS,
      ...(policy.max_delay_seconds === undefined ? {} : { maxDelaySeconds: policy.max_delay_seconds }),
      ...(policy.jitter === undefined ? {} : { jitter: policy.jitter }),
    },
    attempt,
    policy.jitter === true ? random() : 0,
  );
  return Math.max(delay, Math.min(failure.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS));
}
