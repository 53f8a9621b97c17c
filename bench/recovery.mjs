// After a SIGKILL: how soon tasks in flight are finished and open ones run again, and what ten thousand waiting ones
// hold in memory.
import { folder } from './engine.mjs';
import { median } from './numbers.mjs';
import { runChild } from './process.mjs';

// Each has an effect, so that each has a commit of its own.
const steps = (count) => Array.from({ length: count }, (_, at) => ({ id: `s${at}`, type: 'emit', message: `${at}` }));

export const name = 'recovery';

export async function* figures({ quick }) {
  yield* inFlight(quick ? 2 : 5);
  yield* openAgain(quick ? [1000] : [1000, 10_000]);
}

async function* inFlight(rounds) {
  const seen = [];
  for (let round = 0; round < rounds; round += 1) {
    const place = await folder({ ten: { description: 'ten steps of no length', steps: steps(10) } });
    try {
      await runChild(place.path, 'midway', 200);
      const [finished] = await runChild(place.path, 'finish');
      seen.push(finished);
    } finally {
      await place.remove();
    }
  }
  const what = '200 tasks in flight at a SIGKILL, all finished';
  const atMost = { value: 0.5, at: 'most' };
  yield { name: `${what} after opening`, unit: 's', value: median(seen.map(({ done }) => done)) / 1000, goal: atMost };
  yield {
    name: `${what} after node's start`,
    unit: 's',
    value: median(seen.map(({ sinceSpawn }) => sinceSpawn)) / 1000,
  };
}

async function* openAgain(counts) {
  for (const count of counts) {
    const waits = { description: 'waits a day', steps: [{ id: 'day', type: 'wait', seconds: 86_400 }] };
    const place = await folder({ waits });
    try {
      const [created] = await runChild(place.path, 'waiting', count);
      const [again, later] = await runChild(place.path, 'again');
      if (again.running !== count) throw new Error(`${again.running} of ${count} tasks run again`);
      yield {
        name: `${count} open tasks, all running again after a SIGKILL`,
        unit: 's',
        value: again.done / 1000,
        goal: { value: count / 1000, at: 'most' },
      };
      if (count < 10_000) continue;
      yield {
        name: `resident memory with ${count} waiting tasks`,
        unit: 'MB',
        value: Math.max(created.rss, later.rss) / 1e6,
        goal: { value: 400, at: 'most' },
      };
    } finally {
      await place.remove();
    }
  }
}
