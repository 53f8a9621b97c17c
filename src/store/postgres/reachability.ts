import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { PostgresError } from './failures.ts';

/** The first try is made soon, as most servers are back at once behind another address. */
const BACKOFF = { kind: 'exponential', delaySeconds: 0.1, maxDelaySeconds: 5, jitter: true } as const;

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Whether the server can be reached. Once it is lost, one loop with back-off tries to get it back, for everybody: a
 * thousand readers do not hammer a server that starts. Those who ask meanwhile wait for a moment, so that a short
 * restart is no failure at all, and are then told the reason.
 */
export class Reachability {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #attempt: () => Promise<void>;
  readonly #patienceMs: number;
  readonly #closed = new AbortController();
  readonly #waiting = new Set<Waiting>();
  #reason: PostgresError | undefined;

  /** @param attempt resolves when the server can be used again */
  constructor(deps: {
    readonly clock: Clock;
    readonly random: () => number;
    readonly patienceMs: number;
    readonly attempt: () => Promise<void>;
  }) {
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#attempt = deps.attempt;
    this.#patienceMs = deps.patienceMs;
  }

  /**
   * Resolves when the server can be used, at once while nothing is known against it; rejects with the reason after the
   * time of patience.
   */
  async ready(): Promise<void> {
    if (this.#closed.signal.aborted) throw closedError();
    if (this.#reason === undefined) return;
    const enough = new AbortController();
    try {
      await new Promise<void>((resolve, reject) => {
        const waiting = { resolve, reject };
        this.#waiting.add(waiting);
        const late = (): void => {
          if (this.#waiting.delete(waiting)) reject(this.#reason ?? closedError());
        };
        this.#clock.sleep(this.#patienceMs, enough.signal).then(late, () => undefined);
      });
    } finally {
      enough.abort();
    }
  }

  /** The server was lost: by whoever noticed. */
  lost(reason: PostgresError): void {
    const known = this.#reason !== undefined;
    this.#reason = reason;
    if (!known) void this.#comeBack();
  }

  /** Ends the loop; everybody who waits is rejected. */
  close(): void {
    this.#closed.abort();
    this.#settle(({ reject }) => reject(closedError()));
  }

  async #comeBack(): Promise<void> {
    for (let attempt = 1; !this.#closed.signal.aborted; attempt += 1) {
      try {
        await this.#clock.sleep(backoffMs(BACKOFF, attempt, this.#random()), this.#closed.signal);
        await this.#attempt();
        this.#reason = undefined;
        this.#settle(({ resolve }) => resolve());
        return;
      } catch (error) {
        if (error instanceof PostgresError) this.#reason = error;
      }
    }
  }

  #settle(tell: (waiting: Waiting) => void): void {
    const all = [...this.#waiting];
    this.#waiting.clear();
    all.forEach(tell);
  }
}

function closedError(): PostgresError {
  return new PostgresError('io', 'the store is closed');
}
