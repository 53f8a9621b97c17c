import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { JsonObject } from '../../src/core/json.ts';
import {
  createWorkspace,
  startBuiltServer,
  stdioCommand,
  type ServerOptions,
  type Workspace,
} from '../support/built-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { RpcError, type WireClient } from '../support/wire-client.ts';
import { rawHttp, rawStdio, readEvents, type HttpEndpoint } from '../support/wire-clients.ts';

const DEFINITIONS = fileURLToPath(new URL('definitions', import.meta.url));
const OWN = ['tasks_cancel', 'tasks_get', 'tasks_list', 'tasks_result', 'tasks_update'];

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function workspace(): Promise<Workspace> {
  const made = await createWorkspace(DEFINITIONS);
  closing.push(() => made.remove());
  return made;
}

async function served(
  options: ServerOptions = {},
): Promise<{ space: Workspace; server: HttpEndpoint; restart: () => Promise<HttpEndpoint> }> {
  const space = await workspace();
  let server = await startBuiltServer(space, options);
  closing.push(() => server.stop());
  return {
    space,
    server,
    restart: async () => {
      await server.kill();
      server = await startBuiltServer(space, options);
      return server;
    },
  };
}

async function connect(server: HttpEndpoint, capabilities: JsonObject = {}): Promise<WireClient> {
  const client = await rawHttp(server, capabilities);
  let open = true;
  const close = client.close.bind(client);
  client.close = async () => {
    if (open) await close();
    open = false;
  };
  closing.push(() => client.close());
  return client;
}

async function toolNames(client: WireClient): Promise<unknown[]> {
  const { tools } = await client.request('tools/list');
  return (tools as JsonObject[]).map((tool) => tool['name']);
}

async function start(client: WireClient, name: string, more: JsonObject = {}): Promise<string> {
  const { task } = await client.request('tools/call', { name, arguments: {}, task: {}, ...more });
  return (task as { taskId: string }).taskId;
}

async function call(client: WireClient, name: string, args: JsonObject = {}): Promise<JsonObject> {
  return client.request('tools/call', { name, arguments: args });
}

const isNotification =
  (method: string, fits: (params: JsonObject) => boolean = () => true) =>
  (message: JsonObject): boolean =>
    message['method'] === method && fits((message['params'] ?? {}) as JsonObject); // an object by its schema

