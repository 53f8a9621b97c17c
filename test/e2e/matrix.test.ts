import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import {
  createWorkspace,
  startBuiltServer,
  stdioCommand,
  type BuiltServer,
  type Workspace,
} from '../support/built-server.ts';
import { checkTap, startHttpTap, tapped } from '../support/wire-taps.ts';

const DEFINITIONS = fileURLToPath(new URL('definitions', import.meta.url));
const CLIENT = fileURLToPath(new URL('client.mjs', import.meta.url));
const KINDS = ['tasks-2026', 'tasks-2025', 'progress', 'plain'];
/** The soft deadline of 45 s stands to a run of 3 minutes as this one to a run of 3 s. */
const ENV = { MCP_WORKFLOW_INLINE_WAIT_MS: '800', MCP_WORKFLOW_POLL_INTERVAL_MS: '100' };
const run = promisify(execFile);

/** What the client process has printed. */
interface Got {
  readonly status?: string;
  readonly statusMessage?: string;
  readonly text?: string;
  readonly isError?: boolean;
  readonly taskId?: string;
  readonly told?: string;
  readonly deferred?: boolean;
  readonly ticks?: readonly number[];
}

/** A way to be reached that outlives a restart. */
interface Place {
  /** For one client; what it is sent is checked in `check`, at the latest. */
  target(): JsonObject;
  check(): void;
  restart(): Promise<void>;
  remove(): Promise<void>;
}

async function overStdio(): Promise<Place> {
  const workspace = await createWorkspace(DEFINITIONS);
  let log = '';
  let clients = 0;
  return {
    target: () => {
      log = join(workspace.dir, `wire-${(clients += 1)}.jsonl`);
      return { ...tapped(stdioCommand(workspace, { env: ENV }), log) };
    },
    check: () => expect(checkTap(log)).toBeGreaterThan(0),
    // Every client starts a server of its own.
    restart: () => Promise.resolve(),
    remove: () => workspace.remove(),
  };
}

async function overHttp(): Promise<Place> {
  const workspace: Workspace = await createWorkspace(DEFINITIONS);
  let server: BuiltServer = await startBuiltServer(workspace, { env: ENV });
  const tap = await startHttpTap(() => server.url);
  return {
    target: () => ({ url: tap.url, headers: { ...server.headers } }),
    check: () => expect(tap.checked()).toBeGreaterThan(0),
    restart: async () => {
      await server.kill();
      server = await startBuiltServer(workspace, { env: ENV });
    },
    remove: async () => {
      await tap.close();
      await server.stop();
      await workspace.remove();
    },
  };
}

describe.each([
  ['stdio', overStdio],
  ['HTTP', overHttp],
])('over %s', (_transport, open) => {
  let place: Place;
  beforeAll(async () => {
    place = await open();
  });
  afterAll(() => place.remove());

  describe.each(KINDS)('a client process of the kind %s', (kind) => {
    const inline = kind === 'progress' || kind === 'plain';

    async function client(plan: JsonObject): Promise<Got> {
      const { stdout } = await run(process.execPath, [
        CLIENT,
        JSON.stringify({ kind, phase: 'whole', target: place.target(), ...plan }),
      ]);
      place.check();
      return JSON.parse(stdout) as Got; // printed by client.mjs
    }

    test('gets the result of a short workflow', async () => {
      const got = await client({ tool: 'quick', arguments: { n: 7 } });
      expect(got).toMatchObject({ text: '{"n":7}', isError: false });
      if (inline) expect(got.deferred).toBe(false);
      else expect(got.status).toBe('completed');
    });

    test('gets the result of one that lasts several times as long as its host would wait', async () => {
      const got = await client({ tool: 'slow', arguments: { seconds: 3 } });
      expect(got).toMatchObject({ status: 'completed', text: 'waited 3 s', isError: false });
      if (inline) expect(got.deferred).toBe(true);
    });

    test('answers a question on the way', async () => {
      const got = await client({ tool: 'asks', name: 'Ada' });
      expect(got).toMatchObject({ text: 'accept: {"name":"Ada"}', isError: false });
    });

    test('answers a question after the server was restarted', async () => {
      const { taskId, told } = await client({ tool: 'asks', phase: 'begin' });
      expect(taskId).toEqual(expect.any(String));
      if (inline) expect(told).toContain('tasks_update');
      await place.restart();
      const got = await client({ phase: 'finish', taskId: taskId ?? '', name: 'Grace' });
      expect(got).toMatchObject({ status: 'completed', text: 'accept: {"name":"Grace"}', isError: false });
    });

    test('learns why a workflow failed', async () => {
      const got = await client({ tool: 'fails' });
      expect(got).toMatchObject({ isError: true, text: "step 'break' failed (tool_error): the printer is on fire" });
      if (kind === 'tasks-2025') expect(got).toMatchObject({ status: 'failed', statusMessage: got.text ?? '' });
      if (kind === 'tasks-2026') expect(got.status).toBe('completed');
    });

    test('cancels', async () => {
      const got = await client({ tool: 'slow', arguments: { seconds: 60 }, phase: 'cancel' });
      expect(got.status).toBe('cancelled');
    });

    if (kind === 'progress') {
      test('sees the progress of a workflow in its own numbers', async () => {
        const { ticks } = await client({ tool: 'talks' });
        expect(ticks?.[0]).toBe(0);
        expect(ticks?.at(-1)).toBe(2);
      });
    }
  });
});
