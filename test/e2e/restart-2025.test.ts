import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createWorkspace, startBuiltServer, type BuiltServer, type Workspace } from '../support/built-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startHttpTap, type HttpTap } from '../support/wire-taps.ts';

const DEFINITIONS = fileURLToPath(new URL('definitions', import.meta.url));
/** A client that goes on trying while its server is away. */
const PATIENT = {
  maxRetries: 200,
  initialReconnectionDelay: 100,
  maxReconnectionDelay: 100,
  reconnectionDelayGrowFactor: 1,
};

let workspace: Workspace;
let server: BuiltServer;
let tap: HttpTap;
let client: Client;
beforeEach(async () => {
  workspace = await createWorkspace(DEFINITIONS);
  server = await startBuiltServer(workspace);
  // One address for all processes of the server.
  tap = await startHttpTap(() => server.url);
  client = new Client({ name: 'patient', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(tap.url), { reconnectionOptions: PATIENT }));
});
afterEach(async () => {
  await client.close();
  await tap.close();
  await server.stop();
  await workspace.remove();
});

/** Kills the server once the task runs and its request is long enough under way to be in the store. */
async function restart(end: 'kill' | 'stop'): Promise<void> {
  await waitUntil('the request waits for a while', async () => {
    const { structuredContent } = await client.callTool({ name: 'tasks_list', arguments: { status: 'working' } });
    const [task] = (structuredContent as { readonly tasks: readonly { readonly createdAt: string }[] }).tasks; // as the tool's schema says
    return task !== undefined && Date.now() - Date.parse(task.createdAt) > 1_000;
  });
  await server[end]();
  server = await startBuiltServer(workspace);
}

test('a plain call gets its result from the process after the one that was killed, and the workflow runs once', async () => {
  const result = client.callTool({ name: 'slow', arguments: { seconds: 4 } });
  await restart('kill');
  expect(await result).toMatchObject({ content: [{ text: 'waited 4 s' }] });
  const { structuredContent } = await client.callTool({ name: 'tasks_list', arguments: {} });
  expect(structuredContent).toMatchObject({ tasks: [{ workflow: 'slow', status: 'completed' }] });
});

test('a waiting tasks/result gets its answer from the process after the one that was killed', async () => {
  const stream = client.experimental.tasks.callToolStream(
    { name: 'slow', arguments: { seconds: 4 } },
    CallToolResultSchema,
    { task: { ttl: 600_000 } },
  );
  const { value: created } = await stream.next();
  expect(created).toMatchObject({ type: 'taskCreated' });
  const taskId = created?.type === 'taskCreated' ? created.task.taskId : '';
  const result = client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
  await restart('kill');
  expect(await result).toMatchObject({ content: [{ text: 'waited 4 s' }] });
});

test('a client goes on with its session after its server was stopped and started, as if nothing had happened', async () => {
  const result = client.callTool({ name: 'slow', arguments: { seconds: 4 } });
  await restart('stop');
  // A server that stops tells what it knows; the rest is asked of the next one.
  const { structuredContent } = await result;
  const { task } = structuredContent as { readonly task: { readonly taskId: string } }; // a call that goes on
  const ended = await client.callTool({ name: 'tasks_result', arguments: { taskId: task.taskId, wait_seconds: 30 } });
  expect(ended).toMatchObject({ content: [{ text: 'waited 4 s' }] });
});
