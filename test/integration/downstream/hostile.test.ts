import { afterEach, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../../src/core/clock.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { DownstreamPool } from '../../../src/downstream/pool.ts';
import { callContext, openPool, testServer } from '../../support/downstream-pool.ts';

const LIMIT = 1024 * 1024;
/** Seconds for an answer. They pass when the test says so. */
const PATIENCE = 987;
let pool: DownstreamPool;
let lateCalls: (() => void)[] = [];

afterEach(() => pool.close());

/** The machine's clock, but for the deadlines of calls. */
const clock: Clock = {
  ...systemClock,
  sleep: (ms, signal) =>
    ms !== PATIENCE * 1000
      ? systemClock.sleep(ms, signal)
      : new Promise((resolve, reject) => {
          lateCalls.push(resolve);
          signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        }),
};

/** The time is over for all calls that wait for an answer. */
function timeIsOver(): void {
  for (const late of lateCalls) late();
}

function open(behaviour: string, more: JsonObject = {}): void {
  lateCalls = [];
  const limits = { max_response_bytes: LIMIT, timeout_seconds: PATIENCE, ...more };
  pool = openPool({ bad: testServer('hostile.mjs', [behaviour], limits), good: testServer('ledger.mjs') }, { clock });
}

/** The failure of a call as `code: message`, or its first text, or its structured content. */
async function outcomeOf(tool: string): Promise<unknown> {
  try {
    const result = await pool.callTool(tool, {}, callContext('bad', { onProgress: () => undefined }));
    return result.structuredContent ?? result.content[0]?.['text'] ?? result.content[0] ?? 'empty';
  } catch (error) {
    const { failure } = error as { failure: { code: string; message: string } };
    return `${failure.code}: ${failure.message}`;
  }
}

/** Another server answers while this one misbehaves. */
async function othersAreFine(): Promise<void> {
  const result = await pool.callTool('echo', { a: 1 }, callContext('good'));
  expect(result.structuredContent).toEqual({ a: 1 });
}

describe('a server that cannot be started fails the call with the reason', () => {
  test.each([
    ['exit_at_once', "server 'bad' exited with code 7 (last line on stderr: missing configuration: API_URL)"],
    ['exit_in_handshake', "server 'bad' exited with code 4"],
    ['silent', "server 'bad' was not ready within 2 s of its start"],
    ['garbage_forever', "server 'bad' was not ready within 2 s of its start"],
    ['endless_line_at_start', 'is over the limit of 1048576 bytes'],
    ['wrong_version', '1999-01-01'],
    ['handshake_error', 'licence expired'],
  ])('%s', async (behaviour, message) => {
    // Those that never become ready.
    open(behaviour, message.includes('not ready') ? { start_timeout_seconds: 2 } : {});
    const call = outcomeOf('ok');
    await othersAreFine();
    const outcome = await call;
    expect(outcome).toContain('transport: ');
    expect(outcome).toContain(message);
  });
});

describe('a server that misbehaves in a call fails that call and nothing else', () => {
  test.each([
    ['hang', `timeout: server 'bad', tool 'go': no answer within ${PATIENCE} s`],
    ['wrong_id', 'timeout: '],
    ['null_id', 'timeout: '],
    ['no_result', "invalid_output: server 'bad', tool 'go': the answer is not a valid JSON-RPC response"],
    ['progress_for_ever', 'timeout: '],
    ['both', "invalid_output: server 'bad', tool 'go': the answer is not a valid JSON-RPC response"],
    ['result_is_text', "invalid_output: server 'bad', tool 'go': the answer is not a valid JSON-RPC response"],
    ['error_without_message', "invalid_output: server 'bad', tool 'go': the answer is not a valid JSON-RPC response"],
    ['content_is_text', "invalid_output: server 'bad' gave an answer to tool 'go' that cannot be used"],
    ['block_without_type', "invalid_output: server 'bad' gave an answer to tool 'go' that cannot be used"],
    ['odd_error', "-32050: server 'bad', tool 'go': kaput"],
    ['invalid_arguments', "invalid_arguments: server 'bad', tool 'go': url must be a string"],
    ['huge', "limit_exceeded: server 'bad', tool 'go': an answer of "],
    ['huge_id_first', "limit_exceeded: server 'bad', tool 'go': an answer of "],
    ['deep', "limit_exceeded: server 'bad', tool 'go': the answer is nested deeper than 200 levels"],
    ['infinite', "invalid_output: server 'bad', tool 'go': the answer has a number that is too large"],
  ])('%s', async (behaviour, expected) => {
    open(behaviour, behaviour.startsWith('huge') ? { max_response_bytes: 4 * LIMIT } : {});
    await pool.connect('bad');
    const call = outcomeOf('go');
    expect(await outcomeOf('ok')).toBe('ok');
    await othersAreFine();
    if (expected.startsWith('timeout')) timeIsOver();
    expect(String(await call)).toContain(expected);
    expect(await outcomeOf('ok')).toBe('ok');
    expect(pool.status().find((each) => each.server === 'bad')?.starts).toBe(1);
  });
});

describe('a server that breaks its connection fails what is in flight and is started again', () => {
  test.each([
    ['exit_in_call', "transport: server 'bad' exited with code 9 (last line on stderr: out of luck)"],
    ['killed_in_call', "transport: server 'bad' was killed by SIGKILL"],
    ['exit_in_answer', "transport: server 'bad' exited with code 1"],
    ['endless_line', "limit_exceeded: server 'bad', tool 'go': an answer of "],
  ])('%s', async (behaviour, expected) => {
    open(behaviour);
    await pool.connect('bad');
    expect(String(await outcomeOf('go'))).toContain(expected);
    await othersAreFine();
    expect(await outcomeOf('ok')).toBe('ok');
    expect(pool.status().find((each) => each.server === 'bad')?.starts).toBe(2);
  });
});

describe('a server that is odd but answers is understood', () => {
  test.each([
    ['banner', 'went banner'],
    ['duplicate', 'first'],
    ['id_as_text', 'id as text'],
    ['unasked', 'after a hundred answers to nothing'],
    ['garbage', 'after garbage'],
    ['not_utf8', 'after bytes'],
    ['drip', 'x'.repeat(4000)],
    ['crlf', 'crlf'],
    ['id_as_text', 'id as text'],
    ['unknown_block', { type: 'hologram', data: 1 }],
    ['flood_stderr', 'went flood_stderr'],
    ['floods_requests', 'after 20000 requests'],
    ['asks_back', '-32601 -32601 -32601'],
  ])('%s', async (behaviour, expected) => {
    open(behaviour);
    expect(await outcomeOf('go')).toEqual(expected);
    expect(await outcomeOf('ok')).toBe('ok');
    expect(pool.status().find((each) => each.server === 'bad')?.starts).toBe(1);
  });

  test('names that would reach a prototype stay plain members', async () => {
    open('prototype');
    const result = (await outcomeOf('go')) as JsonObject;
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
    expect('polluted' in {}).toBe(false);
  });
});

test('a line that grows for ever byte by byte takes the calls of that server with it, at their deadlines', async () => {
  open('drip_for_ever');
  await pool.connect('bad');
  const calls = [outcomeOf('go'), outcomeOf('ok')];
  await othersAreFine();
  timeIsOver();
  for (const call of calls) expect(await call).toContain('timeout: ');
});

test('200 MB of notifications and a line that never ends leave memory where it was', async () => {
  open('many_megabytes', { max_response_bytes: 2 * LIMIT });
  await pool.connect('bad');
  const before = process.memoryUsage().rss;
  let highest = before;
  const watch = setInterval(() => {
    highest = Math.max(highest, process.memoryUsage().rss);
  }, 20);
  try {
    expect(await outcomeOf('go')).toBe('after 200 megabytes of notifications');
    await pool.close();
    open('endless_line');
    expect(String(await outcomeOf('go'))).toContain('limit_exceeded');
  } finally {
    clearInterval(watch);
  }
  expect((highest - before) / LIMIT).toBeLessThan(150);
});

test('a server that stops reading is given up before what waits for it fills the memory', async () => {
  open('stops_reading', { max_concurrent: 200 });
  await pool.connect('bad');
  await outcomeOf('go');
  const text = 'x'.repeat(LIMIT);
  const calls = Array.from({ length: 60 }, () =>
    pool.callTool('ok', { text }, callContext('bad')).catch((error: unknown) => error),
  );
  const outcomes = await Promise.all(calls);
  expect(outcomes.some((each) => each instanceof Error && each.message.includes('does not read what it is sent'))).toBe(
    true,
  );
});
