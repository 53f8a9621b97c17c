import { describe, expect, it } from 'vitest';
import { screenMessage } from '../../src/transports/message-screen.ts';

const BOUNDS = { values: 1000, depth: 20 };
const deep = `${'['.repeat(30)}${']'.repeat(30)}`;
const screened = (text: string): unknown => screenMessage(Buffer.from(text), BOUNDS);

describe('a message of a client that is over its bounds', () => {
  it.each([
    ['id first', `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"arguments":${deep}}}`],
    ['id last', `{"jsonrpc":"2.0","method":"tools/call","params":{"arguments":${deep}},"id":7}`],
  ])('is a request that is refused under its id: %s', (_, text) => {
    expect(screened(text)).toMatchObject({ ok: false, answer: { id: 7, error: { code: -32600 } } });
  });

  it.each([
    ['its id first', `{"jsonrpc":"2.0","id":"q-1","result":{"content":${deep}}}`],
    ['its id last', `{"result":{"content":${deep}},"jsonrpc":"2.0","id":"q-1"}`],
    ['an error', `{"id":"q-1","jsonrpc":"2.0","error":{"code":1,"message":"no","data":${deep}}}`],
  ])('is an answer that ends our question as unreadable, and is itself never answered: %s', (_, text) => {
    expect(screened(text)).toEqual({
      ok: true,
      message: {
        jsonrpc: '2.0',
        id: 'q-1',
        error: { code: -32600, message: 'the answer is nested deeper than 20 levels' },
      },
    });
  });

  it('is refused without an id where none can be told', () => {
    expect(screened(`{"x":${deep},"id":{}}`)).toMatchObject({ ok: false, answer: { error: { code: -32600 } } });
  });
});
