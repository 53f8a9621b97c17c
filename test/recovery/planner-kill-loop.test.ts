import { expect, it } from 'vitest';
import { dose } from '../support/dose.ts';
import { PlannerLane } from '../support/planner-lane.ts';
import { emptyWorkspace } from '../support/planner-server.ts';
import { seededRandom } from '../support/seeded-random.ts';

const KILLS = dose(110, 600);

it('over 100 SIGKILLs of two servers on one folder: what the planner answered is there, once, and nothing else', async () => {
  const seed = Math.trunc(Math.random() * 1e9);
  const workspace = await emptyWorkspace();
  const lane = new PlannerLane(workspace.dir, seededRandom(seed));
  try {
    await lane.live(KILLS);
    expect(lane.violations, `seed ${seed}`).toEqual([]);
    // Too little happened = nothing proven.
    expect(lane.kills).toBeGreaterThanOrEqual(KILLS);
    expect(lane.unanswered).toBeGreaterThan(KILLS / 2);
    expect(lane.acknowledged).toBeGreaterThan(KILLS * 4);
    expect(lane.known.filter(({ completed }) => completed).length).toBeGreaterThan(10);
    expect(lane.added.length).toBeGreaterThan(20);
  } finally {
    await lane.stop();
    await workspace.remove();
  }
});
