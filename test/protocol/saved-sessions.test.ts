import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { MemoryTaskStore } from '../../src/store/memory-task-store.ts';
import { StoreError } from '../../src/store/task-store.ts';
import { SavedSessions, type SavedSession } from '../../src/transports/saved-sessions.ts';
import { SessionRecord } from '../../src/transports/session-record.ts';
import { ManualClock } from '../support/manual-clock.ts';

const SESSION: SavedSession = {
  principal: 'ada',
  initialize: { protocolVersion: '2025-11-25' },
  epoch: 1,
  listens: false,
  settings: [],
  waiting: {},
  tasks: [],
};
const LIFE = 60_000;

function world(): { store: MemoryTaskStore; clock: ManualClock; saved: SavedSessions } {
  const store = new MemoryTaskStore();
  const clock = new ManualClock();
  return { store, clock, saved: new SavedSessions(store, clock, silentLogger, LIFE) };
}

describe('sessions in the store', () => {
  test('come back in another process, until their time is over or they are removed', async () => {
    const { store, clock, saved } = world();
    saved.save('a', SESSION);
    saved.save('b', SESSION);
    await saved.flushed();
    const other = new SavedSessions(store, clock, silentLogger, LIFE);
    expect(await other.load('a')).toEqual(SESSION);
    other.remove('a');
    await other.flushed();
    expect([await saved.load('a'), await saved.load('b')]).toEqual([undefined, SESSION]);
    await clock.advance(LIFE);
    expect(await saved.load('b')).toBeUndefined();
  });

  test('several changes in one turn are one write, and the newest counts', async () => {
    const { store, saved } = world();
    let commits = 0;
    const commit = store.commit.bind(store);
    store.commit = (batch) => {
      commits += 1;
      return commit(batch);
    };
    for (let n = 0; n < 50; n += 1) saved.save('a', { ...SESSION, initialize: { n } });
    saved.save('b', SESSION);
    await saved.flushed();
    expect(commits).toBe(1);
    expect((await saved.load('a'))?.initialize).toEqual({ n: 49 });
  });

  test('what is not written yet counts: a removed session is gone at once, a saved one is there', async () => {
    const { store, saved } = world();
    saved.save('a', SESSION);
    expect(await saved.load('a')).toEqual(SESSION);
    await saved.flushed();
    let written: () => void = () => undefined;
    const commit = store.commit.bind(store);
    store.commit = async (batch) => {
      await new Promise<void>((resolve) => (written = resolve));
      return commit(batch);
    };
    saved.remove('a');
    expect(await saved.load('a')).toBeUndefined();
    // Under way, and no longer due.
    await Promise.resolve();
    expect(await saved.load('a')).toBeUndefined();
    written();
    await saved.flushed();
    expect(await saved.load('a')).toBeUndefined();
  });

  test('a store that fails is logged once until it can be written; a removal that it missed still counts, and is made up for (D13)', async () => {
    const store = new MemoryTaskStore();
    const logged: string[] = [];
    const logger = { ...silentLogger, warn: (_fields: object, text: string) => void logged.push(text) };
    const saved = new SavedSessions(store, new ManualClock(), logger, LIFE);
    saved.save('a', SESSION);
    await saved.flushed();
    const commit = store.commit.bind(store);
    const fail = async (): Promise<void> => {
      store.commit = () => Promise.reject(new StoreError('full', 'no space'));
      for (const id of ['b', 'c']) {
        saved.save(id, SESSION);
        await saved.flushed();
      }
    };
    await fail();
    saved.remove('a');
    await saved.flushed();
    expect(logged).toHaveLength(1);
    expect(await saved.load('a')).toBeUndefined();
    store.commit = commit;
    saved.save('d', SESSION);
    await saved.flushed();
    const { items } = await store.range({ from: 'http-session:', to: 'http-session;', limit: 9 });
    expect(items.map(({ key }) => key)).toEqual(['http-session:d']);
    await fail();
    expect(logged).toHaveLength(2);
  });

  test('who has to wait for a write is told when it is made or has failed, while others follow', async () => {
    const { store, saved } = world();
    const commit = store.commit.bind(store);
    let go: () => void = () => undefined;
    store.commit = async (batch) => {
      await new Promise<void>((resolve) => (go = resolve));
      return commit(batch);
    };
    saved.save('a', SESSION);
    const written = saved.written();
    await Promise.resolve();
    saved.save('b', SESSION);
    go();
    await written;
    const { items } = await store.range({ from: 'http-session:', to: 'http-session;', limit: 9 });
    expect(items.map(({ key }) => key)).toEqual(['http-session:a']);
    store.commit = () => Promise.reject(new StoreError('full', 'no space'));
    saved.save('c', SESSION);
    const failed = saved.written();
    go();
    await failed;
  });

  test('what is too old is swept; what lives, stays', async () => {
    const { store, clock, saved } = world();
    saved.save('old', SESSION);
    await saved.flushed();
    await clock.advance(LIFE / 2);
    saved.save('new', SESSION);
    await saved.flushed();
    await clock.advance(LIFE / 2);
    await saved.sweep();
    const { items } = await store.range({ from: 'http-session:', to: 'http-session;', limit: 10 });
    expect(items.map(({ key }) => key)).toEqual(['http-session:new']);
  });

  test('an id that is none of ours, or part of one, finds nothing', async () => {
    const { saved } = world();
    saved.save('abc', SESSION);
    await saved.flushed();
    for (const id of ['', 'a', 'ab', 'abcd', 'a%', '../abc', 'x'.repeat(65)]) {
      expect(await saved.load(id)).toBeUndefined();
    }
  });

  test('a store that fails ends no session: the failure is logged, and the next change is written', async () => {
    const { store, saved } = world();
    const commit = store.commit.bind(store);
    store.commit = () => Promise.reject(new Error('full'));
    saved.save('a', SESSION);
    await saved.flushed();
    store.commit = commit;
    saved.save('a', SESSION);
    await saved.flushed();
    expect(await saved.load('a')).toEqual(SESSION);
  });
});

