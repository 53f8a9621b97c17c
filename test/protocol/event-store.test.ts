import { describe, expect, test } from 'vitest';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { silentLogger } from '../../src/core/logger.ts';
import { MemoryTaskStore } from '../../src/store/memory-task-store.ts';
import { SessionEvents } from '../../src/transports/event-store.ts';
import { SavedEvents } from '../../src/transports/saved-events.ts';
import { ManualClock } from '../support/manual-clock.ts';

const OWN = '_GET_stream';
/** The empty event that only hands out an id. */
const PRIMING = {} as JSONRPCMessage;

function news(n: number): JSONRPCMessage {
  return { jsonrpc: '2.0', method: 'notifications/message', params: { n } };
}

function answer(id: number, text = ''): JSONRPCMessage {
  return { jsonrpc: '2.0', id, result: { text } };
}

async function replay(events: SessionEvents, after: string): Promise<JSONRPCMessage[]> {
  const sent: JSONRPCMessage[] = [];
  await events.replayEventsAfter(after, {
    send: async (_id, each) => {
      sent.push(each);
    },
  });
  return sent;
}

function inMemory(): SessionEvents {
  return new SessionEvents('s', 1, true, undefined);
}

/** Sessions' events in one store, in processes one after the other. */
function world(): {
  store: MemoryTaskStore;
  clock: ManualClock;
  /** The events of a session in the next process, and what writes them. */
  next: (sessionId?: string, listening?: boolean) => Promise<{ events: SessionEvents; saved: SavedEvents }>;
} {
  const store = new MemoryTaskStore();
  const clock = new ManualClock();
  let epoch = 0;
  return {
    store,
    clock,
    next: async (sessionId = 's', listening = true) => {
      epoch += 1;
      const saved = new SavedEvents(store, clock, silentLogger);
      const events = new SessionEvents(sessionId, epoch, listening, saved);
      await events.load();
      return { events, saved };
    },
  };
}

describe('events of a session', () => {
  test('a client gets what came after its last event on the same stream, and nothing of another', async () => {
    const events = inMemory();
    const first = await events.storeEvent('a', news(1));
    await events.storeEvent('b', news(2));
    await events.storeEvent('a', news(3));
    expect(await replay(events, first)).toEqual([news(3)]);
    expect(await events.getStreamIdForEventId(first)).toBe('a');
  });

  test('the empty event that hands out an id is not replayed', async () => {
    const events = inMemory();
    const first = await events.storeEvent('a', news(1));
    await events.storeEvent('a', PRIMING);
    expect(await replay(events, first)).toEqual([]);
  });

  test('ids are never used twice, nor by the next process for events that were not stored before the crash (V1)', async () => {
    const { next } = world();
    const ids: string[] = [];
    for (let life = 0; life < 3; life += 1) {
      const { events } = await next();
      for (let n = 0; n < 100; n += 1) ids.push(await events.storeEvent(n % 2 === 0 ? 'a' : OWN, news(n)));
      ids.push(events.here());
    }
    expect(new Set(ids).size).toBe(303);
  });

  test('the oldest is forgotten first, by number and by size; a client gets what is left (V2)', async () => {
    const many = inMemory();
    const first = await many.storeEvent('a', news(0));
    for (let n = 1; n <= 600; n += 1) await many.storeEvent('a', news(n));
    expect(await replay(many, first)).toEqual(Array.from({ length: 512 }, (_, n) => news(n + 89)));

    const big = inMemory();
    const old = await big.storeEvent('a', news(0));
    for (let n = 0; n < 3; n += 1) await big.storeEvent('a', answer(n, 'x'.repeat(1024 * 1024)));
    expect(await replay(big, old)).toHaveLength(1);
  });

  test('answers that were sent give way before news that were missed (V2)', async () => {
    const events = inMemory();
    const here = events.here();
    await events.storeEvent(OWN, news(1));
    for (let n = 0; n < 2_000; n += 1) {
      await events.storeEvent(`poll-${n}`, PRIMING);
      await events.storeEvent(`poll-${n}`, answer(n));
      events.sent(n);
    }
    expect(await replay(events, here)).toEqual([news(1)]);
  });

  test('a request that waits can be resumed however many others were answered meanwhile (V2)', async () => {
    const events = inMemory();
    const waiting = await events.storeEvent('wait', PRIMING);
    for (let n = 0; n < 3_000; n += 1) {
      await events.storeEvent(`poll-${n}`, answer(n));
      events.sent(n);
    }
    expect(await events.rest(waiting)).toEqual({
      streamId: 'wait',
      open: true,
      answered: false,
      withdrawn: false,
      left: 0,
    });
  });

  test('requests that are withdrawn and never answered do not pile up (V2)', async () => {
    const events = inMemory();
    const first = await events.storeEvent('w-0', PRIMING);
    for (let n = 1; n < 5_000; n += 1) await events.storeEvent(`w-${n}`, PRIMING);
    expect(await events.rest(first)).toMatchObject({ open: false, left: 0 });
  });

  test('what is no id is told apart from an id behind which nothing is left', async () => {
    const events = inMemory();
    for (const id of ['', 'garbage', 'a_1', 'a_b_c_', '_GET_stream_7', 'a b_1_1', `${'x'.repeat(65)}_1_1`, 'a_1_-1']) {
      expect(await events.rest(id)).toBeUndefined();
    }
    expect(await events.rest('nobody_1_1')).toEqual({
      streamId: 'nobody',
      open: false,
      answered: false,
      withdrawn: false,
      left: 0,
    });
  });
});

