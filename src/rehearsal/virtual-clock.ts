import type { Clock } from '../core/clock.ts';

interface Sleeper {
  readonly at: number;
  wake(): void;
}

/**
 * A clock for runs without an outside world: nobody waits. As soon as everything else has run it jumps to the next
 * sleeper, so a day of `wait` takes no time and everything still happens in the order of the times.
 */
export class VirtualClock implements Clock {
  readonly #start: number;
  #elapsed = 0;
  readonly #sleepers = new Set<Sleeper>();
  #armed = false;

  /** @param start wall-clock time at which the run begins, in milliseconds since the epoch */
  constructor(start: number) {
    this.#start = start;
  }

  now(): number {
    return this.#start + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (ms <= 0) return;
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper: Sleeper = {
        at: this.#elapsed + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.add(sleeper);
      this.#arm();
    });
  }

  /**
   * A run that works goes on through promises and turns of the event loop alone; two of them without news mean that it
   * only waits.
   */
  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    void turn()
      .then(turn)
      .then(() => {
        this.#armed = false;
        let next: Sleeper | undefined;
        for (const sleeper of this.#sleepers) if (next === undefined || sleeper.at < next.at) next = sleeper;
        if (next === undefined) return;
        this.#elapsed = Math.max(this.#elapsed, next.at);
        next.wake();
        this.#arm();
      });
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
