import { describe, expect, test } from 'vitest';
import { answeredId, withAnsweredId } from '../../src/protocol/answered-id.ts';

const error = { code: -32600, message: 'no' };
const refusal = (id: unknown, status = 400): Response => Response.json({ jsonrpc: '2.0', error, id }, { status });

describe('the id of a refusal', () => {
  test.each([
    ['a number', 7, { id: 7 }],
    ['a text', 'a', { id: 'a' }],
    ['null', null, {}],
    ['a fraction', 1.5, {}],
    ['beyond the safe integers', -1.1e285, {}],
    ['nothing', undefined, {}],
  ])('is that of the request, as far as it is one: %s', async (_what, id, expected) => {
    const request = { jsonrpc: '2.0', id, method: 'ping' };
    expect(answeredId(request)).toEqual(expected);
    for (const given of [null, id ?? null]) {
      expect(await (await withAnsweredId(refusal(given), request)).json()).toEqual({
        jsonrpc: '2.0',
        error,
        ...expected,
      });
    }
  });

  test('is absent where the body is no request', () => {
    for (const body of [undefined, 'x', [], { id: 7 }, { id: 7, result: {} }]) expect(answeredId(body)).toEqual({});
  });

  test('leaves answers alone, and keeps status and headers', async () => {
    const fine = refusal(null, 200);
    expect(await withAnsweredId(fine, {})).toBe(fine);
    const mended = await withAnsweredId(refusal(null, 409), {});
    expect([mended.status, mended.headers.get('content-type')]).toEqual([409, 'application/json']);
  });
});
