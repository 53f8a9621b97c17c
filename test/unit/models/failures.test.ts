import { describe, expect, it } from 'vitest';
import { type StepFailure, stepFailure } from '../../../src/core/failure.ts';
import { createRedactor } from '../../../src/downstream/redaction.ts';
import { toStepFailure } from '../../../src/models/failures.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const clock = new ManualClock();
const KEY = 'sk-secret-123';
const failureOf = (error: unknown): StepFailure['failure'] =>
  toStepFailure(error, 'm', createRedactor([KEY]), clock).failure;
const http = (statusCode: number, responseHeaders: Record<string, string> = {}, responseBody = ''): Error =>
  Object.assign(new Error('x'), { statusCode, responseHeaders, responseBody });

describe('what a provider or its connection says', () => {
  it.each([408, 409, 425, 429, 500, 502, 503, 529])('%i can be tried again', (status) => {
    expect(failureOf(http(status)).code).toBe('transport');
  });

  it.each([400, 401, 403, 404, 413, 422])('%i cannot', (status) => {
    expect(failureOf(http(status)).code).toBe('invalid_arguments');
  });

  it.each([
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after': new Date(clock.now() + 90_000).toUTCString() }, 90_000],
    [{ 'retry-after-ms': '250', 'retry-after': '1' }, 250],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('Retry-After %j waits %s ms', (headers, ms) => {
    expect(failureOf(http(429, headers)).retryAfterMs).toBe(ms);
  });

  it('an answer that cannot be read is a failure of the transport', () => {
    expect(failureOf(http(200))).toMatchObject({
      code: 'transport',
      message: expect.stringContaining('cannot be read') as string,
    });
  });

  it('tells the words of the provider without the key, and not without end', () => {
    const body = JSON.stringify({ error: { message: `bad key ${KEY} ${'x'.repeat(5000)}` } });
    const { message } = failureOf(http(401, {}, body));
    expect(message).toMatch(/^model 'm': its server refused our key \(HTTP 401\): bad key \*\*\* x/u);
    expect(message.length).toBeLessThanOrEqual(500);
  });

  it('tells what lies under a failed fetch', () => {
    const error = new Error('Cannot connect', { cause: new Error('connect ECONNREFUSED 127.0.0.1:1') });
    expect(failureOf(error)).toEqual({ code: 'transport', message: "model 'm': connect ECONNREFUSED 127.0.0.1:1" });
  });

  it('keeps a limit of ours, however it was wrapped', () => {
    const limit = stepFailure('limit_exceeded', 'too large');
    expect(failureOf(new Error('failed', { cause: new Error('read', { cause: limit }) })).code).toBe('limit_exceeded');
  });
});
