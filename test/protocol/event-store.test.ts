import { describe, expect, test } from 'vitest';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { MemoryEvents } from '../../src/transports/event-store.ts';

function message(n: number): JSONRPCMessage {
  return { jsonrpc: '2.0', method: 'notifications/message', params: { n } };
}

async function replay(events: MemoryEvents, after: string): Promise<JSONRPCMessage[]> {
  const sent: JSONRPCMessage[] = [];
  await events.replayEventsAfter(after, {
    send: async (_id, each) => {
      sent.push(each);
    },
  });
  return sent;
}

describe('events of a session', () => {
  test('a client gets what came after its last event on the same stream, and nothing of another', async () => {
    const events = new MemoryEvents();
    const first = await events.storeEvent('a', message(1));
    await events.storeEvent('b', message(2));
    await events.storeEvent('a', message(3));
    expect(await replay(events, first)).toEqual([message(3)]);
    expect(await events.getStreamIdForEventId(first)).toBe('a');
  });

  test('the empty event that hands out an id is not replayed', async () => {
    const events = new MemoryEvents();
    const first = await events.storeEvent('a', message(1));
    await events.storeEvent('a', {} as JSONRPCMessage);
    expect(await replay(events, first)).toEqual([]);
  });

  test('ids are never used twice', async () => {
    const events = new MemoryEvents();
    const ids = await Promise.all(
      Array.from({ length: 100 }, (_, n) => events.storeEvent(n % 2 === 0 ? 'a' : 'b', message(n))),
    );
    expect(new Set(ids).size).toBe(100);
  });

  test('the oldest is forgotten first, by number and by size', async () => {
    const many = new MemoryEvents();
    const first = await many.storeEvent('a', message(0));
    for (let n = 1; n <= 512; n += 1) await many.storeEvent('a', message(n));
    expect(await many.getStreamIdForEventId(first)).toBeUndefined();
    await expect(replay(many, first)).rejects.toThrow('unknown event id');

    const big = new MemoryEvents();
    const old = await big.storeEvent('a', message(0));
    const params = { text: 'x'.repeat(1024 * 1024) };
    for (let n = 0; n < 3; n += 1) await big.storeEvent('a', { jsonrpc: '2.0', method: 'm', params });
    expect(await big.getStreamIdForEventId(old)).toBeUndefined();
  });
});
