import type { Clock } from '../core/clock.ts';
import { stepFailure } from '../core/failure.ts';

export interface BreakerOptions {
  readonly server: string;
  /** Consecutive failures that open it. */
  readonly failures: number;
  /** How long calls are refused before one is let through as a trial. */
  readonly resetSeconds: number;
}

/**
 * Stops calling a server that fails. Closed: every call goes. Open: calls fail at once and say when to come back.
 * Half-open after
 * `resetSeconds`: one call goes as a trial, its success closes the breaker and its failure opens it again. Only trouble
 * with the server counts (`transport`, `timeout`), not what it answers.
 */
export class CircuitBreaker {
  private failures = 0;
  private openUntil = Number.NEGATIVE_INFINITY;
  private trial = false;
  private readonly options: BreakerOptions;
  private readonly clock: Clock;

  constructor(options: BreakerOptions, clock: Clock) {
    this.options = options;
    this.clock = clock;
  }

  get state(): 'closed' | 'open' | 'half_open' {
    if (this.failures < this.options.failures) return 'closed';
    return this.clock.monotonic() < this.openUntil ? 'open' : 'half_open';
  }

  /**
   * Throws a `transport` failure with `retryAfterMs` when the call must not go. Each call that may go ends in one
   * `settled`.
   */
  enter(): void {
    if (this.state === 'closed') return;
    if (this.state === 'half_open' && !this.trial) {
      this.trial = true;
      return;
    }
    const { server, failures, resetSeconds } = this.options;
    const wait = Math.max(0, Math.ceil(this.openUntil - this.clock.monotonic()));
    throw stepFailure(
      'transport',
      `server '${server}' is not called: its last ${Math.max(failures, this.failures)} calls failed; the next try is ${
        wait > 0 ? `in ${Math.ceil(wait / 1000)} s` : 'under way'
      }`,
      { retryAfterMs: wait > 0 ? wait : resetSeconds * 1000 },
    );
  }

  /** `unknown`: the call was aborted and says nothing about the server. */
  settled(how: 'answered' | 'failed' | 'unknown'): void {
    this.trial = false;
    if (how === 'unknown') return;
    if (how === 'answered') {
      this.failures = 0;
      return;
    }
    this.failures += 1;
    if (this.failures >= this.options.failures) {
      this.openUntil = this.clock.monotonic() + this.options.resetSeconds * 1000;
    }
  }
}
