import { expect, it } from 'vitest';
import { killLoop } from '../support/kill-loop.ts';

const LANES = 2;
const KILLS_A_LANE = 8;

it('a few SIGKILLs at any moment lose nothing, and no committed step is called again', async () => {
  const { seed, violations, sum } = await killLoop(LANES, KILLS_A_LANE);
  expect(violations, `seed ${seed}`).toEqual([]);
  // Too little happened = nothing proven.
  expect(sum(({ history }) => history.kills)).toBeGreaterThanOrEqual(LANES * KILLS_A_LANE);
  expect(sum(({ history }) => history.killsOfWork)).toBeGreaterThan(0);
  expect(sum(({ verdict }) => verdict.statuses.get('completed') ?? 0)).toBeGreaterThan(0);
});
