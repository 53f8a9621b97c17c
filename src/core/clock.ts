/** The only source of time below `compose`. Tests inject a manual one; nothing in `core` … `tasks` reads the global clock. */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch. May jump either way. */
  now(): number;
  /** Milliseconds from an arbitrary start. Never goes back: use it to measure and to wait. */
  monotonic(): number;
  /**
   * Resolves after at least `ms` milliseconds by the monotonic clock. Delays over 24.8 days are fine.
   * Rejects with the signal's reason as soon as `signal` aborts; the timer is then gone.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The longest delay `setTimeout` takes; a longer one fires at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The machine's clock. Waits do not keep the process alive longer than its transports do. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    const end = performance.now() + ms;
    for (;;) {
      const left = end - performance.now();
      if (left <= 0) return signal?.throwIfAborted();
      await timeout(Math.min(Math.ceil(left), MAX_TIMEOUT_MS), signal);
    }
  },
};

function timeout(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** ISO 8601 in UTC with milliseconds, the form of every time we show or store as text. */
export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
