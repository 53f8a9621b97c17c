import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isJsonObject } from '../../src/core/json.ts';
import { startCli } from '../support/cli-process.ts';
import type { Running } from '../support/cli-process.ts';
import { startModernTaskServer } from '../support/modern-task-server.ts';
import type { ModernTaskServer } from '../support/modern-task-server.ts';
import { rawCreate, rawRequest, textOf } from '../support/raw-client.ts';
import { waitUntil } from '../support/wait-until.ts';
import { newWorkspace } from '../support/workspace.ts';
import type { LedgerEntry, Workspace } from '../support/workspace.ts';

/** Of a remote task; other calls are held until the test releases them. */
const REMOTE_MS = 4000;

let workspace: Workspace | undefined;
let server: Running | undefined;

afterEach(async () => {
  server?.child.kill('SIGKILL');
  await server?.finished;
  await workspace?.remove();
  server = workspace = undefined;
});

/**
 * A folder with one workflow `job` that makes one long call, over the ledger (trusted or not) and the server with
 * tasks.
 */
async function folder(step: string, modern?: string): Promise<Workspace> {
  const made = await newWorkspace({
    definitions: { 'job.yaml': `name: job\ntask: required\nsteps:\n  - ${step}\noutput: { said: '{{call.text}}' }\n` },
    standIns: { ledger: {}, 'task-server': {} },
  });
  workspace = made;
  const file = join(made.path, 'servers.json');
  const { mcpServers } = JSON.parse(await readFile(file, 'utf8')) as {
    readonly mcpServers: Readonly<Record<string, { readonly env: Readonly<Record<string, string>> }>>;
  };
  const jobs = mcpServers['task-server'];
  const servers = {
    ledger: mcpServers['ledger'],
    trusted: { ...mcpServers['ledger'], trusted: true },
    jobs: { ...jobs, env: { ...jobs?.env, STATE: join(made.path, 'jobs.json') } },
    ...(modern === undefined ? {} : { modern: { url: modern } }),
  };
  await writeFile(file, JSON.stringify({ mcpServers: servers }));
  return made;
}

async function serve({ path }: Workspace): Promise<string> {
  const running = startCli(['serve', '--http', '127.0.0.1:0'], path);
  server = running;
  return await waitUntil('it serves', () => /"url":"(?<url>[^"]+)"/.exec(running.stderr())?.groups?.['url']);
}

/** Starts the workflow, kills the server in the middle of its call, and starts it again. */
async function interrupt(made: Workspace, isInFlight: (ledger: readonly LedgerEntry[]) => boolean) {
  const first = await serve(made);
  const taskId = await rawCreate(first, 'job');
  await waitUntil('the call is in flight', () => isInFlight(made.ledger()));
  server?.child.kill('SIGKILL');
  await server?.finished;
  made.release();
  return { taskId, url: await serve(made) };
}

const called = (ledger: readonly LedgerEntry[]): readonly LedgerEntry[] =>
  ledger.filter(({ tool }) => tool !== undefined);
const isCalled = (ledger: readonly LedgerEntry[]): boolean => called(ledger).length > 0;

/** The status of a task; this generation calls one whose result is an error completed. */
async function statusOf(url: string, taskId: string): Promise<string> {
  const view = await rawRequest(url, 'tasks/get', { taskId });
  const { result } = view;
  return isJsonObject(result) && result['isError'] === true ? 'failed' : textOf(view, 'status');
}

async function untilSettled(url: string, taskId: string): Promise<string> {
  return await waitUntil('it is settled', async () => {
    const status = await statusOf(url, taskId);
    return status !== 'working' && status;
  });
}

async function answer(url: string, taskId: string, action: string): Promise<void> {
  const { inputRequests } = await rawRequest(url, 'tasks/get', { taskId });
  const [key = ''] = isJsonObject(inputRequests) ? Object.keys(inputRequests) : [];
  const inputResponses = { [key]: { action: 'accept', content: { action } } };
  await rawRequest(url, 'tasks/update', { taskId, inputResponses });
}

const call = (server_: string, tool: string, more = ''): string =>
  `{ id: call, server: ${server_}, action: ${tool}, arguments: { label: pay, held: 1, ms: ${REMOTE_MS} }${more} }`;

