import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/core/json.ts';
import { ApiCheck, eventsIn, readEvents, textAt, type ReadEvent } from '../../support/api-check.ts';
import { startBuiltServer, type BuiltServer, type Workspace } from '../../support/built-server.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

const run = promisify(execFile);
const page = readFileSync(new URL('../../../docs/rest.md', import.meta.url), 'utf8');
const ALICE = { name: 'alice', secret: 'the-secret-token-of-alice' };

const DEFINITIONS: Readonly<Record<string, string>> = {
  greet: `input_schema: { type: object, properties: { who: { type: string } } }
steps:
  - { id: hello, type: set, values: { text: 'Hello {{input.who}}' } }
output: '{{hello.output.text}}'
`,
  asks: `steps:
  - id: ask
    type: elicit
    message: Your name?
    schema: { type: object, properties: { name: { type: string } }, required: [name] }
`,
  waits: `steps:
  - { id: nap, type: wait, seconds: 3600 }
`,
  breaks: `steps:
  - { id: break, type: fail, message: no good }
`,
  nightly: `schedule: { type: cron, expression: '0 3 * * *' }
steps:
  - { id: note, type: set, values: { n: 1 } }
`,
};

let folder: Awaited<ReturnType<typeof tempDir>>;
let workspace: Workspace;
let server: BuiltServer | undefined;
let api = '';

beforeEach(async () => {
  folder = await tempDir();
  const definitions = join(folder.path, 'definitions');
  await mkdir(definitions);
  await mkdir(join(folder.path, 'data'));
  await writeFile(join(folder.path, 'servers.json'), '{"mcpServers":{}}');
  for (const [name, text] of Object.entries(DEFINITIONS)) {
    await writeFile(join(definitions, `${name}.yaml`), `name: ${name}\n${text}`);
  }
  workspace = { dir: folder.path, definitions, remove: () => folder.remove() };
});
afterEach(async () => {
  await server?.kill();
  server = undefined;
  await workspace.remove();
});

async function start(options: Parameters<typeof startBuiltServer>[1] = {}): Promise<void> {
  server = await startBuiltServer(workspace, options);
  api = server.url.replace(/\/mcp$/u, '/api/v1');
}

