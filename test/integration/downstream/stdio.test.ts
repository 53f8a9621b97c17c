import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../../src/core/clock.ts';
import { Interruption } from '../../../src/core/failure.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { DownstreamPool } from '../../../src/downstream/pool.ts';
import { callContext, openPool, testServer } from '../../support/downstream-pool.ts';
import { processGroup } from '../../support/process-list.ts';
import { waitUntil } from '../../support/wait-until.ts';

let folder: string;
let ledger: string;
let pool: DownstreamPool;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'downstream-'));
  ledger = path.join(folder, 'ledger.jsonl');
});
afterEach(async () => {
  await pool.close();
  rmSync(folder, { recursive: true, force: true });
});

function open(more: JsonObject = {}, server = 'ledger.mjs', args: readonly string[] = []): DownstreamPool {
  pool = openPool({ s: testServer(server, args, { env: { LEDGER: ledger }, ...more }) });
  return pool;
}

function calls(): readonly { readonly tool: string; readonly key: string; readonly pid: number }[] {
  return readFileSync(ledger, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { tool: string; key: string; pid: number });
}

function firstPid(): number {
  const pid = pool.status()[0]?.pid;
  if (pid === undefined) throw new Error('the server is not running');
  return pid;
}

describe('a server over stdio', () => {
  test('is started by the first call, not before, and is kept for the next ones', async () => {
    open();
    expect(pool.status()[0]).toMatchObject({ server: 's', state: 'idle', starts: 0 });
    expect(pool.repeatability('s', 'read_only')).toBe('unknown');
    expect(pool.status()[0]?.starts).toBe(0);
    await pool.callTool('record', { label: 'a' }, callContext('s'));
    await pool.callTool('record', { label: 'b' }, callContext('s'));
    expect(pool.status()[0]).toMatchObject({ state: 'ready', starts: 1, tools: 8 });
    expect(new Set(calls().map((call) => call.pid)).size).toBe(1);
  });

  test('gets the idempotency key of the call, and its result comes back as the server gave it', async () => {
    open();
    const result = await pool.callTool(
      'echo',
      { list: [1, { a: null }] },
      callContext('s', { idempotencyKey: 'task/step' }),
    );
    expect(result).toEqual({
      content: [{ type: 'text', text: '{"list":[1,{"a":null}]}' }],
      structuredContent: { list: [1, { a: null }] },
    });
    expect(calls()[0]?.key).toBe('task/step');
  });

  test('a result with isError is returned, not thrown', async () => {
    open();
    const result = await pool.callTool('record', { label: 'x', fail_times: 1 }, callContext('s'));
    expect(result.isError).toBe(true);
  });

  test('a JSON-RPC error becomes its number as text, bad parameters become invalid_arguments', async () => {
    open();
    const call = (code: number) =>
      pool.callTool('record', { label: `c${code}`, fail_times: 1, fail_code: code }, callContext('s'));
    await expect(call(-32050)).rejects.toMatchObject({
      failure: { code: '-32050', message: expect.stringContaining('failure 1 of c-32050') as unknown },
    });
    await expect(call(-32602)).rejects.toMatchObject({ failure: { code: 'invalid_arguments' } });
  });

  test('an unknown tool is tool_not_found with a suggestion and reaches no server', async () => {
    open();
    await expect(pool.callTool('ecco', {}, callContext('s'))).rejects.toMatchObject({
      failure: { code: 'tool_not_found', message: "server 's' has no tool 'ecco'; did you mean 'echo'?" },
    });
    await pool.callTool('echo', {}, callContext('s'));
    expect(calls()).toHaveLength(1);
  });

  test('an unknown server is server_not_found and names the configured ones', async () => {
    open();
    await expect(pool.callTool('echo', {}, callContext('t'))).rejects.toMatchObject({
      failure: { code: 'server_not_found', message: expect.stringContaining("it lists 's'") as unknown },
    });
  });

  test('a trusted server that was not connected yet is asked about its tools, any other is not even started', async () => {
    const never = new AbortController().signal;
    open({ trusted: true });
    expect(pool.repeatability('s', 'read_only')).toBe('unknown');
    expect(await pool.learnRepeatability('s', 'read_only', never)).toBe('read_only');
    await pool.close();
    open();
    expect(await pool.learnRepeatability('s', 'read_only', never)).toBe('unknown');
    expect(pool.toolFacts('s', 'read_only')).toBeUndefined();
  });

  test('annotations are believed of a trusted server only', async () => {
    open({ trusted: true });
    await pool.connect('s');
    expect(['read_only', 'idempotent', 'record'].map((tool) => pool.repeatability('s', tool))).toEqual([
      'read_only',
      'idempotent',
      'unknown',
    ]);
    await pool.close();
    open();
    await pool.connect('s');
    expect(pool.repeatability('s', 'read_only')).toBe('unknown');
    expect(pool.toolFacts('s', 'read_only')?.annotations).toEqual({ readOnlyHint: true });
  });

  test('progress of the call is passed on', async () => {
    open();
    const seen: number[] = [];
    await pool.callTool(
      'slow',
      { label: 'p', delay_ms: 50 },
      callContext('s', { onProgress: (progress) => seen.push(progress.progress) }),
    );
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  test('no more calls are in flight at once than the file allows, and the others follow in order', async () => {
    open({ max_concurrent: 2 });
    await pool.connect('s');
    const all = ['a', 'b', 'c', 'd', 'e'].map((label) =>
      pool.callTool('record', { label, delay_ms: 100 }, callContext('s')),
    );
    expect(
      await waitUntil('two calls are in the ledger', () => pool.status()[0]?.active === 2 && pool.status()[0]),
    ).toMatchObject({ queued: 3 });
    await Promise.all(all);
    expect(calls()).toHaveLength(5);
    expect(pool.status()[0]).toMatchObject({ active: 0, queued: 0 });
  });

  test('a call that waits for its turn leaves the queue when it is aborted', async () => {
    open({ max_concurrent: 1 });
    const first = new AbortController();
    const hanging = pool
      .callTool('hang', {}, callContext('s', { signal: first.signal }))
      .catch((error: unknown) => error);
    const second = new AbortController();
    const waiting = pool
      .callTool('echo', {}, callContext('s', { signal: second.signal }))
      .catch((error: unknown) => error);
    second.abort(new Interruption('cancel'));
    expect(await waiting).toBe(second.signal.reason);
    first.abort(new Interruption('shutdown'));
    expect(await hanging).toBe(first.signal.reason);
    await pool.callTool('echo', {}, callContext('s'));
  });

  test('a call that gets no answer in time is a timeout, and the server is told', async () => {
    open({ timeout_seconds: 0.3 });
    await expect(pool.callTool('slow', { label: 't', delay_ms: 2000 }, callContext('s'))).rejects.toMatchObject({
      failure: { code: 'timeout', message: "server 's', tool 'slow': no answer within 0.3 s" },
    });
    await pool.callTool('echo', {}, callContext('s'));
    expect(pool.status()[0]?.starts).toBe(1);
  });

  test('an abort rejects with its reason at once and reaches the server', async () => {
    open({}, 'cancellable.mjs');
    const controller = new AbortController();
    const call = pool
      .callTool('wait', {}, callContext('s', { signal: controller.signal }))
      .catch((error: unknown) => error);
    await waitUntil('the call has reached the server', () => eventsIn(ledger).includes('started'));
    controller.abort(new Interruption('cancel'));
    expect(await call).toBe(controller.signal.reason);
    await waitUntil('the server has seen the cancellation', () => eventsIn(ledger).includes('cancelled'));
  });
});

describe('a server that dies', () => {
  test('fails the calls in flight with its exit code and the last line of stderr, and is started again', async () => {
    open();
    await pool.connect('s');
    const other = pool.callTool('hang', {}, callContext('s')).catch((error: unknown) => error);
    await expect(pool.callTool('crash', { label: 'boom' }, callContext('s'))).rejects.toMatchObject({
      failure: {
        code: 'transport',
        message: "server 's' exited with code 3 (last line on stderr: crashing as told: boom)",
      },
    });
    expect(await other).toMatchObject({ failure: { code: 'transport' } });
    await pool.callTool('echo', {}, callContext('s'));
    expect(pool.status()[0]).toMatchObject({ state: 'ready', starts: 2 });
  });

  test('by a signal is told so', async () => {
    open();
    await pool.connect('s');
    const call = pool.callTool('hang', {}, callContext('s')).catch((error: unknown) => error);
    await waitUntil('the call is in flight', () => pool.status()[0]?.active === 1);
    process.kill(firstPid(), 'SIGKILL');
    expect(await call).toMatchObject({ failure: { code: 'transport', message: "server 's' was killed by SIGKILL" } });
  });

  test('or hangs altogether is stopped after a call without an answer, and started again', async () => {
    open({ timeout_seconds: 0.5 }, 'hostile.mjs', ['freezes']);
    await pool.connect('s');
    const pid = firstPid();
    await expect(pool.callTool('go', {}, callContext('s'))).rejects.toMatchObject({ failure: { code: 'timeout' } });
    await waitUntil('the frozen process is gone', () => processGroup(pid).length === 0);
    await pool.callTool('ok', {}, callContext('s'));
    expect(pool.status()[0]).toMatchObject({ state: 'ready', starts: 2 });
  });

  test('at each start is tried with growing delays, and a call says why it fails', async () => {
    const delays: number[] = [];
    // Time stands still between two starts, so each delay is waited for in full.
    const clock: Clock = {
      ...systemClock,
      monotonic: () => 0,
      sleep: (ms, signal) => {
        delays.push(ms);
        return systemClock.sleep(ms, signal);
      },
    };
    pool = openPool({ s: testServer('hostile.mjs', ['exit_at_once']) }, { clock });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(pool.callTool('ok', {}, callContext('s'))).rejects.toMatchObject({
        failure: {
          code: 'transport',
          message: "server 's' exited with code 7 (last line on stderr: missing configuration: API_URL)",
        },
      });
    }
    // 0.25 s and 0.5 s, halved by jitter, among the time limits of each start.
    expect(delays.filter((ms) => ms === 125 || ms === 250)).toEqual([125, 250]);
    expect(pool.status()[0]).toMatchObject({ state: 'waiting', starts: 3 });
  });

  test('a command that does not exist, a folder that does not exist, a variable that is not set: each is named', async () => {
    pool = openPool({
      a: { command: 'no-such-command-here' },
      b: { command: process.execPath, cwd: '/no/such/folder' },
      c: { command: process.execPath, env: { TOKEN: '${NO_SUCH_VARIABLE}' } },
    });
    const message = async (server: string): Promise<unknown> =>
      pool
        .callTool('x', {}, callContext(server))
        .catch((error: unknown) => (error instanceof Error ? error.message : error));
    expect(await message('a')).toContain("'no-such-command-here' was not found");
    expect(await message('b')).toContain('/no/such/folder');
    expect(await message('c')).toContain('NO_SUCH_VARIABLE');
  });
});

describe('after close', () => {
  test.each(['ignores_sigterm', 'grandchildren', 'hang'])(
    'nothing of the process tree is left (%s)',
    async (behaviour) => {
      open({}, 'hostile.mjs', [behaviour]);
      await pool.callTool('ok', {}, callContext('s'));
      const pid = firstPid();
      expect(processGroup(pid).length).toBeGreaterThan(behaviour === 'grandchildren' ? 2 : 0);
      await pool.close();
      expect(processGroup(pid)).toEqual([]);
    },
  );

  test('a server that is still starting is gone too', async () => {
    open({}, 'hostile.mjs', ['silent']);
    const call = pool.callTool('ok', {}, callContext('s')).catch((error: unknown) => error);
    await waitUntil('the server is starting', () => pool.status()[0]?.state === 'starting');
    await pool.close();
    expect(await call).toMatchObject({ failure: { code: 'transport' } });
    await expect(pool.callTool('ok', {}, callContext('s'))).rejects.toMatchObject({ failure: { code: 'transport' } });
  });

  test('what a server left behind when it died is gone as well', async () => {
    open({}, 'hostile.mjs', ['grandchildren']);
    await pool.callTool('ok', {}, callContext('s'));
    const pid = firstPid();
    process.kill(pid, 'SIGKILL');
    await waitUntil('the whole group is gone', () => processGroup(pid).length === 0);
  });
});

describe('secrets', () => {
  test('are taken from the environment, reach the server, and come back in no result, error or log', async () => {
    const lines: string[] = [];
    const log = (fields: object, message: string): void => void lines.push(JSON.stringify(fields) + message);
    const logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
    const secret = 'tok-"quoted"-1234567890';
    pool = openPool(
      { s: testServer('leaky.mjs', ['--key=${SECRET_TOKEN}'], { env: { TOKEN: '${SECRET_TOKEN}', PLAIN: 'plain' } }) },
      { environment: { SECRET_TOKEN: secret, UNRELATED: 'must not be inherited' }, logger },
    );
    const result = await pool.callTool('environment', {}, callContext('s'));
    expect(result.structuredContent).toMatchObject({ sameAsArgument: true, PLAIN: 'plain', TOKEN: '***' });
    expect(result.structuredContent).not.toHaveProperty('UNRELATED');
    await expect(pool.callTool('fail', {}, callContext('s'))).rejects.toMatchObject({ failure: { code: '-32000' } });
    const failure: unknown = await pool
      .callTool('fail', {}, callContext('s'))
      .catch((error: unknown) => (error as { failure: unknown }).failure);
    await expect(pool.callTool('die', {}, callContext('s'))).rejects.toMatchObject({
      failure: { message: expect.stringContaining('***') as unknown },
    });
    const everything = JSON.stringify([result, failure, lines, pool.status()]);
    expect(everything).not.toContain('1234567890');
    expect(lines.length).toBeGreaterThan(0);
  });
});

function eventsIn(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trim().split('\n');
  } catch {
    return [];
  }
}
