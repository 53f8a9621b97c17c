import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isJsonObject, type JsonObject } from '../../../src/core/json.ts';
import { createWorkspace, startBuiltServer, type BuiltServer, type Workspace } from '../../support/built-server.ts';
import { rawHttp } from '../../support/wire-clients.ts';
import type { WireClient } from '../../support/wire-client.ts';

const ASKS = `
name: asks
steps:
  - { id: first, type: elicit, message: "First?" }
  - { id: second, type: elicit, message: "Second?" }
`;

const ONE_AT_A_TIME = `
name: alone
concurrency: { limit: 1 }
steps:
  - { id: ask, type: elicit, message: "Done?" }
`;

let sources: string;
let workspace: Workspace;
let servers: BuiltServer[] = [];
let clients: WireClient[] = [];

beforeEach(async () => {
  sources = await mkdtemp(join(tmpdir(), 'mcp-workflow-two-'));
  await mkdir(join(sources, 'definitions'));
  await writeFile(join(sources, 'definitions/asks.yaml'), ASKS);
  await writeFile(join(sources, 'definitions/alone.yaml'), ONE_AT_A_TIME);
  workspace = await createWorkspace(join(sources, 'definitions'));
});

afterEach(async () => {
  for (const client of clients) await client.close();
  await Promise.all(servers.map((server) => server.kill()));
  clients = [];
  servers = [];
  await workspace.remove();
  await rm(sources, { recursive: true });
});

/** A server on the data folder that all share, and a client of it alone. */
async function serverWithClient(): Promise<WireClient> {
  const server = await startBuiltServer(workspace);
  servers.push(server);
  const client = await rawHttp(server);
  clients.push(client);
  return client;
}

async function start(client: WireClient, name: string): Promise<string> {
  const { task } = await client.request('tools/call', { name, arguments: {}, task: { ttl: 600_000 } });
  const id = isJsonObject(task) ? task['taskId'] : undefined;
  return typeof id === 'string' ? id : '';
}

async function answer(client: WireClient, taskId: string, key: string): Promise<void> {
  const inputResponses = { [key]: { action: 'accept', content: {} } };
  await client.request('tools/call', { name: 'tasks_update', arguments: { taskId, inputResponses } });
}

const params = (message: JsonObject): JsonObject => (isJsonObject(message['params']) ? message['params'] : {});

const statusIs =
  (taskId: string, status: string) =>
  (message: JsonObject): boolean =>
    message['method'] === 'notifications/tasks/status' &&
    params(message)['taskId'] === taskId &&
    params(message)['status'] === status;

describe('two servers on one data folder', () => {
  test('a client of one hears of the task that the other runs: status and updated resource', async () => {
    const runs = await serverWithClient();
    const looks = await serverWithClient();
    const taskId = await start(runs, 'asks');
    await runs.message(statusIs(taskId, 'input_required'));
    const uri = `workflow://tasks/${taskId}`;
    await looks.request('resources/subscribe', { uri });
    expect(await looks.request('tasks/get', { taskId })).toMatchObject({ status: 'input_required' });
    // What one client answers through its server, the run in the other server takes, and both clients hear the end.
    await answer(looks, taskId, 'in-1');
    await looks.message(
      (message) => message['method'] === 'notifications/resources/updated' && params(message)['uri'] === uri,
    );
    await looks.message(statusIs(taskId, 'input_required'));
    await answer(looks, taskId, 'in-2');
    await Promise.all([runs, looks].map((client) => client.message(statusIs(taskId, 'completed'))));
  });

  test('one line for a workflow with a limit: the task of one server waits for that of the other', async () => {
    const one = await serverWithClient();
    const two = await serverWithClient();
    const first = await start(one, 'alone');
    await one.message(statusIs(first, 'input_required'));
    const second = await start(two, 'alone');
    await two.message(
      (message) =>
        params(message)['taskId'] === second &&
        params(message)['statusMessage'] === 'waiting for its turn: 1 before it',
    );
    await answer(two, first, 'in-1');
    await two.message(statusIs(second, 'input_required'));
  });
});
