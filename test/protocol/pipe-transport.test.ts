import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { PipeTransport } from '../../src/transports/stdio-transport.ts';

/** A host that takes the first bytes and then nothing until it is told to. */
class SlowHost extends Writable {
  readonly heard: string[] = [];
  #held: (() => void) | undefined;
  #reading = false;

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.heard.push(chunk.toString());
    if (this.#reading) done();
    else this.#held = done;
  }

  read(): void {
    this.#reading = true;
    this.#held?.();
  }
}

const pipes: PipeTransport[] = [];
afterEach(async () => {
  for (const each of pipes.splice(0)) await each.close();
});

async function pipe(): Promise<{ host: SlowHost; input: PassThrough; transport: PipeTransport; errors: string[] }> {
  const host = new SlowHost();
  const input = new PassThrough();
  const transport = new PipeTransport(input, host, () => undefined, { values: 100_000, depth: 200 });
  const errors: string[] = [];
  transport.onerror = (error) => void errors.push(error.message);
  pipes.push(transport);
  await transport.start();
  return { host, input, transport, errors };
}

const PAD = 'x'.repeat(1024 * 1024);
const news = (data: string): JSONRPCMessage => ({
  jsonrpc: '2.0',
  method: 'notifications/message',
  params: { level: 'info', data },
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Sends, and goes on when it was taken or refused, not when it has left. */
async function offer(transport: PipeTransport, message: JSONRPCMessage): Promise<void> {
  transport.send(message).catch(() => undefined);
  await turn();
}

describe('a host that does not read', () => {
  test('gets no more news than a few megabytes, and the log says so once', async () => {
    const { host, transport, errors } = await pipe();
    for (let sent = 0; sent < 20; sent += 1) await offer(transport, news(PAD));
    expect(host.writableLength).toBeLessThan(7 * 1024 * 1024);
    expect(errors).toEqual([expect.stringContaining('does not read')]);
  });

  test('gets every answer, question and withdrawal when it reads again, and then news as before', async () => {
    const { host, transport } = await pipe();
    for (let sent = 0; sent < 10; sent += 1) await offer(transport, news(PAD));
    const owed: JSONRPCMessage[] = [
      { jsonrpc: '2.0', id: 1, result: { answer: 1 } },
      { jsonrpc: '2.0', id: 2, method: 'elicitation/create', params: { question: 1 } },
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 2 } },
    ];
    for (const message of owed) await offer(transport, message);
    const left = new Promise<void>((resolve) => host.once('drain', resolve));
    host.read();
    await left;
    await turn();
    await offer(transport, news('after'));
    const text = host.heard.join('');
    for (const mark of ['"answer":1', '"question":1', '"requestId":2', '"after"']) expect(text).toContain(mark);
  });

  test('loses no notification of a subscription, whose sender waits', async () => {
    const { host, transport } = await pipe();
    for (let sent = 0; sent < 10; sent += 1) await offer(transport, news(PAD));
    const params = { _meta: { 'io.modelcontextprotocol/subscriptionId': 1 } };
    const sent = transport.send({ jsonrpc: '2.0', method: 'notifications/resources/updated', params });
    host.read();
    await sent;
    expect(host.heard.join('')).toContain('subscriptionId');
  });

  test('is not heard while it is owed too many answers, and is heard again when it has read them', async () => {
    const { host, input, transport } = await pipe();
    for (let id = 0; id < 12; id += 1) await offer(transport, { jsonrpc: '2.0', id, result: { PAD } });
    expect(input.isPaused()).toBe(true);
    const left = new Promise<void>((resolve) => host.once('drain', resolve));
    host.read();
    await left;
    await turn();
    expect(input.isPaused()).toBe(false);
  });

  test('leaves no listener of a wait behind for each message', async () => {
    const { host, transport } = await pipe();
    for (let sent = 0; sent < 30; sent += 1) await offer(transport, news('small'));
    expect(host.listenerCount('drain')).toBeLessThanOrEqual(1);
  });
});
