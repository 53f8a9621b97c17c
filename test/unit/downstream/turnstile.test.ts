import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Turnstile } from '../../../src/downstream/turnstile.ts';

const never = new AbortController().signal;

describe('a turnstile', () => {
  test('never lets more in than its limit, loses nobody, and is empty at the end, whoever gives up', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.record({ stay: fc.nat(4), abortAfter: fc.option(fc.nat(6), { nil: undefined }) }), {
          maxLength: 25,
        }),
        async (limit, visitors) => {
          const turnstile = new Turnstile(limit);
          let inside = 0;
          let most = 0;
          let entered = 0;
          let gaveUp = 0;
          await Promise.all(
            visitors.map(async ({ stay, abortAfter }) => {
              const controller = new AbortController();
              if (abortAfter !== undefined) void turns(abortAfter).then(() => controller.abort(new Error('gave up')));
              try {
                const leave = await turnstile.enter(controller.signal);
                inside += 1;
                entered += 1;
                most = Math.max(most, inside);
                await turns(stay);
                inside -= 1;
                leave();
                leave();
              } catch {
                gaveUp += 1;
              }
            }),
          );
          expect(most).toBeLessThanOrEqual(limit);
          expect(entered + gaveUp).toBe(visitors.length);
          expect(turnstile.load).toEqual({ inside: 0, waiting: 0 });
        },
      ),
    );
  });

  test('lets the waiting in in their order', async () => {
    const turnstile = new Turnstile(1);
    const leave = await turnstile.enter(never);
    const order: string[] = [];
    const waiting = ['a', 'b', 'c'].map(async (name) => {
      const out = await turnstile.enter(never);
      order.push(name);
      out();
    });
    leave();
    await Promise.all(waiting);
    expect(order).toEqual(['a', 'b', 'c']);
  });
});

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}
