import type { Clock } from '../../src/core/clock.ts';

interface Sleeper {
  readonly at: number;
  wake(): void;
}

/**
 * A clock that stands still until it is told to go on. With `auto` it jumps to the next sleeper as soon as nothing else
 * is left to do in this process (a turn of the event loop passes without a new sleeper or wake-up).
 */
export class ManualClock implements Clock {
  #wall: number;
  #elapsed = 0;
  readonly #sleepers = new Set<Sleeper>();
  readonly #auto: boolean;
  #armed = false;
  #waiters: (() => void)[] = [];

  constructor(options: { readonly now?: number; readonly auto?: boolean } = {}) {
    this.#wall = options.now ?? Date.UTC(2026, 0, 1);
    this.#auto = options.auto ?? false;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  /** Number of sleeps that wait. */
  get sleeping(): number {
    return this.#sleepers.size;
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
      for (const waiter of this.#waiters.splice(0)) waiter();
      if (this.#auto) this.#arm();
    });
  }

  /** Resolves when at least `count` sleeps wait. */
  async untilSleeping(count = 1): Promise<void> {
    while (this.#sleepers.size < count) {
      await new Promise<void>((resolve) => {
        this.#waiters.push(resolve);
      });
    }
  }

  /** Lets time pass, waking what is due, in order, each before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    for (;;) {
      const next = this.#earliest();
      if (next === undefined || next.at > end) break;
      this.#jump(next.at - this.#elapsed);
      next.wake();
      await turn();
    }
    this.#jump(end - this.#elapsed);
    await turn();
  }

  /** Lets time pass, 100 ms at a time, until the promise has settled. Fails after an hour of it. */
  async during<T>(promise: Promise<T>): Promise<T> {
    const state = { settled: false };
    const mark = (): void => {
      state.settled = true;
    };
    promise.then(mark, mark);
    const end = this.#elapsed + 3_600_000;
    await turn();
    while (!state.settled) {
      if (this.#elapsed > end) throw new Error('not settled within an hour');
      await this.advance(100);
    }
    return promise;
  }

  /** Sets the wall clock, as an operator or NTP would; sleeps do not notice. */
  setWall(epochMs: number): void {
    this.#wall = epochMs;
  }

  #jump(ms: number): void {
    this.#elapsed += ms;
    this.#wall += ms;
  }

  #earliest(): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) if (first === undefined || sleeper.at < first.at) first = sleeper;
    return first;
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    void turn()
      .then(turn)
      .then(() => {
        this.#armed = false;
        const next = this.#earliest();
        if (next === undefined) return;
        this.#jump(next.at - this.#elapsed);
        next.wake();
        this.#arm();
      });
  }
}

/** Everything that can run without time passing has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