describe('definitions that change on disk', () => {
  test('are announced in both generations; new tasks take the new text, running ones keep theirs, a broken edit keeps the last good one', async () => {
    const { space, server } = await served();
    const file = join(space.definitions, 'slow.yaml');
    const old = await connect(server);
    const modern = new Client({ name: 'modern', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await modern.connect(new StreamableHTTPClientTransport(new URL(server.url)));
    closing.push(() => modern.close());
    const heard = new Promise((resolve) => modern.setNotificationHandler('notifications/tools/list_changed', resolve));
    const subscription = await modern.listen({ toolsListChanged: true });
    const running = await start(old, 'slow', { arguments: { seconds: 3 } });
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace("'waited {{input.seconds}} s'", "'edited {{input.seconds}} s'"));
    await old.message(isNotification('notifications/tools/list_changed'));
    await heard;
    await subscription.close();
    expect(await call(old, 'slow', { seconds: 0 })).toMatchObject({ content: [{ text: 'edited 0 s' }] });
    expect(await old.request('tasks/result', { taskId: running })).toMatchObject({ content: [{ text: 'waited 3 s' }] });
    await writeFile(file, 'name: slow\nsteps: nonsense');
    await writeFile(join(space.definitions, 'added.yaml'), 'name: added\nsteps: [{ id: a, type: succeed }]');
    await waitUntil('the new workflow is published', async () => (await toolNames(old)).includes('added'));
    expect(await call(old, 'slow', { seconds: 0 })).toMatchObject({ content: [{ text: 'edited 0 s' }] });
  });
});

describe('what is published', () => {
  test('--expose chooses by name and tag; the task tools stay', async () => {
    const { server } = await served({ flags: ['--expose', 'fails,tag:plain'] });
    const client = await connect(server);
    expect((await toolNames(client)).filter((name) => !OWN.includes(String(name)))).toEqual(
      expect.arrayContaining(['chooses', 'fails', 'quick', 'slow']),
    );
    expect(await toolNames(client)).not.toContain('asks');
    await expect(call(client, 'asks')).rejects.toMatchObject({ code: -32602 });
  });

  test('--compact offers search and run instead, and both work', async () => {
    const { server } = await served({ flags: ['--compact'] });
    const client = await connect(server);
    const names = await toolNames(client);
    expect(names).toEqual(expect.arrayContaining(['workflow_run', 'workflow_search', ...OWN]));
    expect(names).not.toContain('quick');
    expect(JSON.stringify(await call(client, 'workflow_search', { query: 'answers at once' }))).toContain('quick');
    expect(await call(client, 'workflow_run', { workflow: 'quick', input: { n: 5 } })).toMatchObject({
      structuredContent: { n: 5 },
    });
  });

  test('the list has the same order on every connection and in every process', async () => {
    const { space, server } = await served();
    const overHttp = await toolNames(await connect(server));
    const pipe = await rawStdio(stdioCommand(space));
    expect(await toolNames(pipe)).toEqual(overHttp);
    await pipe.close();
  });
});

describe('resources, completions, prompts', () => {
  test('a task can be followed by its resource alone, and subscribers hear of every change', async () => {
    const { server } = await served();
    const client = await connect(server);
    const taskId = await start(client, 'slow', { arguments: { seconds: 1 } });
    const uri = `workflow://tasks/${taskId}`;
    const read = async (of: string): Promise<JsonObject> => {
      const { contents } = await client.request('resources/read', { uri: of });
      return JSON.parse((contents as { text: string }[])[0]?.text ?? '') as JsonObject; // application/json
    };
    await client.request('resources/subscribe', { uri });
    expect(await read(uri)).toMatchObject({ taskId, status: 'working' });
    await client.message(isNotification('notifications/resources/updated', (params) => params['uri'] === uri));
    const followed = await waitUntil('its phases are known', async () => {
      const state = await read(uri);
      return (state['phases'] as unknown[]).length > 0 && state;
    });
    expect(followed).toMatchObject({ phases: [{ name: 'begin' }, { name: 'middle' }, { name: 'end' }] });
    await client.request('tasks/result', { taskId });
    expect(await read(uri)).toMatchObject({
      status: 'completed',
      percent: 100,
      result: { content: [{ text: 'waited 1 s' }] },
    });
    expect((await read(`${uri}/journal`))['entries']).not.toEqual([]);
    expect(await read('workflow://definitions/slow')).toMatchObject({ definition: { name: 'slow' } });
    expect(await read('workflow://schema')).toHaveProperty('$schema');
    await expect(client.request('resources/read', { uri: 'workflow://tasks/unknown' })).rejects.toMatchObject({
      code: -32002,
    });
    const { resourceTemplates } = await client.request('resources/templates/list');
    expect(JSON.stringify(resourceTemplates)).toContain('workflow://tasks/{taskId}');
    const { resources } = await client.request('resources/list');
    expect(JSON.stringify(resources)).toContain(uri);
    const completed = await client.request('completion/complete', {
      ref: { type: 'ref/resource', uri: 'workflow://tasks/{taskId}' },
      argument: { name: 'taskId', value: taskId.slice(0, 4) },
    });
    expect(completed).toMatchObject({ completion: { values: [taskId] } });
  });

  test('enum values are completed, and each workflow is a prompt that tells when to use it', async () => {
    const { server } = await served();
    const client = await connect(server);
    const completed = await client.request('completion/complete', {
      ref: { type: 'ref/prompt', name: 'chooses' },
      argument: { name: 'colour', value: 'gr' },
    });
    expect(completed).toMatchObject({ completion: { values: ['green', 'grey'] } });
    const { prompts } = await client.request('prompts/list');
    expect(prompts).toContainEqual(
      expect.objectContaining({ name: 'chooses', arguments: [{ name: 'colour', required: true }] }),
    );
    const prompt = await client.request('prompts/get', { name: 'chooses', arguments: { colour: 'red' } });
    expect(JSON.stringify(prompt)).toContain('Takes one of a few values.');
  });
});

describe('log messages of a workflow', () => {
  test('come from the level on that the client has set, also those of before the task was known', async () => {
    const { server } = await served();
    const client = await connect(server);
    const words = (): unknown[] =>
      client.received.filter(isNotification('notifications/message')).map((message) => {
        const { level, data } = message['params'] as JsonObject; // an object by its schema
        return [level, data];
      });
    const taskId = await start(client, 'talks', { _meta: { progressToken: 1 } });
    await client.request('tasks/result', { taskId });
    await waitUntil('both have come', () => words().length === 2);
    expect(words()).toEqual([
      ['warning', 'early word'],
      ['warning', 'late word'],
    ]);
    await client.request('logging/setLevel', { level: 'debug' });
    await call(client, 'talks');
    expect(words()).toContainEqual(['debug', 'a detail']);
    await client.request('logging/setLevel', { level: 'error' });
    const before = words().length;
    await call(client, 'talks');
    expect(words()).toHaveLength(before);
  });
});

describe('questions to a person and to a model', () => {
  test('are answered after a restart, by another connection, under the same key', async () => {
    const { server, restart } = await served();
    const first = await rawHttp(server, { elicitation: {}, sampling: {} });
    const tasks = [await start(first, 'asks'), await start(first, 'thinks')];
    for (const taskId of tasks) {
      await waitUntil('it asks', async () => {
        const { status } = await first.request('tasks/get', { taskId });
        return status === 'input_required';
      });
    }
    await first.close();
    const client = await connect(await restart(), { elicitation: {}, sampling: {} });
    client.answer('elicitation/create', () => ({ action: 'accept', content: { name: 'Ada' } }));
    client.answer('sampling/createMessage', () => ({
      role: 'assistant',
      model: 'm',
      content: { type: 'text', text: 'four' },
    }));
    const [asks, thinks] = await Promise.all(tasks.map((taskId) => client.request('tasks/result', { taskId })));
    expect(asks).toMatchObject({ content: [{ text: 'accept: {"name":"Ada"}' }] });
    expect(thinks).toMatchObject({ content: [{ text: 'the model says four' }] });
  });

  test('a person who says no to the model is an answer: the step fails with the code', async () => {
    const { server } = await served();
    const client = await connect(server, { sampling: {} });
    client.answer('sampling/createMessage', () => {
      throw new RpcError(-1, 'User rejected sampling request');
    });
    const result = await call(client, 'thinks');
    expect(result).toMatchObject({
      isError: true,
      content: [{ text: "step 'ask' failed (-1): User rejected sampling request" }],
    });
  });

  test('a host that declines at once, or fails to show a form, has not answered', async () => {
    const { server } = await served();
    for (const answerer of [
      () => ({ action: 'decline' }),
      () => {
        throw new RpcError(-32603, 'no window');
      },
    ]) {
      const client = await connect(server, { elicitation: {} });
      client.answer('elicitation/create', answerer);
      const deferred = await call(client, 'asks');
      expect(deferred['structuredContent']).toMatchObject({ task: { status: 'input_required' } });
    }
  });

  test('an answer that does not fit the form is asked for again', async () => {
    const { server } = await served();
    const client = await connect(server, { elicitation: {} });
    const names = ['', 'Ada'];
    client.answer('elicitation/create', () => ({ action: 'accept', content: { name: names.shift() ?? '' } }));
    expect(await call(client, 'asks')).toMatchObject({ content: [{ text: 'accept: {"name":"Ada"}' }] });
  });
});

describe('a client that loses its connection', () => {
  test('takes up the stream of a waiting request where it broke', async () => {
    const { server } = await served();
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const opened = await fetch(server.url, {
      method: 'POST',
      headers,
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
      }),
    });
    await opened.text();
    const session = {
      ...headers,
      'mcp-session-id': opened.headers.get('mcp-session-id') ?? '',
      'mcp-protocol-version': '2025-11-25',
    };
    const broken = new AbortController();
    const stream = await fetch(server.url, {
      method: 'POST',
      headers: session,
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 2,
        method: 'tools/call',
        params: { name: 'slow', arguments: { seconds: 1 } },
      }),
      signal: broken.signal,
    });
    const reader = stream.body?.getReader();
    const head = new TextDecoder().decode((await reader?.read())?.value);
    const lastId = /^id: (.+)$/mu.exec(head)?.[1];
    expect(lastId).toBeDefined();
    broken.abort();
    // Whether the server has noticed that the stream is broken or not.
    const resumed = await fetch(server.url, { headers: { ...session, 'last-event-id': lastId ?? '' } });
    expect(resumed.status).toBe(200);
    const answer = await new Promise<JsonObject>((resolve, reject) => {
      readEvents(resumed, (message) => (message['id'] === 2 ? resolve(message) : undefined)).catch(reject);
    });
    expect(answer).toMatchObject({ result: { content: [{ text: 'waited 1 s' }] } });
  });

  test('finds its task in the list of the next connection, and no task ends with a connection', async () => {
    const { server } = await served();
    const first = await connect(server);
    const taskId = await start(first, 'slow', { arguments: { seconds: 1 } });
    first.request('tasks/result', { taskId }).catch(() => undefined);
    await first.close();
    const second = await connect(server);
    expect(JSON.stringify(await call(second, 'tasks_list'))).toContain(taskId);
    expect(await second.request('tasks/result', { taskId })).toMatchObject({ content: [{ text: 'waited 1 s' }] });
  });
});
