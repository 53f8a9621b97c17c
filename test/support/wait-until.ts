import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until `condition` holds and gives its value; fails with `what` after `ms`. For conditions outside this process. The time is no claim about speed: it
 * is what a machine with many other things to do may need.
 */
export async function waitUntil<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  ms = 60_000,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(20);
  }
}
