import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { PLANNER_TOOLS } from '../../../src/planner/tools.ts';
import {
  startBuiltServer,
  stdioCommand,
  type BuiltServer,
  type ServerOptions,
  type Workspace,
} from '../../support/built-server.ts';
import { runCli } from '../../support/cli-process.ts';
import { ask, callBody, emptyWorkspace, type RouteAnswer } from '../../support/planner-server.ts';
import { textIn, TWO_TASKS } from '../../support/planner-world.ts';
import { rawRequest } from '../../support/raw-client.ts';
import { sdkTwo } from '../../support/real-clients.ts';
import type { WireClient } from '../../support/wire-client.ts';
import { rawHttp, rawStdio, sdkStdio } from '../../support/wire-clients.ts';

const NAMES = PLANNER_TOOLS.map(({ name }) => name);
const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
const request = { originalRequest: 'Automate financial reporting sequence', tasks: TWO_TASKS };

let workspace: Workspace;
let servers: BuiltServer[] = [];
let clients: WireClient[] = [];

beforeEach(async () => {
  workspace = await emptyWorkspace();
});

afterEach(async () => {
  for (const client of clients) await client.close();
  await Promise.all(servers.map((server) => server.stop()));
  servers = [];
  clients = [];
  await workspace.remove();
});

async function serve(
  options: ServerOptions & { readonly token?: { readonly name: string; readonly secret: string } } = {},
): Promise<BuiltServer> {
  const server = await startBuiltServer(workspace, { ...options, flags: ['--planner', ...(options.flags ?? [])] });
  servers.push(server);
  return server;
}

const over = (server: BuiltServer, name: string, args: JsonObject, key?: string): Promise<RouteAnswer> =>
  ask(server, '/call-tool', callBody(name, args, key));

/** From a request to its completion, by whatever calls tools; answers with what each call said first. */
async function wholeLife(call: (name: string, args: JsonObject) => Promise<JsonObject>): Promise<readonly string[]> {
  const said: string[] = [];
  const step = async (name: string, args: JsonObject = {}): Promise<JsonObject> => {
    const answer = await call(name, args);
    said.push(textIn(answer, 'message').split('\n')[0] ?? '');
    return answer;
  };
  const { requestId = null } = await step('request_planning', request);
  await step('add_tasks_to_request', { requestId, tasks: [{ title: 'Send it', description: 'By mail' }] });
  await step('update_task', { requestId, taskId: 'task-3', title: 'Send it off' });
  await step('delete_task', { requestId, taskId: 'task-2' });
  for (;;) {
    const { taskId = null } = await step('get_next_task', { requestId });
    if (taskId === null) break;
    await step('mark_task_done', { requestId, taskId, completedDetails: 'as told' });
  }
  for (const taskId of ['task-1', 'task-3']) await step('approve_task_completion', { requestId, taskId });
  await step('open_task_details', { taskId: 'task-3' });
  await step('approve_request_completion', { requestId });
  const { requests } = await step('list_requests');
  expect(requests).toEqual([
    { requestId, originalRequest: request.originalRequest, tasksDone: 2, totalTasks: 2, completed: true },
  ]);
  return said;
}

const LIFE = [
  'Request registered successfully.',
  'Tasks added to request.',
  'Task updated successfully.',
  'Task deleted successfully.',
  'Next task: Gather Q1 Data',
  'Task marked as done. Awaiting approval.',
  'Next task: Send it off',
  'Task marked as done. Awaiting approval.',
  'All tasks are done but some need approval.',
  'Task completion approved.',
  'Task completion approved.',
  'Task Details:',
  'Request completion approved. All done!',
  'Requests:',
];

/** The structured content of a tool result, which its text says too. */
function structured(result: JsonObject): JsonObject {
  const { content, structuredContent } = result as { content: { text: string }[]; structuredContent: JsonObject };
  expect(result['isError'] ?? false).toBe(false);
  expect(JSON.parse(content[0]?.text ?? '')).toEqual(structuredContent);
  return structuredContent;
}

