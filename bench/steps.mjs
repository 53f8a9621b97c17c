// Durable steps per second: five-step tasks, one at a time and a hundred at once, beside single commits of the same
// driver. Steps that compute may share commits; steps with an effect each have one of their own.
import { folder, open, runTasks } from './engine.mjs';
import { driverFloor } from './floor.mjs';
import { beside } from './numbers.mjs';

const STEPS = 5;
const compute = (id, before) => ({
  id,
  type: 'set',
  values: { n: before === undefined ? 1 : `{{${before}.output.n}}` },
});
const effect = (id, before) => ({ id, type: 'emit', message: `${id} {{${before ?? id}.status}}` });
const five = (step) => ({
  description: 'five steps that each read the one before',
  steps: ['one', 'two', 'three', 'four', 'five'].map((id, at, ids) => step(id, ids[at - 1])),
});
const definitions = { five: five(compute), effects: five(effect) };

export const name = 'steps';

export async function* figures({ quick }) {
  const place = await folder(definitions);
  const engine = await open(place.path);
  const floor = await driverFloor();
  try {
    const rounds = quick ? 3 : 9;
    const commits = async () => (300 / (await floor.commits(300))) * 1000;
    for (const [workflow, width, count, goal] of [
      ['five', 1, 120, 0.7],
      ['five', 100, 800, 3],
      ['effects', 1, 120],
      ['effects', 100, 800],
    ]) {
      const seen = await beside(
        rounds,
        commits,
        async () => ((count * STEPS) / (await runTasks(engine, workflow, count, width))) * 1000,
      );
      yield {
        name: `durable steps/s, ${width} five-step task${width === 1 ? ' at a time' : 's at once'}${workflow === 'effects' ? ', each step with an effect' : ''}`,
        unit: 'steps/s',
        ...seen,
        floorName: 'single durable commits/s',
        ...(goal === undefined ? {} : { goal: { ratio: goal, at: 'least' } }),
      };
    }
  } finally {
    await floor.close();
    await engine.close();
    await place.remove();
  }
}
