import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/server';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { StraightChannel } from '../../src/transports/straight-channel.ts';

const message = (id: number): JSONRPCMessage => ({ jsonrpc: '2.0', id, method: 'ping' });
const idOf = (one: JSONRPCMessage): unknown => ('id' in one ? one.id : undefined);

/** The pipe and the entry's channel, an entry that passes on what comes to it, and what the server gets and sends. */
async function connected() {
  const sent: unknown[] = [];
  const throughEntry: unknown[] = [];
  const got: unknown[] = [];
  let closed = 0;
  const pipe: Transport = {
    start: () => Promise.resolve(),
    send: (one) => Promise.resolve(void sent.push(idOf(one))),
    close: () => Promise.resolve(),
  };
  const channel: Transport = {
    start: () => Promise.resolve(),
    send: () => Promise.reject(new Error('not this way')),
    close: () => Promise.resolve(channel.onclose?.()),
  };
  pipe.onmessage = (one) => {
    throughEntry.push(idOf(one));
    channel.onmessage?.(one);
  };
  const straight = new StraightChannel(channel, pipe);
  straight.onmessage = (one) => void got.push(idOf(one));
  straight.onclose = () => void (closed += 1);
  await straight.start();
  return { pipe, channel, straight, sent, throughEntry, got, ends: () => closed };
}

describe('the straight way between a pipe and its server', () => {
  it('leaves the turn of the opening message to the entry, and the later ones go past it, in order', async () => {
    const { pipe, got, throughEntry } = await connected();
    pipe.onmessage?.(message(1));
    pipe.onmessage?.(message(2));
    await nextTurn();
    pipe.onmessage?.(message(3));
    pipe.onmessage?.(message(4));
    expect(got).toEqual([1, 2, 3, 4]);
    expect(throughEntry).toEqual([1, 2]);
  });

  it('writes answers to the pipe until the connection has closed, from either side', async () => {
    const ours = await connected();
    await ours.straight.send(message(1));
    await ours.straight.close();
    await ours.straight.send(message(2));
    expect(ours.sent).toEqual([1]);
    expect(ours.ends()).toBe(1);
    const theirs = await connected();
    await theirs.channel.close();
    await theirs.straight.send(message(3));
    expect(theirs.sent).toEqual([]);
    expect(theirs.ends()).toBe(1);
  });

  it('does not take the pipe over when the connection has closed in the turn in which it opened', async () => {
    const { pipe, straight, got } = await connected();
    pipe.onmessage?.(message(1));
    await straight.close();
    const entry = pipe.onmessage;
    await nextTurn();
    expect(pipe.onmessage).toBe(entry);
    expect(got).toEqual([1]);
  });
});
