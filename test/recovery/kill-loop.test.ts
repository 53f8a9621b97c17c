import { join } from 'node:path';
import { expect, it } from 'vitest';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { dose } from '../support/dose.ts';
import { checkHistories } from '../support/history-checker.ts';
import type { Verdict } from '../support/history-checker.ts';
import { KillLane, LANE_DEFINITIONS } from '../support/kill-lane.ts';
import type { History } from '../support/kill-lane.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { newWorkspace } from '../support/workspace.ts';

const LANES = 3;
const KILLS_A_LANE = dose(68, 1700);

interface Lane {
  readonly history: History;
  readonly verdict: Verdict;
}

async function live(seed: number): Promise<Lane> {
  const workspace = await newWorkspace({ definitions: LANE_DEFINITIONS, standIns: { ledger: {} } });
  const lane = new KillLane(workspace.path, seededRandom(seed));
  try {
    for (let kill = 0; kill < KILLS_A_LANE; kill += 1) await lane.killOnce();
    await lane.finish();
    await lane.stop();
    const store = await KeyvTaskStore.open(join(workspace.path, 'data', 'tasks.sqlite'));
    const verdict = await checkHistories(lane.history, workspace.ledger(), store);
    await store.close();
    return { history: lane.history, verdict };
  } finally {
    await lane.stop();
    await workspace.remove();
  }
}

it(
  '200 SIGKILLs at any moment lose nothing, and no committed step is called again (D1 to D5, D8 to D10)',
  {
    timeout: dose(3_600_000, 36_000_000),
  },
  async () => {
    const seed = Math.trunc(Math.random() * 1e9);
    const lanes = await Promise.all(Array.from({ length: LANES }, (_, index) => live(seed + index)));
    const sum = (of: (lane: Lane) => number): number => lanes.reduce((total, lane) => total + of(lane), 0);
    const violations = lanes.flatMap(({ verdict }) => verdict.violations);
    expect(violations, `seed ${seed}`).toEqual([]);
    // Too little happened = nothing proven.
    expect(sum(({ history }) => history.kills)).toBeGreaterThanOrEqual(200);
    expect(sum(({ history }) => history.killsOfWork)).toBeGreaterThan(80);
    expect(sum(({ history }) => history.told.size)).toBeGreaterThan(150);
    expect(sum(({ verdict }) => verdict.statuses.get('completed') ?? 0)).toBeGreaterThan(80);
    expect(sum(({ verdict }) => verdict.statuses.get('cancelled') ?? 0)).toBeGreaterThan(5);
    expect(sum(({ verdict }) => verdict.repeated)).toBeGreaterThan(3);
  },
);
