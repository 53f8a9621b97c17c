import type { Clock } from '../core/clock.ts';

/** Thrown inside the room when a deadline has passed; never leaves it. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed';
}

/**
 * Runs `work` with a signal that aborts when `signal` does or after `ms`. Settles as soon as that happens, whatever
 * `work` does: rejects with the reason of `signal`, or with `DeadlinePassed`. Leaves no timer and no listener behind.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const timer = new AbortController();
  const scope = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    scope.signal.addEventListener('abort', () => reject(asError(scope.signal.reason)), { once: true });
  });
  const onAbort = (): void => scope.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  clock.sleep(ms, timer.signal).then(
    () => scope.abort(new DeadlinePassed()),
    () => undefined,
  );
  try {
    return await Promise.race([work(scope.signal), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    timer.abort(new DeadlinePassed());
  }
}

/**
 * Settles with `promise`, or rejects with the signal's reason as soon as it aborts. What `promise` stands for goes on.
 */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(asError(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
