import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Interruption } from '../../../src/core/failure.ts';
import type { JsonValue } from '../../../src/core/json.ts';
import type { DownstreamPool } from '../../../src/downstream/pool.ts';
import { callContext, openPool, testServer } from '../../support/downstream-pool.ts';
import { startModernTaskServer, type ModernTaskServer } from '../../support/modern-task-server.ts';
import { waitUntil } from '../../support/wait-until.ts';

let folder: string;
let pool: DownstreamPool;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'remote-task-'));
});
afterEach(async () => {
  await pool.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Entry {
  readonly method: string;
  readonly task?: boolean;
}
const ledger = (): Entry[] => {
  try {
    return readFileSync(path.join(folder, 'ledger'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Entry);
  } catch {
    return [];
  }
};
const count = (method: string): number => ledger().filter((entry) => entry.method === method).length;

describe('a tool of the 2025-11-25 generation that can run as a task', () => {
  beforeEach(() => {
    pool = openPool({
      s: testServer('task-server.mjs', [], {
        env: { LEDGER: path.join(folder, 'ledger'), STATE: path.join(folder, 'state') },
      }),
    });
  });

  function collect() {
    const handles: JsonValue[] = [];
    const onHandle = (handle: JsonValue): Promise<void> => {
      handles.push(handle);
      return Promise.resolve();
    };
    return { handles, onHandle };
  }

  test('is called as one, its handle is reported before its result is awaited, and the result is its result', async () => {
    const { handles, onHandle } = collect();
    const result = await pool.callTool('job', { ms: 150 }, callContext('s', { onHandle }));
    expect(result.content).toEqual([{ type: 'text', text: 'job completed' }]);
    expect(handles).toEqual([
      { kind: 'mcp-task', generation: 'legacy', taskId: expect.any(String) as unknown, pollMs: 50 },
    ]);
    expect(ledger()[0]).toMatchObject({ method: 'tools/call', task: true, key: 'key-1' });
  });

  test('is called plainly when nobody keeps the handle and the tool does not insist', async () => {
    expect((await pool.callTool('job', {}, callContext('s'))).content[0]).toMatchObject({ text: 'called plainly' });
    expect((await pool.callTool('must', { ms: 1 }, callContext('s'))).content[0]).toMatchObject({
      text: 'job completed',
    });
    const { onHandle } = collect();
    expect((await pool.callTool('plain', {}, callContext('s', { onHandle }))).content[0]).toMatchObject({
      text: 'called plainly',
    });
    expect(
      ledger()
        .filter((entry) => entry.method === 'tools/call')
        .map((entry) => entry.task),
    ).toEqual([false, true, false]);
  });

  test('with a failing result or a JSON-RPC error gives just that', async () => {
    expect(await pool.callTool('must', { ms: 1, fail: 'result' }, callContext('s'))).toMatchObject({ isError: true });
    await expect(pool.callTool('must', { ms: 1, fail: 'error' }, callContext('s'))).rejects.toMatchObject({
      failure: { code: '-32077' },
    });
  });

  test('is taken up again by its handle, without another call, even when the server was restarted', async () => {
    const { handles, onHandle } = collect();
    const stop = new AbortController();
    const first = pool
      .callTool('job', { ms: 1500 }, callContext('s', { onHandle, signal: stop.signal }))
      .catch((error: unknown) => error);
    await waitUntil('the task is looked at', () => count('tasks/get') > 0);
    stop.abort(new Interruption('shutdown'));
    expect(await first).toBe(stop.signal.reason);
    const [handle] = handles;
    if (handle === undefined) throw new Error('no handle');
    const second = pool.callTool('job', { ms: 1500 }, callContext('s', { onHandle, handle }));
    const pid = pool.status()[0]?.pid;
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    expect((await second).content[0]).toMatchObject({ text: 'job completed' });
    expect(pool.status()[0]?.starts).toBe(2);
    expect([count('tools/call'), count('tasks/cancel'), handles.length]).toEqual([1, 0, 1]);
  });

  test.each([
    ['a timeout', new Error('timeout'), 1],
    ['a cancel of our task, whose clean-up sees to it and is not lost in a crash,', new Interruption('cancel'), 0],
    ['a stop of ours', new Interruption('shutdown'), 0],
    ['a hand-over', new Interruption('fenced'), 0],
  ])('%s ends the wait at once, and the remote task only when it is meant', async (_, reason, cancels) => {
    const { onHandle } = collect();
    const controller = new AbortController();
    const call = pool
      .callTool('job', { ms: 60_000 }, callContext('s', { onHandle, signal: controller.signal }))
      .catch((error: unknown) => error);
    await waitUntil('the task is looked at', () => count('tasks/get') > 0);
    controller.abort(reason);
    expect(await call).toBe(reason);
    expect(count('tasks/cancel')).toBe(cancels);
  });

  test('is cancelled by its handle, in a new connection; one that is over or unknown is as good', async () => {
    const { handles, onHandle } = collect();
    const stop = new AbortController();
    const call = pool
      .callTool('job', { ms: 60_000 }, callContext('s', { onHandle, signal: stop.signal }))
      .catch((error: unknown) => error);
    await waitUntil('the task is looked at', () => count('tasks/get') > 0);
    stop.abort(new Interruption('cancel'));
    await call;
    const pid = pool.status()[0]?.pid;
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    const never = new AbortController().signal;
    await pool.abandon('s', handles[0] ?? null, never);
    expect(count('tasks/cancel')).toBe(1);
    await pool.abandon('s', { kind: 'mcp-task', generation: 'legacy', taskId: 'gone', pollMs: 50 }, never);
    await expect(pool.abandon('other', handles[0] ?? null, never)).rejects.toMatchObject({
      failure: { code: 'server_not_found' },
    });
  });

  test('whose handle cannot be written down is cancelled, as nobody will ever know of it', async () => {
    const onHandle = (): Promise<void> => Promise.reject(new Interruption('cancel'));
    const call = pool.callTool('job', { ms: 60_000 }, callContext('s', { onHandle }));
    await expect(call).rejects.toMatchObject({ why: 'cancel' });
    expect(count('tasks/cancel')).toBe(1);
  });

  test('that the server does not know any more is interrupted: its outcome is unknown', async () => {
    const handle = { kind: 'mcp-task', generation: 'legacy', taskId: 'gone', pollMs: 50 };
    await expect(pool.callTool('job', {}, callContext('s', { handle }))).rejects.toMatchObject({
      failure: { code: 'interrupted' },
    });
    expect(count('tools/call')).toBe(0);
  });
});

describe('a server of the 2026-07-28 generation that makes a task of a call', () => {
  let server: ModernTaskServer;

  beforeEach(async () => {
    server = await startModernTaskServer();
    pool = openPool({ s: { url: server.url } });
  });
  afterEach(() => server.close());

  async function start(signal = new AbortController().signal) {
    const handles: JsonValue[] = [];
    const onHandle = (handle: JsonValue): Promise<void> => Promise.resolve(void handles.push(handle));
    const call = pool.callTool('job', {}, callContext('s', { onHandle, signal })).catch((error: unknown) => error);
    await waitUntil('the task is looked at', () => server.events.includes('tasks/get'));
    return { call, handles };
  }

  test('is followed to its result, which is the result of the call', async () => {
    const { call, handles } = await start();
    expect(handles).toMatchObject([{ kind: 'mcp-task', generation: 'modern', pollMs: 50 }]);
    server.finish({
      status: 'completed',
      result: { resultType: 'complete', content: [{ type: 'text', text: 'done' }], structuredContent: { a: 1 } },
    });
    expect(await call).toEqual({ content: [{ type: 'text', text: 'done' }], structuredContent: { a: 1 } });
    expect(server.events[0]).toBe('tools/call true');
  });

  test.each([
    [
      { status: 'failed', error: { code: -32099, message: 'broke', data: { a: 1 } } },
      { code: '-32099', data: { a: 1 } },
    ],
    [{ status: 'cancelled' }, { code: 'tool_error' }],
    [
      { status: 'input_required', inputRequests: { a: { method: 'elicitation/create', params: {} } } },
      { code: 'input_declined' },
    ],
    [{ status: 'completed', result: 'odd' }, { code: 'transport' }],
  ])('that ends as %j fails the call', async (end, failure) => {
    const { call } = await start();
    server.finish(end);
    expect(await call).toMatchObject({ failure });
  });

  test('is cancelled with the call, and by its handle', async () => {
    const controller = new AbortController();
    const { call, handles } = await start(controller.signal);
    controller.abort(new Error('timeout'));
    expect(await call).toBe(controller.signal.reason);
    expect(server.events.at(-1)).toBe('tasks/cancel');
    expect(server.events.filter((event) => event === 'tasks/cancel')).toHaveLength(1);
    await pool.abandon('s', handles[0] ?? null, new AbortController().signal);
    expect(server.events.filter((event) => event === 'tasks/cancel')).toHaveLength(2);
    expect(server.events.at(-1)).toBe('tasks/cancel');
  });
});
