import type { Clock } from '../core/clock.ts';

/**
 * The time by which a ttl is over, in epoch milliseconds: the wall clock, but never ahead of what the monotonic clock
 * has measured since this was made. A clock that jumps forward hides and removes nothing (D11); what it delays is found
 * at the next start.
 */
export class RetentionClock {
  readonly #clock: Clock;
  readonly #startWall: number;
  readonly #startMonotonic: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startWall = clock.now();
    this.#startMonotonic = clock.monotonic();
  }

  now(): number {
    const passed = this.#clock.monotonic() - this.#startMonotonic;
    return Math.min(this.#clock.now(), this.#startWall + passed);
  }
}