const byMcp = (client: WireClient) => async (name: string, args: JsonObject) =>
  structured(await client.request('tools/call', { name, arguments: args }));

describe('the planner over MCP', () => {
  test('002.1 publishes the ten tools with --planner in both generations, and none without', async () => {
    const server = await serve();
    const client = await rawHttp(server);
    clients.push(client);
    const old = await client.request('tools/list');
    const modern = await rawRequest(server.url, 'tools/list', {});
    for (const { tools } of [old, modern] as { tools: { name: string }[] }[]) {
      expect(tools.map(({ name }) => name).filter((name) => !name.startsWith('tasks_'))).toEqual(NAMES);
    }
    const without = await startBuiltServer(workspace);
    servers.push(without);
    const { tools } = (await rawRequest(without.url, 'tools/list', {})) as { tools?: { name: string }[] };
    expect(tools?.map(({ name }) => name)).not.toContain('request_planning');
    expect((await ask(without, '/list-tools', LIST)).status).toBe(404);
  });

  test('a request lives from its plan to its completion: 2025-11-25 over stdio, a raw client', async () => {
    const client = await rawStdio(stdioCommand(workspace, { flags: ['--planner'] }));
    clients.push(client);
    expect(await wholeLife(byMcp(client))).toEqual(LIFE);
  });

  test('a request lives from its plan to its completion: over stdio, the client of the SDK', async () => {
    const client = await sdkStdio(stdioCommand(workspace, { env: { MCP_WORKFLOW_PLANNER: 'true' } }));
    clients.push(client);
    expect(await wholeLife(byMcp(client))).toEqual(LIFE);
  });

  test('a request lives from its plan to its completion: over stdio, the client of SDK 2, which opens with 2026-07-28', async () => {
    const client = await sdkTwo(stdioCommand(workspace, { flags: ['--planner'] }));
    try {
      const call = async (name: string, args: JsonObject): Promise<JsonObject> => {
        const { text, isError } = await client.call(name, args);
        expect(isError).toBe(false);
        return JSON.parse(text) as JsonObject; // of a tool that answers with an object
      };
      expect(await wholeLife(call)).toEqual(LIFE);
    } finally {
      await client.close();
    }
  });

  test('a request lives from its plan to its completion: 2025-11-25 over HTTP', async () => {
    const client = await rawHttp(await serve());
    clients.push(client);
    expect(await wholeLife(byMcp(client))).toEqual(LIFE);
  });

  test('a request lives from its plan to its completion: 2026-07-28 over HTTP', async () => {
    const { url } = await serve();
    const call = async (name: string, args: JsonObject): Promise<JsonObject> =>
      structured(await rawRequest(url, 'tools/call', { name, arguments: args }));
    expect(await wholeLife(call)).toEqual(LIFE);
  });

  test('a workflow with the name of one of its tools is left out while it is there, and the log says so', async () => {
    await writeFile(
      join(workspace.definitions, 'update_task.yaml'),
      'name: update_task\nsteps: [{ id: a, type: set }]\n',
    );
    const server = await serve();
    expect(server.process.stderr()).toContain('"workflows":["update_task"]');
    const { tools } = (await rawRequest(server.url, 'tools/list', {})) as {
      tools?: { name: string; title?: string }[];
    };
    expect(tools?.filter(({ name }) => name === 'update_task')).toMatchObject([{ title: 'Change a task' }]);
  });

  test('a refusal is a tool result with isError and the text of the rule', async () => {
    const { url } = await serve();
    const refused = await rawRequest(url, 'tools/call', {
      name: 'approve_request_completion',
      arguments: { requestId: 'req-1' },
    });
    expect(refused).toMatchObject({ isError: true, content: [{ type: 'text', text: 'Request not found' }] });
  });

  test('a call that is repeated with its idempotency key adds nothing, over MCP of both generations and the route', async () => {
    const server = await serve();
    const _meta = { 'dev.mcp-workflow/idempotency-key': 'k' };
    const client = await rawHttp(server);
    clients.push(client);
    const old = await client.request('tools/call', { name: 'request_planning', arguments: request, _meta });
    const modern = await rawRequest(server.url, 'tools/call', { name: 'request_planning', arguments: request }, _meta);
    const { body } = await over(server, 'request_planning', request, 'k');
    expect([structured(old), structured(modern), body].map(({ requestId }) => requestId)).toEqual(
      Array(3).fill('req-1'),
    );
    expect((await over(server, 'request_planning', request)).body).toMatchObject({ requestId: 'req-2' });
  });
});