describe('events in the store', () => {
  test('the next process has what was missed: in order, once, of that stream and session only', async () => {
    const { clock, next } = world();
    const [one, other] = [await next('s'), await next('t')];
    const here = one.events.here();
    for (let n = 0; n < 30; n += 1) {
      await one.events.storeEvent(OWN, news(n));
      await one.events.storeEvent('a', news(100 + n));
      await other.events.storeEvent(OWN, news(200 + n));
    }
    await clock.advance(200);
    const { events } = await next('s');
    await events.storeEvent(OWN, news(30));
    expect(await events.rest(here)).toMatchObject({ open: true, left: 31 });
    expect(await replay(events, here)).toEqual(Array.from({ length: 31 }, (_, n) => news(n)));
    expect(await replay(events, here)).toHaveLength(31);
  });

  test('a stream that was begun again goes on under its name, behind what it had', async () => {
    const { clock, next } = world();
    const first = await next();
    const start = await first.events.storeEvent('a', PRIMING);
    await first.events.storeEvent('a', news(1));
    await clock.advance(200);
    const { events } = await next();
    expect(await events.rest(start)).toEqual({
      streamId: 'a',
      open: false,
      answered: false,
      withdrawn: false,
      left: 1,
    });
    await events.adopt('a', () => events.storeEvent('sdk', PRIMING));
    await events.storeEvent('sdk', news(2));
    const last = await events.storeEvent('sdk', answer(7));
    expect([last.startsWith('a_'), await events.getStreamIdForEventId(start)]).toEqual([true, 'sdk']);
    expect(await replay(events, start)).toEqual([news(1), news(2), answer(7)]);
    await clock.advance(200);
    const third = await next();
    expect(await third.events.rest(start)).toEqual({
      streamId: 'a',
      open: false,
      answered: true,
      withdrawn: false,
      left: 3,
    });
    expect(await third.events.rest(last)).toEqual({
      streamId: 'a',
      open: false,
      answered: true,
      withdrawn: false,
      left: 0,
    });
  });

  test('an answer that was sent before its time is never written (V3)', async () => {
    const { store, clock, next } = world();
    const { events } = await next();
    let commits = 0;
    const commit = store.commit.bind(store);
    store.commit = (batch) => {
      commits += 1;
      return commit(batch);
    };
    for (let n = 0; n < 1_500; n += 1) {
      await events.storeEvent(`a-${n}`, PRIMING);
      await events.storeEvent(`a-${n}`, answer(n));
      events.sent(n);
    }
    await clock.advance(1_000);
    expect(commits).toBe(0);
    await events.storeEvent('b', answer(9_999));
    await clock.advance(200);
    expect(commits).toBe(1);
  });

  test('questions to the client die with their process, and their withdrawal too (V4)', async () => {
    const { clock, next } = world();
    const first = await next();
    const here = first.events.here();
    await first.events.storeEvent(OWN, { jsonrpc: '2.0', id: 0, method: 'roots/list' });
    const params = { requestId: 0 };
    await first.events.storeEvent(OWN, { jsonrpc: '2.0', method: 'notifications/cancelled', params });
    await first.events.storeEvent(OWN, news(1));
    expect(await replay(first.events, here)).toHaveLength(3);
    await clock.advance(200);
    expect(await replay((await next()).events, here)).toEqual([news(1)]);
  });

  test('what nobody can resume is not written: the own stream before it was ever opened', async () => {
    const { store, clock, next } = world();
    const { events } = await next('s', false);
    await events.storeEvent(OWN, news(1));
    await clock.advance(200);
    events.listen();
    await events.storeEvent(OWN, news(2));
    await clock.advance(200);
    const { items } = await store.range({ from: 'http-event:', to: 'http-event;', limit: 9 });
    expect(items.map(({ value }) => value)).toEqual([{ streamId: OWN, message: news(2) }]);
  });

  test('is bounded over all processes: what is forgotten is removed', async () => {
    const { store, clock, next } = world();
    for (let life = 0; life < 3; life += 1) {
      const { events } = await next();
      for (let n = 0; n < 400; n += 1) await events.storeEvent(OWN, news(n));
      await clock.advance(1_000);
    }
    await next();
    await clock.advance(1_000);
    const { items } = await store.range({ from: 'http-event:', to: 'http-event;', limit: 5_000 });
    expect(items).toHaveLength(512);
  });

  test('a process on the same store is asked for what another one that still lives has stored since', async () => {
    const { clock, next } = world();
    const [one, two] = [await next(), await next()];
    const here = one.events.here();
    await one.events.storeEvent(OWN, news(1));
    await clock.advance(200);
    expect(await two.events.rest(here)).toMatchObject({ left: 1 });
    expect(await replay(two.events, here)).toEqual([news(1)]);
  });
});
