// `tasks/get` beside a bare server of the same SDK, and the way of a one-step task from call to result.
import { folder, flagsOf } from './engine.mjs';
import { driverFloor } from './floor.mjs';
import { HttpClient } from './http-client.mjs';
import { beside, median } from './numbers.mjs';
import { here, Pipe, rate } from './process.mjs';

const WIDTH = 16;
const TASKS = 100;
const WARM_UP = 2000;
const definitions = {
  waits: { description: 'waits a day', task: 'required', steps: [{ id: 'day', type: 'wait', seconds: 86_400 }] },
  one: { description: 'one step', task: 'optional', steps: [{ id: 'only', type: 'set', values: { n: 1 } }] },
};

export const name = 'requests';

export async function* figures({ quick }) {
  const place = await folder(definitions);
  const { definitions: dir, servers } = flagsOf(place.path);
  const product = (data, ...transport) => [
    ...[here('../dist/cli.js'), 'serve', ...transport, '--definitions', dir, '--servers', servers],
    ...['--data', `${place.path}/${data}`, '--log-level', 'info'],
  ];
  const bare = here('bare-server.mjs');
  try {
    const pipe = new Pipe([bare, '--stdio']);
    const ours = new Pipe(product('pipe', '--stdio', '--log-level', 'warn'));
    await pipe.initialize();
    await ours.initialize();
    yield await polling('stdio', pipe, ours, quick ? 2000 : 6000, quick ? 3 : 9);
    yield await oneStep(pipe, ours, quick ? 3 : 9);
    await pipe.close();
    await ours.close();
    const http = await HttpClient.start([bare], /http:\S+/u);
    const front = await HttpClient.start(product('http', '--http', '127.0.0.1:0'), /http:[^"\s]+\/mcp/u);
    yield await polling('HTTP', http, front, quick ? 600 : 2000, quick ? 3 : 9);
    await http.close();
    await front.close();
  } finally {
    await place.remove();
  }
}

/** Requests per second for tasks that wait, one after another, sixteen requests at a time. */
async function polling(transport, bare, ours, count, rounds) {
  const getting = async (client) => {
    const ids = [];
    while (ids.length < TASKS) {
      const { task } = await client.request('tools/call', { name: 'waits', arguments: {}, task: { ttl: 600_000 } });
      ids.push(task.taskId);
    }
    let next = 0;
    return () => client.request('tasks/get', { taskId: ids[(next += 1) % TASKS] });
  };
  const [getBare, getOurs] = [await getting(bare), await getting(ours)];
  const seen = await beside(
    rounds,
    () => rate(getBare, count, WIDTH),
    () => rate(getOurs, count, WIDTH),
  );
  return {
    name: `tasks/get over ${transport}, ${WIDTH} at a time`,
    unit: 'requests/s',
    ...seen,
    floorName: 'bare SDK server',
    goal: { ratio: 0.8, at: 'least' },
  };
}

/** p50 of `tools/call` to result, against four durable commits and one bare round trip. */
async function oneStep(bare, ours, rounds) {
  const floor = await driverFloor();
  const p50 = async (client, calls = 60) => {
    const times = [];
    for (let call = 0; call < calls; call += 1) {
      const began = performance.now();
      const { structuredContent } = await client.request('tools/call', { name: 'one', arguments: {} });
      times.push(performance.now() - began);
      if (JSON.stringify(structuredContent).includes('"n":1') === false) throw new Error('not the result');
    }
    return median(times);
  };
  try {
    // What a server does all day, not what it does first: both are warm.
    await p50(bare, WARM_UP);
    await p50(ours, WARM_UP);
    const seen = await beside(
      rounds,
      async () => 4 * ((await floor.commits(60)) / 60) + (await p50(bare)),
      () => p50(ours),
    );
    return {
      name: 'one-step task over stdio, call to result, p50',
      unit: 'ms',
      ...seen,
      floorName: 'four durable commits + a bare round trip',
      goal: { ratio: 1, at: 'most' },
    };
  } finally {
    await floor.close();
  }
}