describe('the routes of the seed', () => {
  test('002.12 the seed’s own examples are answered', async () => {
    const server = await serve();
    const listed = await ask(server, '/list-tools', '{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}');
    expect(listed).toMatchObject({ status: 200, body: { tools: NAMES.map((name) => ({ name })) } });
    const example =
      '{ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "request_planning", "arguments": { ' +
      '"originalRequest": "Automate financial reporting sequence", "tasks": [{"title": "Gather Q1 Data", "description": "Extract sales figures from DB"}] } } }';
    const planned = await ask(server, '/call-tool', example);
    expect(planned).toMatchObject({ status: 200, body: { requestId: 'req-1' } });
    expect(planned.body['message']).toContain('| ❌ | Gather Q1 Data | Extract sales figures from DB |');
  });

  test('002.12 a request lives from its plan to its completion', async () => {
    const server = await serve();
    const call = async (name: string, args: JsonObject): Promise<JsonObject> => (await over(server, name, args)).body;
    expect(await wholeLife(call)).toEqual(LIFE);
  });

  test('002.12 what is wrong is answered with 400 and {error}, and other paths with 404', async () => {
    const server = await serve();
    expect(await over(server, 'get_next_task', { requestId: 'req-7' })).toMatchObject({
      status: 400,
      body: { error: 'Request not found' },
    });
    expect(await ask(server, '/call-tool', { method: 'tools/list' })).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^Invalid parameters: /) },
    });
    expect((await ask(server, '/call-tool', '{"method":')).status).toBe(400);
    expect((await ask(server, '/call-tools', LIST)).status).toBe(404);
    expect((await ask(server, '/call-tool', undefined, { method: 'GET' })).status).toBe(405);
    expect((await ask(server, '/call-tool', LIST, { headers: { 'content-type': 'text/plain' } })).status).toBe(415);
  });

  test('002.13 a page of an allowed origin may call and read the answer; one of another origin is refused', async () => {
    const origin = 'https://plans.example';
    const server = await serve({ flags: ['--allowed-origins', origin] });
    const headers = {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    };
    const before = await ask(server, '/call-tool', undefined, { method: 'OPTIONS', headers });
    expect(before.status).toBe(204);
    expect(before.headers.get('access-control-allow-origin')).toBe(origin);
    expect(before.headers.get('access-control-allow-methods')).toMatch(/POST.*OPTIONS/);
    expect(before.headers.get('access-control-allow-headers')).toContain('content-type');
    for (const body of [callBody('list_requests', {}), callBody('get_next_task', {})]) {
      const answer = await ask(server, '/call-tool', body, { headers: { origin } });
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
    }
    const foreign = { headers: { origin: 'https://evil.example' } };
    expect((await ask(server, '/call-tool', callBody('request_planning', request), foreign)).status).toBe(403);
    expect((await over(server, 'list_requests', {})).body['requests']).toEqual([]);
  });

  test('are behind the bearer tokens, and each principal has plans of its own', async () => {
    const env = { MCP_WORKFLOW_TOKENS: 'ada=secret-of-ada-123456,bob=secret-of-bob-123456' };
    const server = await serve({ env });
    const as = (secret: string): { readonly headers: { readonly authorization: string } } => ({
      headers: { authorization: `Bearer ${secret}` },
    });
    expect((await over(server, 'request_planning', request)).status).toBe(401);
    expect((await ask(server, '/list-tools', LIST)).status).toBe(401);
    const [ada, bob] = [as('secret-of-ada-123456'), as('secret-of-bob-123456')];
    const planned = await ask(server, '/call-tool', callBody('request_planning', request), ada);
    expect(planned.body['requestId']).toBe('req-1');
    const next = callBody('get_next_task', { requestId: 'req-1' });
    expect(await ask(server, '/call-tool', next, bob)).toMatchObject({
      status: 400,
      body: { error: 'Request not found' },
    });
    expect((await ask(server, '/call-tool', next, ada)).body).toMatchObject({ taskId: 'task-1' });
  });

  test('refuse callers that cannot be told apart', async () => {
    const server = await serve({ flags: ['--allow-insecure'] });
    expect(await over(server, 'request_planning', request)).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('cannot be told apart') },
    });
  });
});