describe('a call in flight at a SIGKILL', () => {
  it.each([
    ['on_interrupt: retry', call('ledger', 'record', ', on_interrupt: retry')],
    ['idempotent: true', call('ledger', 'record', ', idempotent: true')],
    ['a tool that its trusted server calls idempotent', call('trusted', 'idempotent')],
    ['a tool that its trusted server calls read-only', call('trusted', 'read_only')],
  ])('is made again with the same key: %s (D4, D5)', async (_, step) => {
    const made = await folder(step);
    const { taskId, url } = await interrupt(made, isCalled);
    expect(await untilSettled(url, taskId)).toBe('completed');
    const [one, two, ...more] = called(made.ledger());
    expect(more).toEqual([]);
    expect(one?.key).toMatch(/^[0-9a-f]{64}$/);
    expect(two?.key).toBe(one?.key);
    expect(two?.pid).not.toBe(one?.pid);
  });

  it('is reported and not made again: on_interrupt: fail (D4)', async () => {
    const made = await folder(call('ledger', 'record', ', on_interrupt: fail'));
    const { taskId, url } = await interrupt(made, isCalled);
    expect(await untilSettled(url, taskId)).toBe('failed');
    expect(JSON.stringify(await rawRequest(url, 'tasks/get', { taskId }))).toContain('interrupted');
    expect(called(made.ledger())).toHaveLength(1);
  });

  it.each([
    ['run_again', 'completed', 2],
    ['skip', 'completed', 1],
    ['fail', 'failed', 1],
  ])('of unknown effect is asked about, and the answer %s is done (D4)', async (action, status, calls) => {
    // Untrusted: what the server says of its tool does not count.
    const made = await folder(call('ledger', 'idempotent'));
    const { taskId, url } = await interrupt(made, isCalled);
    expect(await untilSettled(url, taskId)).toBe('input_required');
    expect(called(made.ledger())).toHaveLength(1);
    await answer(url, taskId, action);
    await waitUntil('it ends', async () => (await statusOf(url, taskId)) === status);
    expect(called(made.ledger())).toHaveLength(calls);
    expect(new Set(called(made.ledger()).map(({ key }) => key)).size).toBe(1);
  });
});

describe('a downstream task of 2025-11-25 in flight at a SIGKILL', () => {
  const count = (made: Workspace, method: string): number =>
    made.ledger().filter((entry) => entry.method === method).length;
  const isFollowed = (ledger: readonly LedgerEntry[]): boolean => ledger.some(({ method }) => method === 'tasks/get');

  it('is taken up again by its handle, not called again (D5)', async () => {
    const made = await folder(call('jobs', 'job'));
    const { taskId, url } = await interrupt(made, isFollowed);
    expect(await untilSettled(url, taskId)).toBe('completed');
    expect(JSON.stringify(await rawRequest(url, 'tasks/get', { taskId }))).toContain('job completed');
    expect([count(made, 'tools/call'), count(made, 'tasks/cancel')]).toEqual([1, 0]);
  });

  it('is cancelled with our task, also after a restart (D5, D8)', async () => {
    const made = await folder(call('jobs', 'job').replaceAll(String(REMOTE_MS), '600000'));
    const { taskId, url } = await interrupt(made, isFollowed);
    const before = count(made, 'tasks/get');
    await waitUntil('it is followed again', () => count(made, 'tasks/get') > before);
    await rawRequest(url, 'tasks/cancel', { taskId });
    expect(await statusOf(url, taskId)).toBe('cancelled');
    await waitUntil('the remote task is cancelled', () => count(made, 'tasks/cancel') === 1);
    expect(count(made, 'tools/call')).toBe(1);
  });

  it('is cancelled at the next start when our task was cancelled while nobody ran it (D5, D8)', async () => {
    const made = await folder(call('jobs', 'job').replaceAll(String(REMOTE_MS), '600000'));
    const first = await serve(made);
    const taskId = await rawCreate(first, 'job');
    await waitUntil('the remote task is followed', () => isFollowed(made.ledger()));
    server?.child.kill('SIGKILL');
    await server?.finished;
    const cancelling = startCli(['tasks', 'cancel', taskId], made.path);
    await cancelling.finished;
    expect(count(made, 'tasks/cancel')).toBe(0);
    const url = await serve(made);
    await waitUntil('the remote task is cancelled', () => count(made, 'tasks/cancel') === 1);
    expect(await statusOf(url, taskId)).toBe('cancelled');
    expect(count(made, 'tools/call')).toBe(1);
  });
});

describe('a downstream task of 2026-07-28 in flight at a SIGKILL', () => {
  let remote: ModernTaskServer;
  beforeEach(async () => {
    remote = await startModernTaskServer();
  });
  afterEach(() => remote.close());
  const count = (method: string): number => remote.events.filter((event) => event.startsWith(method)).length;
  const interrupted = async (): Promise<{ taskId: string; url: string }> => {
    const made = await folder(call('modern', 'job'), remote.url);
    const back = await interrupt(made, () => count('tasks/get') > 0);
    const before = count('tasks/get');
    await waitUntil('it is followed again', () => count('tasks/get') > before);
    return back;
  };

  it('is taken up again by its handle, whichever generation it is of (D5)', async () => {
    const { taskId, url } = await interrupted();
    remote.finish({
      status: 'completed',
      result: { resultType: 'complete', content: [{ type: 'text', text: 'remote work done' }] },
    });
    expect(await untilSettled(url, taskId)).toBe('completed');
    expect(JSON.stringify(await rawRequest(url, 'tasks/get', { taskId }))).toContain('remote work done');
    expect([count('tools/call'), count('tasks/cancel')]).toEqual([1, 0]);
  });

  it('is cancelled with our task after the restart', async () => {
    const { taskId, url } = await interrupted();
    await rawRequest(url, 'tasks/cancel', { taskId });
    expect(await statusOf(url, taskId)).toBe('cancelled');
    await waitUntil('the remote task is cancelled', () => count('tasks/cancel') === 1);
    expect(count('tools/call')).toBe(1);
  });
});