async function ask(
  path: string,
  init: Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<{ readonly status: number; readonly body: JsonObject }> {
  const response = await fetch(`${api}${path}`, { ...init, headers: { ...server?.headers, ...init.headers } });
  const body = (await response.json()) as JsonValue;
  return { status: response.status, body: isJsonObject(body) ? body : {} };
}

async function begin(workflow: string): Promise<string> {
  return textAt((await ask(`/workflows/${workflow}/tasks`, { method: 'POST' })).body, 'taskId');
}

async function untilStatus(id: string, status: string): Promise<JsonObject> {
  return await waitUntil(`the task is ${status}`, async () => {
    const { body } = await ask(`/tasks/${id}`);
    return body['status'] === status ? body : undefined;
  });
}

const seqs = (events: readonly ReadEvent[]): readonly unknown[] =>
  events.filter(({ event }) => event === 'journal').map(({ id }) => Number(id));

describe('the examples of docs/rest.md', () => {
  it('work as they stand, and every answer fits the document that the server serves', async () => {
    await start();
    const check = new ApiCheck((await ask('/openapi.json')).body);
    const [asks, waits, failed] = [await begin('asks'), await begin('waits'), await begin('breaks')];
    const question = await untilStatus(asks, 'input_required');
    await untilStatus(failed, 'failed');
    const key = Object.keys(isJsonObject(question['inputRequests']) ? question['inputRequests'] : {})[0] ?? '';
    const env: Record<string, string> = {
      PATH: process.env['PATH'] ?? '',
      API: api,
      ASKS: asks,
      WAITS: waits,
      FAILED: failed,
      KEY: key,
    };
    const commands = [...page.matchAll(/^```sh\n(?<text>[\s\S]*?)^```$/gmu)]
      .flatMap(({ groups }) => (groups?.['text'] ?? '').replaceAll('\\\n', ' ').split('\n'))
      .filter((line) => line.startsWith('curl '));
    expect(commands.length).toBeGreaterThan(15);
    for (const command of commands) {
      // The command exactly so, and what HTTP says about its answer behind it.
      const report = String.raw`\n%{method} %{url} %{response_code} %{content_type}`;
      const { stdout } = await run('sh', ['-c', `${command} -w '${report}'`], { env });
      const cut = stdout.lastIndexOf('\n');
      const text = stdout.slice(0, cut);
      const [method = '', url = '', status = '', type = ''] = stdout.slice(cut + 1).split(' ');
      expect([command, Math.floor(Number(status) / 100)]).toEqual([command, 2]);
      const path = new URL(url).pathname;
      check.check(method, path, Number(status), type, text);
      for (const event of type.startsWith('text/event-stream') ? eventsIn(text) : []) check.checkEvent(path, event);
      if (!command.includes('/greet/tasks')) continue;
      env['ID'] = textAt(JSON.parse(text) as JsonObject, 'taskId');
      await untilStatus(env['ID'], 'completed');
    }
  });
});

describe('a client of events over a kill of the server', () => {
  it('comes back with Last-Event-ID to the next server and misses nothing of a task', async () => {
    await start();
    const id = await begin('asks');
    const stream = await fetch(`${api}/tasks/${id}/events`);
    const before = await readEvents(stream.body, (all) =>
      all.some(({ data }) => isJsonObject(data) && data['status'] === 'input_required'),
    );
    await server?.kill();
    await start();
    const question = await untilStatus(id, 'input_required');
    const key = Object.keys(isJsonObject(question['inputRequests']) ? question['inputRequests'] : {})[0] ?? '';
    const cursor = before.findLast((event) => event.id !== undefined)?.id ?? '';
    const again = await fetch(`${api}/tasks/${id}/events`, { headers: { 'last-event-id': cursor } });
    const rest = readEvents(again.body);
    await ask(`/tasks/${id}/answers/${key}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ action: 'accept', content: { name: 'Ann' } }),
    });
    const { body } = await untilStatus(id, 'completed').then(() => ask(`/tasks/${id}/journal`));
    const entries = Array.isArray(body['entries']) ? body['entries'] : [];
    expect([...seqs(before), ...seqs(await rest)]).toEqual(entries.map((_entry, index) => index + 1));
  });

  it('comes back to the list and is told what has changed meanwhile', async () => {
    await start();
    const old = await begin('waits');
    const [ready] = await readEvents((await fetch(`${api}/tasks/events`)).body, (all) => all.length > 0);
    await server?.kill();
    await start();
    await ask(`/tasks/${old}/cancel`, { method: 'POST' });
    const again = await fetch(`${api}/tasks/events`, { headers: { 'last-event-id': ready?.id ?? '' } });
    const events = await readEvents(again.body, (all) =>
      all.some(({ data }) => isJsonObject(data) && data['taskId'] === old && data['status'] === 'cancelled'),
    );
    expect(events[0]?.event).toBe('ready');
  });

  it('is let go when the server stops, at once', async () => {
    await start();
    const stream = await fetch(`${api}/tasks/events`);
    const events = readEvents(stream.body);
    await server?.stop();
    expect((await events).map(({ event }) => event)).toEqual(['ready']);
  });
});

describe('the guards before the REST API', () => {
  it('are those of /mcp, and refuse as problems', async () => {
    await start({ token: ALICE });
    const refused = async (init: RequestInit, path = '/tasks'): Promise<readonly unknown[]> => {
      const response = await fetch(`${api}${path}`, init);
      const type = response.headers.get('content-type');
      return [response.status, type, ((await response.json()) as JsonObject)['code']];
    };
    const problem = 'application/problem+json';
    const authorization = `Bearer ${ALICE.secret}`;
    expect(await refused({})).toEqual([401, problem, 'unauthorized']);
    expect(await refused({ headers: { authorization, origin: 'https://evil.example' } })).toEqual([
      403,
      problem,
      'forbidden',
    ]);
    const post = (body: string, type: string): RequestInit => ({
      method: 'POST',
      headers: { authorization, 'content-type': type },
      body,
    });
    const greet = '/workflows/greet/tasks';
    expect(await refused(post('a=1', 'application/x-www-form-urlencoded'), greet)).toEqual([
      415,
      problem,
      'unsupported_media_type',
    ]);
    const large = JSON.stringify({ input: { who: 'x'.repeat(5 * 1024 * 1024) } });
    expect(await refused(post(large, 'application/json'), greet)).toEqual([413, problem, 'body_too_large']);
    const deep = `{"input":${'['.repeat(500)}${']'.repeat(500)}}`;
    expect(await refused(post(deep, 'application/json'), greet)).toEqual([400, problem, 'invalid_request']);
  });

  it('tell callers apart by their tokens: a task of one is not there for the other', async () => {
    const bob = 'the-secret-token-of-bob';
    await start({ env: { MCP_WORKFLOW_TOKENS: `alice=${ALICE.secret},bob=${bob}` } });
    const as = (token: string): { readonly headers: Readonly<Record<string, string>> } => ({
      headers: { authorization: `Bearer ${token}` },
    });
    const made = await ask('/workflows/greet/tasks', { method: 'POST', ...as(ALICE.secret) });
    const id = textAt(made.body, 'taskId');
    expect((await ask(`/tasks/${id}`, as(ALICE.secret))).status).toBe(200);
    const [foreign, unknown] = [await ask(`/tasks/${id}`, as(bob)), await ask('/tasks/none', as(bob))];
    expect(foreign).toEqual(unknown);
    expect((await ask('/tasks', as(bob))).body).toEqual({ tasks: [] });
  });
});