describe('what a plan outlives', () => {
  test('002.14 a request is there after a restart, and after SIGKILL right behind the answer', async () => {
    const first = await serve();
    await over(first, 'request_planning', request);
    await first.stop();
    const second = await serve();
    await over(second, 'mark_task_done', { requestId: 'req-1', taskId: 'task-1', completedDetails: '12 figures' });
    await second.kill();
    const third = await serve();
    expect((await over(third, 'open_task_details', { taskId: 'task-1' })).body).toMatchObject({
      status: 'Done',
      details: { completedDetails: '12 figures' },
    });
    expect((await over(third, 'request_planning', request)).body['requestId']).toBe('req-2');
  });

  test('002.15 removing the data folder of a stopped server throws everything away', async () => {
    const first = await serve();
    await over(first, 'request_planning', request);
    await first.stop();
    await rm(join(workspace.dir, 'data'), { recursive: true });
    const second = await serve();
    expect((await over(second, 'list_requests', {})).body['requests']).toEqual([]);
    expect((await over(second, 'request_planning', request)).body['requestId']).toBe('req-1');
  });

  test('002.16 environments with data folders of their own see nothing of each other', async () => {
    const production = await serve({ flags: ['--data', 'production'] });
    const testing = await serve({ env: { MCP_WORKFLOW_DATA: 'testing' } });
    await over(production, 'request_planning', request);
    expect((await over(testing, 'list_requests', {})).body['requests']).toEqual([]);
  });

  test('002.18 calls show in the metrics: by tool and outcome, by HTTP status, with the writes of the store', async () => {
    const server = await serve();
    const metric = async (name: string): Promise<number> => {
      const { body } = await ask(server, '/metrics', undefined, { method: 'GET' });
      const line = textIn(body, 'text')
        .split('\n')
        .find((row) => row.startsWith(`${name} `));
      return Number(line?.slice(name.length) ?? 0);
    };
    const commits = await metric('mcp_workflow_store_commit_seconds_count');
    await over(server, 'request_planning', request);
    await over(server, 'get_next_task', { requestId: 'req-7' });
    expect(await metric('mcp_workflow_store_commit_seconds_count')).toBeGreaterThan(commits);
    expect(await metric('mcp_workflow_http_requests_total{status="400"}')).toBe(1);
    expect(await metric('mcp_workflow_planner_calls_total{tool="request_planning",outcome="answered"}')).toBe(1);
    expect(await metric('mcp_workflow_planner_calls_total{tool="get_next_task",outcome="refused"}')).toBe(1);
    expect(await metric('mcp_workflow_planner_call_seconds_count')).toBe(2);
  });

  test('002.19 health is told, a wrong configuration before anything is served', async () => {
    const server = await serve();
    expect((await ask(server, '/healthz', undefined, { method: 'GET' })).body).toEqual({ status: 'ok' });
    expect((await ask(server, '/readyz', undefined, { method: 'GET' })).body).toMatchObject({ ready: true });
    const wrong = await runCli(['serve'], workspace.dir, { MCP_WORKFLOW_PLANNER: 'perhaps' });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('MCP_WORKFLOW_PLANNER: expected true or false');
  });
});
