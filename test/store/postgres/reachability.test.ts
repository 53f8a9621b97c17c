import { describe, expect, it } from 'vitest';
import { PostgresError } from '../../../src/store/postgres/failures.ts';
import { Reachability } from '../../../src/store/postgres/reachability.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const PATIENCE_MS = 3000;

/** A server that is away until it is told otherwise. */
function world() {
  const clock = new ManualClock();
  const state = { up: false, attempts: [] as number[] };
  const reachability = new Reachability({
    clock,
    random: () => 1,
    patienceMs: PATIENCE_MS,
    attempt: () => {
      state.attempts.push(clock.monotonic());
      return state.up ? Promise.resolve() : Promise.reject(new PostgresError('io', 'refused', { lost: true }));
    },
  });
  return { clock, state, reachability };
}

const LOST = new PostgresError('io', 'broken', { lost: true });

describe('Reachability', () => {
  it('lets everybody through while nothing is known against the server, and tries nothing', async () => {
    const { state, reachability } = world();
    await reachability.ready();
    expect(state.attempts).toEqual([]);
  });

  it('tries again with growing pauses of at most five seconds, one try at a time, however many have noticed', async () => {
    const { clock, state, reachability } = world();
    for (let n = 0; n < 100; n += 1) reachability.lost(LOST);
    await clock.advance(30_000);
    const pauses = state.attempts.map((at, index) => at - (state.attempts[index - 1] ?? 0));
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000]);
  });

  it('lets those who wait through when the server is back', async () => {
    const { clock, state, reachability } = world();
    reachability.lost(LOST);
    const all = Promise.all(Array.from({ length: 10 }, () => reachability.ready()));
    await clock.advance(250);
    state.up = true;
    await clock.during(all);
    await reachability.ready();
    expect(clock.sleeping).toBe(0);
  });

  it('tells whoever waits the last reason when patience is over, and goes on trying', async () => {
    const { clock, state, reachability } = world();
    reachability.lost(LOST);
    const waiting = reachability.ready().then(
      () => 'through',
      (error: unknown) => error,
    );
    await clock.advance(PATIENCE_MS);
    expect(await waiting).toMatchObject({ message: 'refused' });
    state.up = true;
    await clock.advance(5000);
    await reachability.ready();
  });

  it('rejects everybody and stops trying when it is closed', async () => {
    const { clock, state, reachability } = world();
    reachability.lost(LOST);
    const waiting = reachability.ready().catch((error: unknown) => error);
    reachability.close();
    expect(await waiting).toMatchObject({ message: 'the store is closed' });
    await expect(reachability.ready()).rejects.toThrow('closed');
    const { length } = state.attempts;
    await clock.advance(60_000);
    expect(state.attempts).toHaveLength(length);
    expect(clock.sleeping).toBe(0);
  });
});
