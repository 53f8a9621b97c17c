import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import {
  createApplicationInputHandler,
  createTaskSessionFromClient,
  type TaskOutcome,
} from '@modelcontextprotocol/ext-tasks/client';
import type { JsonValue } from '@modelcontextprotocol/ext-tasks/core';
import { afterEach, describe, expect, test } from 'vitest';
import { isJsonObject, type JsonObject } from '../../../src/core/json.ts';
import { serveModern, type ModernHttp } from '../../support/modern-http.ts';
import { protocolDeps } from '../../support/protocol-deps.ts';
import { waitUntil } from '../../support/wait-until.ts';

const closing: (() => Promise<unknown>)[] = [];
type Deps = ReturnType<typeof protocolDeps>;

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const text = (value: string): { content: { type: string; text: string }[] } => ({
  content: [{ type: 'text', text: value }],
});
const form = {
  method: 'elicitation/create',
  params: {
    mode: 'form',
    message: 'Name?',
    requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
  },
};

/** The four endings that every client has to reach. */
function publishAll(deps: Deps): void {
  deps.publish('long', async ({ report }) => {
    for (let step = 1; step <= 3; step += 1) {
      report({ message: `step ${step} of 3`, percent: step * 30 });
    }
    return text('long is done');
  });
  deps.publish('asks', async ({ ask }) => text(JSON.stringify(await ask(form, 'user_name'))));
  deps.publish('fails', () => Promise.reject(new Error('no such file')), { task: 'required' });
  deps.publish(
    'endless',
    ({ signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      }),
  );
}

async function connect(): Promise<{ deps: Deps; http: ModernHttp; client: Client }> {
  const deps = protocolDeps();
  publishAll(deps);
  const http = await serveModern(deps);
  closing.push(() => http.close());
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode: 'auto' } },
  );
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { name: 'Ada' } }));
  await client.connect(new StreamableHTTPClientTransport(new URL(http.url)));
  closing.push(() => client.close());
  return { deps, http, client };
}

describe('the SDK client, negotiating by itself', () => {
  test('finds 2026-07-28, lists the tools and calls one that lasts', async () => {
    const { client } = await connect();
    expect(client.getProtocolEra()).toBe('modern');
    const { tools } = await client.listTools();
    expect(tools.map((tool) => tool.name).slice(0, 4)).toEqual(['asks', 'endless', 'fails', 'long']);
    expect(await client.callTool({ name: 'long', arguments: {} })).toMatchObject(text('long is done'));
  });

  test('answers the question of a plain call by itself and gets the result', async () => {
    const { client } = await connect();
    const result = await client.callTool({ name: 'asks', arguments: {} });
    expect(result).toMatchObject(text('{"action":"accept","content":{"name":"Ada"}}'));
  });

  test('learns which capability a required task needs', async () => {
    const { client } = await connect();
    await expect(client.callTool({ name: 'fails', arguments: {} })).rejects.toMatchObject({ code: -32021 });
  });

  test('hears over a subscription that the tools have changed', async () => {
    const { client, deps } = await connect();
    const heard = new Promise((resolve) => client.setNotificationHandler('notifications/tools/list_changed', resolve));
    const subscription = await client.listen({ toolsListChanged: true });
    deps.publish('new', async () => text('x'));
    await heard;
    await subscription.close();
  });
});

describe('the ext-tasks client', () => {
  async function session(): Promise<{
    deps: Deps;
    call: (name: string, onTask?: (taskId: string) => void) => Promise<TaskOutcome<JsonValue>>;
  }> {
    const { deps, http, client } = await connect();
    let id = 0;
    const tasks = createTaskSessionFromClient(client, {
      endpointId: 'test',
      onInputRequest: createApplicationInputHandler({
        elicitation: () => ({ action: 'accept', content: { name: 'Grace' } }),
        sampling: () => Promise.reject(new Error('not asked')),
        roots: () => Promise.reject(new Error('not asked')),
      }),
      v2RequestFraming: {
        protocolVersion: '2026-07-28',
        clientInfo: { name: 'test', version: '1' },
        clientCapabilities: { elicitation: {} },
      },
      rawDispatch: async (request) => {
        const { method, params } = request as unknown as { method: string; params: JsonObject }; // framed by the client
        const response = await fetch(http.url, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            'mcp-protocol-version': '2026-07-28',
            'mcp-method': method,
            'mcp-name': JSON.stringify(params['name'] ?? params['taskId']).slice(1, -1),
          },
          body: JSON.stringify({ jsonrpc: '2.0', id: (id += 1), method, params }),
        });
        const body = (await response.json()) as JsonObject; // a JSON-RPC response
        const { error } = body;
        return isJsonObject(error)
          ? { kind: 'error', error: error as never }
          : { kind: 'result', result: body['result'] ?? null };
      },
    });
    closing.push(() => tasks.close());
    return {
      deps,
      call: async (name, onTask) => {
        const execution = await tasks.callTool(name, {});
        if (execution.kind === 'task') onTask?.(execution.handle.taskId);
        return (await execution.settle()).outcome;
      },
    };
  }

  test('completes a workflow that lasts', async () => {
    const { call } = await session();
    expect(JSON.stringify(await call('long'))).toContain('long is done');
  });

  test('completes one that asks', async () => {
    const { call } = await session();
    expect(JSON.stringify(await call('asks'))).toContain('Grace');
  });

  test('sees a failed workflow as a result with isError', async () => {
    const { call } = await session();
    expect(JSON.stringify(await call('fails'))).toMatch(/no such file.*"isError":true/u);
  });

  test('sees one that somebody cancels as cancelled', async () => {
    const { deps, call } = await session();
    let taskId: string | undefined;
    const outcome = call('endless', (created) => (taskId = created));
    await deps.tasks.cancel(await waitUntil('it has a task', () => taskId), 'local');
    expect(await outcome).toMatchObject({ status: 'cancelled' });
  });
});
