import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { StoredEntry } from '../../src/engine/journal.ts';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { checkHistories } from '../support/history-checker.ts';
import type { Left } from '../support/history-checker.ts';
import { KillLane } from '../support/kill-lane.ts';
import { randomTree } from '../support/random-tree.ts';
import type { RandomTree } from '../support/random-tree.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { newWorkspace } from '../support/workspace.ts';

const MINUTES = Number(process.env['SOAK_MINUTES'] ?? '1');
const SEED = Number(process.env['SOAK_SEED'] ?? String(Math.trunc(Math.random() * 1e9)));
const TREES = 12;
const CHILDREN = 3;
const KILLS_A_ROUND = 10;
const canLimitFiles = spawnSync('prlimit', ['--version']).status === 0;

/** What a task left behind against what the engine does with the same tree when nothing goes wrong. */
function against(
  trees: ReadonlyMap<string, RandomTree>,
  { taskId, workflow, status }: Left,
  journal: readonly StoredEntry[],
): readonly string[] {
  const tree = trees.get(workflow);
  if (tree === undefined) return [`${taskId} is of no known workflow: ${workflow}`];
  if (status === 'cancelled') return [];
  const left = journal.flatMap((entry) => (entry.type === 'finished' ? [`${entry.path} ${entry.result.status}`] : []));
  if (status === tree.status && left.toSorted().join('\n') === tree.checkpoints.join('\n')) return [];
  const differs = [
    ...left.filter((one) => !tree.checkpoints.includes(one)),
    ...tree.checkpoints.filter((one) => !left.includes(one)),
  ];
  return [`${taskId} (${workflow}) is ${status}, simulated ${tree.status}; differs in ${differs.join(', ')}`];
}

/** One folder, twelve trees and three that they start, ten kills, and the comparison. */
async function round(seed: number): Promise<string> {
  const began = performance.now();
  const random = seededRandom(seed);
  const trees = new Map<string, RandomTree>();
  const children = Array.from({ length: CHILDREN }, (_, index) => `child_${index}`);
  for (const name of children) trees.set(name, await randomTree({ name, random, calm: true }));
  const workflows = Array.from({ length: TREES }, (_, index) => `tree_${index}`);
  for (const name of workflows) trees.set(name, await randomTree({ name, random, children }));
  const definitions = Object.fromEntries([...trees.values()].map(({ name, json }) => [`${name}.json`, json]));
  const workspace = await newWorkspace({ definitions, standIns: { ledger: {} }, ownDisk: canLimitFiles });
  const lane = new KillLane(workspace.path, random, {
    workflows,
    diskFaults: canLimitFiles,
    cancels: 0.01,
  });
  try {
    for (let kill = 0; kill < KILLS_A_ROUND; kill += 1) await lane.killOnce();
    await lane.finish();
    await lane.stop();
    const store = await KeyvTaskStore.open(join(workspace.path, 'data', 'tasks.sqlite'));
    const { history } = lane;
    const statuses = new Map<string, number>();
    const verdict = await checkHistories(history, workspace.ledger(), store, (left, journal) => {
      statuses.set(left.status, (statuses.get(left.status) ?? 0) + 1);
      return against(trees, left, journal);
    });
    await store.close();
    expect(verdict.violations, `seed ${seed}: npm run soak -- --minutes 1 --seed ${seed}`).toEqual([]);
    // Too little happened = nothing proven.
    const failedCalls = workspace.ledger().filter(({ tool }) => tool === 'flaky' || tool === 'crash').length;
    expect(history.killsOfWork, `kills that met work, seed ${seed}`).toBeGreaterThan(KILLS_A_ROUND / 4);
    expect(history.diskFull, `full disks, seed ${seed}`).toBeGreaterThanOrEqual(canLimitFiles ? 1 : 0);
    expect(failedCalls, `calls that failed, seed ${seed}`).toBeGreaterThan(0);
    expect(statuses.get('completed') ?? 0, `completed tasks, seed ${seed}`).toBeGreaterThanOrEqual(3);
    const ends = [...statuses].map(([status, count]) => `${count} ${status}`).join(', ');
    const seconds = Math.round((performance.now() - began) / 1000);
    return `seed ${seed}: ${seconds} s, ${history.kills} kills (${history.killsOfWork} of work), ${history.diskFull} full disks, ${history.told.size} calls for tasks (${ends}, children counted), ${verdict.calls} calls (${failedCalls} of what fails), ${verdict.repeated} steps called again`;
  } finally {
    await lane.stop();
    await workspace.remove();
  }
}

it(`random trees for ${MINUTES} minutes, from seed ${SEED}`, { timeout: (MINUTES + 15) * 60_000 }, async () => {
  const end = performance.now() + MINUTES * 60_000;
  for (let seed = SEED; seed === SEED || performance.now() < end; seed += 1) {
    process.stdout.write(`${await round(seed)}\n`);
  }
});
