import { describe, expect, test } from 'vitest';
import { CircuitBreaker } from '../../../src/downstream/circuit-breaker.ts';
import { ManualClock } from '../../support/manual-clock.ts';

function breaker() {
  const clock = new ManualClock();
  return { clock, breaker: new CircuitBreaker({ server: 's', failures: 2, resetSeconds: 10 }, clock) };
}
const settle = (target: CircuitBreaker, ...how: ('answered' | 'failed' | 'unknown')[]): void => {
  for (const each of how) {
    target.enter();
    target.settled(each);
  }
};

describe('a circuit breaker', () => {
  test('opens after so many failures in a row and refuses calls with the time to come back', async () => {
    const { clock, breaker: it } = breaker();
    settle(it, 'failed', 'answered', 'failed');
    expect(it.state).toBe('closed');
    settle(it, 'failed');
    expect(it.state).toBe('open');
    await clock.advance(4000);
    expect(() => it.enter()).toThrowError(
      expect.objectContaining({
        failure: expect.objectContaining({ code: 'transport', retryAfterMs: 6000 }) as unknown,
      }) as Error,
    );
  });

  test('lets one call through as a trial after the reset time; its success closes it', async () => {
    const { clock, breaker: it } = breaker();
    settle(it, 'failed', 'failed');
    await clock.advance(10_000);
    expect(it.state).toBe('half_open');
    it.enter();
    expect(() => it.enter()).toThrow('under way');
    it.settled('answered');
    expect(it.state).toBe('closed');
    settle(it, 'failed');
    expect(it.state).toBe('closed');
  });

  test('a trial that fails opens it again, one that was aborted lets the next one try', async () => {
    const { clock, breaker: it } = breaker();
    settle(it, 'failed', 'failed');
    await clock.advance(10_000);
    settle(it, 'unknown');
    expect(it.state).toBe('half_open');
    settle(it, 'failed');
    expect(it.state).toBe('open');
    await clock.advance(9999);
    expect(it.state).toBe('open');
  });
});
