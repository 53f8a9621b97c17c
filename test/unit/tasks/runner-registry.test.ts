import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/logger.ts';
import { MemoryTaskStore } from '../../../src/store/memory-task-store.ts';
import { BEAT_MS, RunnerRegistry, SILENCE_MS } from '../../../src/tasks/runner-registry.ts';
import { StoreHealth } from '../../../src/tasks/store-health.ts';
import { ManualClock } from '../../support/manual-clock.ts';

let clock: ManualClock;
let store: MemoryTaskStore;

function registry(runnerId: string, state: 'alive' | 'gone' = 'alive'): RunnerRegistry {
  const health = new StoreHealth({ store, clock, logger: silentLogger });
  const identity = { host: 'h', boot: 'b', namespace: 'n', pid: runnerId.length, started: 's' };
  return new RunnerRegistry({
    store,
    clock,
    health,
    processes: { self: () => identity, state: () => state },
    runnerId,
  });
}

/** Looks every beat for so long. */
async function watch(watcher: RunnerRegistry, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += BEAT_MS) {
    await clock.advance(BEAT_MS);
    await watcher.states();
  }
}

beforeEach(() => {
  clock = new ManualClock();
  store = new MemoryTaskStore();
});

describe('a runner that lives, by its process', () => {
  it('is dead when its beat stood still for ten seconds of looking (D6)', async () => {
    await registry('quiet').beat();
    const watcher = registry('watcher');
    await watcher.states();
    await watch(watcher, SILENCE_MS - BEAT_MS);
    expect((await watcher.states()).get('quiet')).toBe('alive');
    await watch(watcher, BEAT_MS);
    expect((await watcher.states()).get('quiet')).toBe('dead');
  });

  it('is not dead for a time in which nobody looked: the whole machine may have been paused (D6)', async () => {
    const quiet = registry('quiet');
    await quiet.beat();
    const watcher = registry('watcher');
    await watcher.states();
    await clock.advance(3_600_000);
    expect((await watcher.states()).get('quiet')).toBe('alive');
    await quiet.beat();
    await watch(watcher, SILENCE_MS);
    expect((await watcher.states()).get('quiet')).toBe('alive');
  });

  it('is dead at once when its process is gone', async () => {
    await registry('quiet').beat();
    expect((await registry('watcher', 'gone').states()).get('quiet')).toBe('dead');
  });
});
