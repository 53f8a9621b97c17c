import { expect, it } from 'vitest';
import { dose } from '../support/dose.ts';
import { killLoop } from '../support/kill-loop.ts';

const LANES = 3;
const KILLS_A_LANE = dose(68, 1700);

it('200 SIGKILLs at any moment lose nothing, and no committed step is called again (D1 to D5, D8 to D10)', async () => {
  const { seed, violations, sum } = await killLoop(LANES, KILLS_A_LANE);
  expect(violations, `seed ${seed}`).toEqual([]);
  // Too little happened = nothing proven.
  expect(sum(({ history }) => history.kills)).toBeGreaterThanOrEqual(200);
  expect(sum(({ history }) => history.killsOfWork)).toBeGreaterThan(80);
  expect(sum(({ history }) => history.told.size)).toBeGreaterThan(150);
  expect(sum(({ verdict }) => verdict.statuses.get('completed') ?? 0)).toBeGreaterThan(80);
  expect(sum(({ verdict }) => verdict.statuses.get('cancelled') ?? 0)).toBeGreaterThan(5);
  expect(sum(({ verdict }) => verdict.repeated)).toBeGreaterThan(3);
});
