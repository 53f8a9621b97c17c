import { isJsonObject } from '../core/json.ts';
import type { Clock } from '../core/clock.ts';
import { keys, under } from '../tasks/keys.ts';
import { identityOf } from '../tasks/process-probe.ts';
import type { ProcessProbe } from '../tasks/process-probe.ts';
import { BEAT_MS, SILENCE_MS } from '../tasks/runner-registry.ts';
import { decodeValue } from '../store/value-codec.ts';
import type { Endpoint } from './endpoint.ts';

/**
 * A process that runs tasks of a store, as text for people; `undefined` when there is none. One whose process cannot be
 * looked at (another machine) is watched for as long as a living one would take to show itself.
 */
export async function runningOn(store: Endpoint, clock: Clock, processes: ProcessProbe): Promise<string | undefined> {
  const first = await beats(store);
  const looked = [...first].map(([key, value]) => ({ key, ...lookAt(key, value, processes) }));
  const alive = looked.find(({ state }) => state === 'alive');
  if (alive !== undefined) return alive.who;
  const unknown = looked.filter(({ state }) => state === 'unknown');
  if (unknown.length === 0) return undefined;
  for (const end = clock.monotonic() + SILENCE_MS; clock.monotonic() < end;) {
    await clock.sleep(BEAT_MS / 2);
    for (const [key, value] of await beats(store)) {
      if (first.get(key) !== value) return lookAt(key, value, processes).who;
    }
  }
  return undefined;
}

/** The rows of runners: each changes with every beat. */
export async function beats(store: Endpoint): Promise<ReadonlyMap<string, string>> {
  const { from, to } = under(keys.allRunners);
  const found = (await store.page(from)).filter(({ key }) => key < to);
  return new Map(found.map(({ key, value }) => [key, value]));
}

function lookAt(
  key: string,
  text: string,
  processes: ProcessProbe,
): { readonly who: string; readonly state: ReturnType<ProcessProbe['state']> } {
  const decoded = decodeValue(key, text);
  if ('damaged' in decoded || !isJsonObject(decoded.value)) return { who: key, state: 'unknown' };
  const identity = identityOf(decoded.value);
  return { who: `process ${identity.pid} on ${identity.host}`, state: processes.state(identity) };
}
