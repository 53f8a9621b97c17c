import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { MemoryTaskStore } from '../../src/store/memory-task-store.ts';
import { StoreError, type Batch } from '../../src/store/task-store.ts';
import { SavedEvents, type SessionEvent } from '../../src/transports/saved-events.ts';
import { ManualClock } from '../support/manual-clock.ts';

function event(sequence: number, text = ''): SessionEvent {
  const message = { jsonrpc: '2.0', method: 'notifications/message', params: { sequence, text } } as const;
  return { epoch: 1, sequence, streamId: 'a', message, chars: JSON.stringify(message).length };
}

function world(): {
  store: MemoryTaskStore;
  clock: ManualClock;
  saved: SavedEvents;
  batches: Batch[];
  logged: string[];
  /** From now on every write fails, or none. */
  fail: (on: boolean) => void;
} {
  const store = new MemoryTaskStore();
  const clock = new ManualClock();
  const [batches, logged]: [Batch[], string[]] = [[], []];
  const commit = store.commit.bind(store);
  let failing = false;
  store.commit = (batch) => {
    batches.push(batch);
    return failing ? Promise.reject(new StoreError('full', 'no space')) : commit(batch);
  };
  const logger = { ...silentLogger, warn: (_fields: object, text: string) => void logged.push(text) };
  const saved = new SavedEvents(store, clock, logger);
  return { store, clock, saved, batches, logged, fail: (on) => void (failing = on) };
}

async function kept(saved: SavedEvents, sessionId = 's'): Promise<number[]> {
  return (await saved.load(sessionId)).map(({ sequence }) => sequence);
}

describe('events that are written behind', () => {
  test('many events of many sessions are one write, soon', async () => {
    const { clock, saved, batches } = world();
    for (let n = 0; n < 40; n += 1) saved.add(n % 2 === 0 ? 's' : 't', event(n));
    expect(batches).toEqual([]);
    await clock.advance(200);
    expect(batches).toHaveLength(1);
    expect(await kept(saved)).toEqual(Array.from({ length: 20 }, (_, n) => 2 * n));
  });

  test('no write is so large that a task would wait for it', async () => {
    const { clock, saved, batches } = world();
    for (let n = 0; n < 500; n += 1) saved.add('s', event(n));
    for (let n = 500; n < 504; n += 1) saved.add('s', event(n, 'x'.repeat(400_000)));
    await clock.advance(200);
    expect(batches.map(({ puts }) => puts.length)).toEqual([200, 200, 101, 1, 1, 1]);
    expect(await kept(saved)).toHaveLength(504);
  });

  test('an event can be withdrawn until it is written, and removed afterwards', async () => {
    const { clock, saved } = world();
    const [one, two, three] = [event(1), event(2), event(3)];
    for (const each of [one, two, three]) saved.add('s', each);
    expect(saved.withdraw(one)).toBe(true);
    await clock.advance(200);
    expect(saved.withdraw(two)).toBe(false);
    saved.remove('s', two);
    await clock.advance(200);
    expect(await kept(saved)).toEqual([3]);
  });

  test('the end writes at once what is left', async () => {
    const { saved } = world();
    saved.add('s', event(1));
    await saved.flushed();
    expect(await kept(saved)).toEqual([1]);
  });

  test('a full disk is logged once, tried seldom, and made up for; nothing is lost or in the wrong order (D13)', async () => {
    const { clock, saved, batches, logged, fail } = world();
    saved.add('s', event(0));
    await clock.advance(200);
    fail(true);
    for (let n = 1; n <= 50; n += 1) {
      saved.add('s', event(n));
      await clock.advance(100);
    }
    expect([logged.length, batches.length]).toEqual([1, 2]);
    saved.remove('s', event(0));
    fail(false);
    await clock.advance(5_000);
    expect(await kept(saved)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
    fail(true);
    saved.add('s', event(51));
    await clock.advance(200);
    expect(logged).toHaveLength(2);
  });

  test('a write that was taken for failed and was made is simply made again', async () => {
    const { store, clock, saved } = world();
    const commit = store.commit.bind(store);
    store.commit = async (batch) => {
      await commit(batch);
      store.commit = commit;
      throw new StoreError('io', 'who knows');
    };
    saved.add('s', event(1));
    await clock.advance(200);
    saved.add('s', event(2));
    await clock.advance(6_000);
    expect(await kept(saved)).toEqual([1, 2]);
  });

  test('nothing is left of a session that has ended, whatever of it was written, due or being written', async () => {
    const { store, clock, saved } = world();
    saved.add('s', event(1));
    saved.add('t', event(1));
    await clock.advance(200);
    let go: () => void = () => undefined;
    const commit = store.commit.bind(store);
    store.commit = async (batch) => {
      store.commit = commit;
      await new Promise<void>((resolve) => (go = resolve));
      return commit(batch);
    };
    saved.add('s', event(2));
    await clock.advance(200);
    saved.add('s', event(3));
    const ended = saved.end('s');
    go();
    await ended;
    await clock.advance(1_000);
    expect([await kept(saved), await kept(saved, 't')]).toEqual([[], [1]]);
  });

  test('an end that the store misses harms nobody: the sweep finds what is left of sessions that are no more', async () => {
    const { store, clock, saved, logged, fail } = world();
    for (const session of ['gone', 'here', 'old']) for (let n = 0; n < 250; n += 1) saved.add(session, event(n));
    await clock.advance(200);
    fail(true);
    await saved.end('gone');
    expect(logged).toHaveLength(1);
    fail(false);
    await saved.sweep((id) => Promise.resolve(id === 'here'));
    const { items } = await store.range({ from: 'http-event:', to: 'http-event;', limit: 5_000 });
    expect(new Set(items.map(({ key }) => key.split(':')[1]))).toEqual(new Set(['here']));
    expect(items).toHaveLength(250);
  });
});
