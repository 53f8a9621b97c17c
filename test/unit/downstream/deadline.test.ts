import { describe, expect, test } from 'vitest';
import { DeadlinePassed, untilAborted, withDeadline } from '../../../src/downstream/deadline.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const forever = new Promise<never>(() => undefined);

describe('a deadline', () => {
  test('passes the result on and leaves no timer behind', async () => {
    const clock = new ManualClock();
    expect(await withDeadline(clock, 1000, new AbortController().signal, () => Promise.resolve('done'))).toBe('done');
    expect(clock.sleeping).toBe(0);
  });

  test('ends work that does not listen, and aborts its signal', async () => {
    const clock = new ManualClock();
    let inner: AbortSignal | undefined;
    const work = withDeadline(clock, 1000, new AbortController().signal, (signal) => {
      inner = signal;
      return forever;
    });
    const outcome = expect(work).rejects.toBeInstanceOf(DeadlinePassed);
    await clock.advance(1000);
    await outcome;
    expect(inner?.aborted).toBe(true);
  });

  test('an abort from outside comes through with its reason, at once', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const work = withDeadline(clock, 1000, controller.signal, () => forever);
    controller.abort(new Error('cancelled'));
    await expect(work).rejects.toBe(controller.signal.reason);
    expect(clock.sleeping).toBe(0);
    await expect(withDeadline(clock, 1, controller.signal, () => Promise.resolve(1))).rejects.toBe(
      controller.signal.reason,
    );
  });

  test('a failure of the work is the failure', async () => {
    const clock = new ManualClock();
    await expect(
      withDeadline(clock, 1000, new AbortController().signal, () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no');
    expect(clock.sleeping).toBe(0);
  });
});

describe('waiting until aborted', () => {
  test('gives the value, or the reason of the abort', async () => {
    const controller = new AbortController();
    expect(await untilAborted(Promise.resolve(1), controller.signal)).toBe(1);
    const waiting = untilAborted(forever, controller.signal);
    controller.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow('stop');
  });
});
