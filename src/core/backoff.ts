/**
 * The delay before an attempt. `delaySeconds` is the first; `maxDelaySeconds` caps every one; `jitter` takes 50–100 %
 * of it.
 */
export interface Backoff {
  readonly kind: 'fixed' | 'linear' | 'exponential';
  readonly delaySeconds: number;
  readonly maxDelaySeconds?: number;
  readonly jitter?: boolean;
}

/** Without `max_delay_seconds` no delay grows beyond an hour. */
const DEFAULT_MAX_DELAY_SECONDS = 3600;

/**
 * Milliseconds to wait after attempt number `failedAttempt` (1-based) has failed: fixed d,d,d · linear d,2d,3d ·
 * exponential d,2d,4d.
 * @param random a number in [0, 1), used only with `jitter`
 */
export function backoffMs(backoff: Backoff, failedAttempt: number, random: number): number {
  const cap = backoff.maxDelaySeconds ?? Math.max(DEFAULT_MAX_DELAY_SECONDS, backoff.delaySeconds);
  const seconds = Math.min(cap, backoff.delaySeconds * factor(backoff.kind, failedAttempt));
  return Math.round(seconds * 1000 * (backoff.jitter === true ? 0.5 + random / 2 : 1));
}

function factor(kind: Backoff['kind'], failedAttempt: number): number {
  switch (kind) {
    case 'fixed':
      return 1;
    case 'linear':
      return failedAttempt;
    case 'exponential':
      return 2 ** (failedAttempt - 1);
  }
}
