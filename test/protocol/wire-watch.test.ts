import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { Conversation, HttpConversations, verifyWire, watchedPipe } from '../support/wire-watch.ts';

const MODERN = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } };
const tools = { tools: [] };
const complete = { resultType: 'complete', ttlMs: 0, cacheScope: 'private', ...tools };

// A test that expects a violation has taken it by then.
afterEach(() => verifyWire());

describe('a watched conversation', () => {
  test('holds each answer to the generation and the method of its own request', () => {
    const conversation = new Conversation();
    conversation.sent({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    conversation.sent({ jsonrpc: '2.0', id: 2, method: 'tools/list', params: MODERN });
    conversation.received({ jsonrpc: '2.0', id: 2, result: complete });
    conversation.received({ jsonrpc: '2.0', id: 1, result: tools });
    verifyWire();
    conversation.sent({ jsonrpc: '2.0', id: 3, method: 'tools/list', params: MODERN });
    conversation.received({ jsonrpc: '2.0', id: 3, result: tools });
    expect(() => verifyWire()).toThrow('2026-07-28, JSONRPCResultResponse');
  });

  test.each([
    ['an answer to nothing', { jsonrpc: '2.0', id: 7, result: {} }],
    ['an error whose id is null', { jsonrpc: '2.0', id: null, error: { code: -32600, message: 'no' } }],
    ['a request of the server in 2026-07-28', { jsonrpc: '2.0', id: 1, method: 'ping' }],
    ['a text', 'nonsense'],
  ])('%s is a violation', (_what, message) => {
    const conversation = new Conversation();
    conversation.sent({ jsonrpc: '2.0', id: 2, method: 'tools/list', params: MODERN });
    conversation.received(message);
    expect(() => verifyWire()).toThrow();
  });

  test('over HTTP, a session is one conversation, and an event may come in pieces', () => {
    const http = new HttpConversations();
    http.sent('a', { jsonrpc: '2.0', id: 1, method: 'tools/list' });
    const stream = http.sent('a', undefined)('text/event-stream');
    for (const piece of ['id: 1\nda', 'ta: {"jsonrpc":"2.0","id":1,', '"result":{"tools":7}}\n', '\n']) {
      stream?.push(Buffer.from(piece));
    }
    expect(() => verifyWire()).toThrow('2025-11-25, ListToolsResult');
    expect(http.sent('a', undefined)('text/html')).toBeUndefined();
  });

  test('on a pipe, both directions are read without taking a byte from the test', async () => {
    const { input, output } = watchedPipe({ input: new PassThrough(), output: new PassThrough() });
    input.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    const seen = new Promise((resolve) => output.once('data', resolve));
    output.write('{"jsonrpc":"2.0","id":1,"result":{}}\n{"jsonrpc":"2.0","method":"nope"}\n');
    expect(String(await seen)).toContain('"id":1');
    expect(() => verifyWire()).toThrow('unknown method nope');
  });
});
