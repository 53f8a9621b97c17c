import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';

/**
 * Repeats `body` every `ms` until the signal aborts. A body that fails is logged at debug level and runs again;
 * resolves when the last one has ended.
 */
export async function repeat(
  deps: { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal },
  what: string,
  ms: number,
  body: () => Promise<void>,
): Promise<void> {
  while (!deps.signal.aborted) {
    try {
      await deps.clock.sleep(ms, deps.signal);
      await body();
    } catch (error) {
      if (!deps.signal.aborted) deps.logger.debug({ what, error: messageOf(error) }, 'a background round failed');
    }
  }
}

/** Runs `work` for every item, at most `limit` at a time. Rejects with the first failure once all have settled. */
export async function eachOf<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const lane = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, lane));
  const failed = lanes.find((settled) => settled.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
