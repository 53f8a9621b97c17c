// What a step costs inside blocks: ten thousand items of a foreach, and a graph of a thousand steps.
import { folder, open, runTasks } from './engine.mjs';
import { driverFloor } from './floor.mjs';
import { beside } from './numbers.mjs';

const ITEMS = 10_000;
const NODES = 1000;

export const name = 'blocks';

export async function* figures({ quick }) {
  const items = Array.from({ length: ITEMS }, (_, at) => at);
  const compute = { id: 'one', type: 'set', values: { at: '{{item}}' } };
  const effect = { id: 'one', type: 'emit', message: '{{item}}' };
  const each = (width, step = compute) => ({
    description: 'ten thousand items',
    input_schema: { type: 'object', properties: { items: { type: 'array' } } },
    steps: [
      {
        ...{ id: 'each', type: 'foreach', items: '{{input.items}}', max_concurrency: width },
        steps: [step],
      },
    ],
  });
  const node = (at) => ({
    ...{ id: `n${at}`, type: 'set', values: { at } },
    ...(at < 10 ? {} : { depends_on: [`n${at - 10}`, `n${at - 1 - (at % 9)}`] }),
  });
  const graph = {
    description: 'a graph of a thousand steps, ten wide',
    steps: [{ id: 'all', type: 'group', steps: Array.from({ length: NODES }, (_, at) => node(at)) }],
  };
  const place = await folder({ narrow: each(1), effects: each(1, effect), wide: each(100), graph });
  const engine = await open(place.path);
  const floor = await driverFloor();
  const commit = async () => ((await floor.commits(300)) / 300) * 1000;
  try {
    for (const [workflow, what, steps, args] of [
      ['narrow', `foreach of ${ITEMS} items, one at a time`, ITEMS, { items }],
      ['effects', `foreach of ${ITEMS} items, one at a time, each step with an effect`, ITEMS, { items }],
      ['wide', `foreach of ${ITEMS} items, a hundred at once`, ITEMS, { items }],
      ['graph', `graph of ${NODES} steps`, NODES, {}],
    ]) {
      const seen = await beside(
        quick ? 1 : 3,
        commit,
        async () => ((await runTasks(engine, workflow, 1, 1, args)) / steps) * 1000,
      );
      yield { name: `time of a step in a ${what}`, unit: 'us', ...seen, floorName: 'a durable commit' };
    }
  } finally {
    await floor.close();
    await engine.close();
    await place.remove();
  }
}
