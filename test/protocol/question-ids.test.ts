import { describe, expect, test } from 'vitest';
import { QuestionIds } from '../../src/transports/question-ids.ts';

const ASKED = { jsonrpc: '2.0', id: 0, method: 'elicitation/create', params: {} };
const WITHDRAWN = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 0, reason: 'late' } };

describe('ids of questions to a client', () => {
  test('are as the SDK makes them in the process that opened the session', () => {
    const ids = new QuestionIds(undefined);
    const answered = { jsonrpc: '2.0', id: 0, result: {} };
    expect([ids.outgoing(ASKED), ids.outgoing(WITHDRAWN), ids.incoming(answered)]).toEqual([
      ASKED,
      WITHDRAWN,
      answered,
    ]);
  });

  test('name the process in every later one, also when a question is withdrawn, and the answer finds its question (Q1)', () => {
    const ids = new QuestionIds('b');
    expect(ids.outgoing(ASKED)).toEqual({ ...ASKED, id: 'b.0' });
    expect(ids.outgoing(WITHDRAWN)).toEqual({ ...WITHDRAWN, params: { requestId: 'b.0', reason: 'late' } });
    expect(ids.incoming({ jsonrpc: '2.0', id: 'b.0', result: {} })).toEqual({ jsonrpc: '2.0', id: 0, result: {} });
  });

  test.each([0, '0', 'a.0', 'bb.0', 'b', ''])('an answer to %j, of another process, finds none (Q1)', (id) => {
    const { id: found } = new QuestionIds('b').incoming({ jsonrpc: '2.0', id, error: {} }) as { id: unknown };
    expect(Number.isNaN(Number(found))).toBe(true);
  });

  test('everything else passes as it is', () => {
    const ids = new QuestionIds('b');
    const news = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 0 } };
    const answer = { jsonrpc: '2.0', id: 0, result: {} };
    const request = { jsonrpc: '2.0', id: 0, method: 'ping' };
    expect([ids.outgoing(news), ids.outgoing(answer)]).toEqual([news, answer]);
    for (const body of [request, undefined, null, 7, { jsonrpc: '2.0', error: {} }])
      expect(ids.incoming(body)).toBe(body);
  });
});
