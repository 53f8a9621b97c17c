// Durable steps per second: five-step tasks, one at a time and a hundred at once, beside single commits of the same driver.
import { folder, open, runTasks } from './engine.mjs';
import { driverFloor } from './floor.mjs';
import { beside } from './numbers.mjs';

const STEPS = 5;
const step = (id, next) => ({ id, type: 'set', values: { n: next } });
const fiveSteps = {
  description: 'five steps that each read the one before',
  steps: [
    step('one', 1),
    step('two', '{{one.output.n}}'),
    step('three', '{{two.output.n}}'),
    step('four', '{{three.output.n}}'),
    step('five', '{{four.output.n}}'),
  ],
};

export const name = 'steps';

export async function* figures({ quick }) {
  const place = await folder({ five: fiveSteps });
  const engine = await open(place.path);
  const floor = await driverFloor();
  try {
    const rounds = quick ? 3 : 9;
    const commits = async () => (300 / (await floor.commits(300))) * 1000;
    for (const [width, count, goal] of [
      [1, 60, 0.7],
      [100, 400, 3],
    ]) {
      const seen = await beside(
        rounds,
        commits,
        async () => ((count * STEPS) / (await runTasks(engine, 'five', count, width))) * 1000,
      );
      yield {
        name: `durable steps/s, ${width} five-step task${width === 1 ? ' at a time' : 's at once'}`,
        unit: 'steps/s',
        ...seen,
        floorName: 'single durable commits/s',
        goal: { ratio: goal, at: 'least' },
      };
    }
  } finally {
    await floor.close();
    await engine.close();
    await place.remove();
  }
}