describe('the record of a session', () => {
  const call = (
    id: number,
    name = 'slow',
  ): { jsonrpc: string; id: number; method: string; params: { name: string } } => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name },
  });

  function record(clock: ManualClock): { record: SessionRecord; states: SavedSession[] } {
    const states: SavedSession[] = [];
    return { record: new SessionRecord(SESSION, clock, (state) => states.push(state)), states };
  }

  test('has a waiting call with its task, but only when it waits long enough', async () => {
    const clock = new ManualClock();
    const { record: one, states } = record(clock);
    one.pass(call(1), () => one.opened('s1'));
    one.began(1, 'task-1');
    one.pass(call(2), () => one.opened('s2'));
    one.began(2, 'task-2');
    one.answered('s2', 2);
    await clock.advance(1_000);
    expect(states.at(-1)?.waiting).toEqual({ s1: { request: call(1), taskId: 'task-1' } });
  });

  test('has a waiting call of an older revision, whose stream is known only with its first message', async () => {
    const clock = new ManualClock();
    const { record: one, states } = record(clock);
    const result = { jsonrpc: '2.0', id: 2, method: 'tasks/result', params: { taskId: 'task-2' } };
    for (const request of [call(1), result, call(3)]) one.pass(request, () => undefined);
    one.began(1, 'task-1');
    one.began(3, 'task-3');
    await clock.advance(1_000);
    expect(states).toEqual([]);
    one.opened('s1', 1);
    one.opened('s2', 2);
    one.answered('s3', 3);
    one.opened('s3', 3);
    await clock.advance(1_000);
    expect(states.at(-1)?.waiting).toEqual({
      s1: { request: call(1), taskId: 'task-1' },
      s2: { request: result, taskId: null },
    });
  });

  test('gives a waiting request back once, and tells the task of a call once', async () => {
    const clock = new ManualClock();
    const left = new SessionRecord(
      { ...SESSION, waiting: { s1: { request: call(1), taskId: 'task-1' } } },
      clock,
      () => undefined,
    );
    expect(left.takeUp('s2')).toBeUndefined();
    const progress = { progress: 2, total: 3 };
    expect(left.takeUp('s1', progress)).toEqual(call(1));
    expect(left.takeUp('s1')).toBeUndefined();
    const resumed = { taskId: 'task-1', progress };
    expect([left.resumed(1), left.resumed(1), left.resumed(2)]).toEqual([resumed, undefined, undefined]);
  });

  test('a waiting request that was given back is still there for a third process', () => {
    const states: SavedSession[] = [];
    const waiting = { s1: { request: call(1), taskId: 'task-1' } };
    const left = new SessionRecord({ ...SESSION, waiting }, new ManualClock(), (state) => states.push(state));
    left.takeUp('s1');
    left.save();
    expect(states.at(-1)?.waiting).toEqual(waiting);
  });

  test('a call that has become no task is never made again', async () => {
    const clock = new ManualClock();
    const { record: one, states } = record(clock);
    one.pass(call(1, 'tasks_get'), () => one.opened('s1'));
    await clock.advance(1_000);
    expect(states).toEqual([]);
  });

  test('keeps the last logging level and the subscriptions that are in force', () => {
    const { record: one, states } = record(new ManualClock());
    const request = (method: string, params: object): object => ({ jsonrpc: '2.0', id: 1, method, params });
    for (const level of ['debug', 'error']) one.pass(request('logging/setLevel', { level }), () => undefined);
    for (const uri of ['a:x', 'a:y']) one.pass(request('resources/subscribe', { uri }), () => undefined);
    one.pass(request('resources/unsubscribe', { uri: 'a:x' }), () => undefined);
    expect(states.at(-1)?.settings).toEqual([
      request('logging/setLevel', { level: 'error' }),
      request('resources/subscribe', { uri: 'a:y' }),
    ]);
  });

  test('is bounded: the newest sixteen requests that wait', async () => {
    const clock = new ManualClock();
    const { record: one, states } = record(clock);
    for (let n = 0; n < 40; n += 1) {
      one.pass(call(n), () => one.opened(`s${n}`));
      one.began(n, `task-${n}`);
    }
    await clock.advance(1_000);
    expect(Object.keys(states.at(-1)?.waiting ?? {})).toEqual(Array.from({ length: 16 }, (_, n) => `s${n + 24}`));
  });
});
