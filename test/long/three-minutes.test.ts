import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createWorkspace,
  startBuiltServer,
  stdioCommand,
  type BuiltServer,
  type Workspace,
} from '../support/built-server.ts';

const DEFINITIONS = fileURLToPath(new URL('../e2e/definitions', import.meta.url));
const CLIENT = fileURLToPath(new URL('../e2e/client.mjs', import.meta.url));
const KINDS = ['tasks-2026', 'tasks-2025', 'progress', 'plain'];
const run = promisify(execFile);

let workspace: Workspace;
/** With the soft deadline that it has by itself, and with one beyond the patience of hosts. */
let server: BuiltServer;
let patient: BuiltServer;
beforeAll(async () => {
  workspace = await createWorkspace(DEFINITIONS);
  server = await startBuiltServer(workspace);
  patient = await startBuiltServer(workspace, { env: { MCP_WORKFLOW_INLINE_WAIT_MS: '600000' } });
});
afterAll(async () => {
  await server.stop();
  await patient.stop();
  await workspace.remove();
});

describe.concurrent('a workflow of three minutes, with the settings that everybody has', () => {
  const places = [
    ['stdio', () => ({ ...stdioCommand(workspace) })],
    ['HTTP', () => ({ url: server.url, headers: { ...server.headers } })],
  ] as const;
  test.each(places.flatMap(([name, target]) => KINDS.map((kind) => [kind, name, target] as const)))(
    'a client of the kind %s gets its result over %s',
    async (kind, _transport, target) => {
      const plan = { kind, phase: 'whole', target: target(), tool: 'slow', arguments: { seconds: 180 } };
      const { stdout } = await run(process.execPath, [CLIENT, JSON.stringify(plan)]);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', text: 'waited 180 s', isError: false });
    },
  );
});

describe.concurrent('a call that stays open for 100 s, and a host that gives up after 60 s without progress', () => {
  const call = { name: 'slow', arguments: { seconds: 100 } };
  const result = { content: [{ type: 'text', text: 'waited 100 s' }] };

  test('the client of SDK 1.x gets the result in the call: progress keeps it', async () => {
    const client = new Client({ name: 'host', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL(patient.url)));
    let ticks = 0;
    const options = { resetTimeoutOnProgress: true, onprogress: () => void (ticks += 1) };
    expect(await client.callTool(call, undefined, options)).toMatchObject(result);
    expect(ticks).toBeGreaterThan(2);
    await client.close();
  });

  test('the client of SDK 2.x, which negotiates, too', async () => {
    const client = new ModernClient({ name: 'host', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(new ModernHttp(new URL(patient.url)));
    let ticks = 0;
    const options = { resetTimeoutOnProgress: true, onprogress: () => void (ticks += 1) };
    expect(await client.callTool(call, options)).toMatchObject(result);
    expect(ticks).toBeGreaterThan(2);
    await client.close();
  });
});
