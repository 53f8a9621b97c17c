import { afterAll, beforeAll, expect, it } from 'vitest';
import { killLoop } from '../support/kill-loop.ts';
import { Cluster } from '../support/postgres-cluster.ts';
import { openPostgresStore } from '../support/postgres-store.ts';

const LANES = 2;
const KILLS_A_LANE = 8;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(() => cluster.remove());

it('on PostgreSQL, SIGKILLs of the server at any moment lose nothing, and no committed step is called again (D1 to D5, D8 to D10)', async () => {
  const postgres = { address: () => cluster.address(), open: openPostgresStore };
  const { seed, violations, sum } = await killLoop(LANES, KILLS_A_LANE, postgres);
  expect(violations, `seed ${seed}`).toEqual([]);
  // Too little happened = nothing proven.
  expect(sum(({ history }) => history.kills)).toBeGreaterThanOrEqual(LANES * KILLS_A_LANE);
  expect(sum(({ history }) => history.killsOfWork)).toBeGreaterThan(0);
  expect(sum(({ verdict }) => verdict.statuses.get('completed') ?? 0)).toBeGreaterThan(0);
});
