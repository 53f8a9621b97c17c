import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskStore } from '../../src/store/task-store.ts';
import { checkHistories, type Verdict } from './history-checker.ts';
import { KillLane, LANE_DEFINITIONS, type History } from './kill-lane.ts';
import { seededRandom } from './seeded-random.ts';
import { newWorkspace } from './workspace.ts';

/** What came of one server that was killed again and again. */
export interface Lane {
  readonly history: History;
  readonly verdict: Verdict;
}

/** What came of all of them, and the sum of what `of` says of each. */
export interface KillLoop {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly sum: (of: (lane: Lane) => number) => number;
}

/** Lanes on PostgreSQL instead of a data folder, each with an address of its own. */
export interface PostgresLanes {
  address(): string;
  open(address: string): Promise<TaskStore>;
}

/** Kills the servers of so many folders, side by side, at any moment, so many times each, and judges what is left. */
export async function killLoop(lanes: number, kills: number, postgres?: PostgresLanes): Promise<KillLoop> {
  const seed = Math.trunc(Math.random() * 1e9);
  const lived = await Promise.all(Array.from({ length: lanes }, (_, index) => live(seed + index, kills, postgres)));
  return {
    seed,
    violations: lived.flatMap(({ verdict }) => verdict.violations),
    sum: (of) => lived.reduce((total, lane) => total + of(lane), 0),
  };
}

async function live(seed: number, kills: number, postgres?: PostgresLanes): Promise<Lane> {
  const workspace = await newWorkspace({ definitions: LANE_DEFINITIONS, standIns: { ledger: {} } });
  const address = postgres?.address();
  if (address !== undefined)
    await writeFile(join(workspace.path, 'mcp-workflow.json'), JSON.stringify({ store: address }));
  const openStore = postgres === undefined || address === undefined ? undefined : () => postgres.open(address);
  const lane = new KillLane(workspace.path, seededRandom(seed), openStore === undefined ? {} : { openStore });
  try {
    for (let kill = 0; kill < kills; kill += 1) await lane.killOnce();
    await lane.finish();
    await lane.stop();
    const store = await lane.openStore();
    const verdict = await checkHistories(lane.history, workspace.ledger(), store);
    await store.close();
    return { history: lane.history, verdict };
  } finally {
    await lane.stop();
    await workspace.remove();
  }
}
