/**
 * The only source of time below `compose`. Tests inject a manual one; nothing in `core` … `tasks` reads the global
 * clock.
 */
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
  // Not an async function: ten thousand tasks may wait, and each level of awaiting is half a kilobyte.
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const end = performance.now() + ms;
      let timer: NodeJS.Timeout | undefined;
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const look = (): void => {
        const left = end - performance.now();
        if (left > 0) {
          timer = setTimeout(look, Math.min(Math.ceil(left), MAX_TIMEOUT_MS));
          return;
        }
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      look();
      if (timer !== undefined) signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** What a date can hold, in milliseconds on either side of the epoch (ECMA-262). */
const LAST_DATE_MS = 8.64e15;

/**
 * ISO 8601 in UTC with milliseconds, the form of every time we show or store as text. Showing never throws: a time
 * beyond all dates is shown as the last one there is.
 */
export function isoTime(epochMs: number): string {
  const ms = Number.isNaN(epochMs) ? 0 : epochMs;
  return new Date(Math.min(LAST_DATE_MS, Math.max(-LAST_DATE_MS, ms))).toISOString();
}
