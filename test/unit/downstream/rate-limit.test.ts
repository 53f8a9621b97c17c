import { describe, expect, test } from 'vitest';
import { RateLimit } from '../../../src/downstream/rate-limit.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const never = new AbortController().signal;

describe('a rate limit', () => {
  test('lets no more calls go in a minute than it says, beyond the burst, in the order they came', async () => {
    const clock = new ManualClock({ auto: true });
    const limit = new RateLimit(60, clock);
    const times: number[] = [];
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 70 }, async (_, index) => {
        await limit.wait(never);
        times.push(clock.monotonic());
        order.push(index);
      }),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(times.filter((time) => time === 0)).toHaveLength(6);
    for (const start of times) {
      expect(times.filter((time) => time >= start && time < start + 60_000).length).toBeLessThanOrEqual(66);
    }
    expect(times.at(-1)).toBe(64_000);
  });

  test('what was not used is not saved up beyond the burst', async () => {
    const clock = new ManualClock({ auto: true });
    const limit = new RateLimit(10, clock);
    await limit.wait(never);
    await clock.sleep(3_600_000);
    const start = clock.monotonic();
    await limit.wait(never);
    await limit.wait(never);
    expect(clock.monotonic() - start).toBe(6000);
  });

  test('an aborted wait rejects with the reason', async () => {
    const clock = new ManualClock();
    const limit = new RateLimit(1, clock);
    await limit.wait(never);
    const controller = new AbortController();
    const waiting = limit.wait(controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(clock.sleeping).toBe(0);
  });
});
