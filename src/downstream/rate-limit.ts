import type { Clock } from '../core/clock.ts';

/**
 * At most `perMinute` calls in any minute, spread evenly with a small burst (a tenth of a minute's worth, at least
 * one). Calls over the rate wait in the order they came.
 */
export class RateLimit {
  private readonly intervalMs: number;
  private readonly burst: number;
  private readonly clock: Clock;
  /** When a call that comes now could go, if there had never been a pause: the theoretical arrival time. */
  private nextAt = Number.NEGATIVE_INFINITY;

  constructor(perMinute: number, clock: Clock) {
    this.intervalMs = 60_000 / perMinute;
    this.burst = Math.max(1, Math.floor(perMinute / 10));
    this.clock = clock;
  }

  /** Resolves when the call may go. Rejects with the signal's reason; the slot it had taken is lost then. */
  async wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const ms = this.reserve();
    if (ms > 0) await this.clock.sleep(ms, signal);
  }

  /** Takes the next slot: milliseconds until it comes, 0 = now. */
  reserve(): number {
    const now = this.clock.monotonic();
    const earliest = now - (this.burst - 1) * this.intervalMs;
    const at = Math.max(this.nextAt, earliest);
    this.nextAt = at + this.intervalMs;
    return Math.max(0, at - now);
  }
}
