import { backoffMs } from '../core/backoff.ts';
import { NOT_RETRIED_BY_DEFAULT, type Failure } from '../core/failure.ts';
import type { FailureMatch, RetryPolicy } from '../definition/model.ts';

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

/**
 * Milliseconds to wait before the next attempt, or `undefined` when there is none. `no_retry_on` beats `retry_on`; what
 * `retry_on` names is retried even where trying again is refused by default (`invalid_arguments`, …, and `interrupted`, since
 * such a step may have taken effect).
 */
export function retryDelayMs(
  policy: RetryPolicy | undefined,
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
