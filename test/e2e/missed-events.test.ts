import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { createWorkspace, startBuiltServer, type BuiltServer, type Workspace } from '../support/built-server.ts';
import { waitUntil } from '../support/wait-until.ts';

const DEFINITIONS = fileURLToPath(new URL('definitions', import.meta.url));
const COUNTS = `
name: counts
description: Counts, and waits long enough for its server to be killed and started.
steps:
  - { id: one, type: emit, message: one, progress: 1, total: 4 }
  - { id: two, type: emit, message: two, progress: 2, total: 4 }
  - { id: rest, type: wait, seconds: 8 }
  - { id: three, type: emit, message: three, progress: 3, total: 4 }
  - { id: end, type: wait, seconds: 0.1 }
output: { done: true }
`;

function asks(name: string): string {
  return `
name: ${name}
description: Asks for a name.
steps:
  - id: q
    type: elicit
    message: ${name}?
    schema: { type: object, properties: { who: { type: string } }, required: [who] }
output: { who: '{{q.output.who}}' }
`;
}

/** An event as it comes over the wire; `message` is absent where there is only an id. */
interface WireEvent {
  readonly id: string;
  readonly message?: JsonObject;
}

interface Stream {
  readonly status: number;
  readonly events: readonly WireEvent[];
  /** The server has ended it in order. */
  ended: boolean;
  /** Breaks the connection. */
  readonly drop: () => void;
}

let workspace: Workspace;
let server: BuiltServer;
let store: KeyvTaskStore;
let session: string;
let revision: string;
const open: Stream[] = [];
beforeEach(async () => {
  workspace = await createWorkspace(DEFINITIONS);
  await writeFile(join(workspace.definitions, 'counts.yaml'), COUNTS);
  for (const name of ['first', 'second']) await writeFile(join(workspace.definitions, `${name}.yaml`), asks(name));
  server = await startBuiltServer(workspace);
  store = await KeyvTaskStore.open(join(workspace.dir, 'data', 'tasks.sqlite'));
  [session, revision] = ['', '2025-11-25'];
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: { elicitation: {} },
    clientInfo: { name: 'raw', version: '1' },
  };
  const opening = await send({ id: 'open', method: 'initialize', params });
  session = opening.headers.get('mcp-session-id') ?? '';
  await opening.text();
  await (await send({ method: 'notifications/initialized' })).text();
});
afterEach(async () => {
  for (const stream of open.splice(0)) stream.drop();
  await store.close();
  await server.stop();
  await workspace.remove();
});

function headers(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': revision,
    ...(session === '' ? {} : { 'mcp-session-id': session }),
    ...more,
  };
}

function send(message: JsonObject, signal?: AbortSignal): Promise<Response> {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message });
  return fetch(server.url, { method: 'POST', headers: headers(), body, ...(signal === undefined ? {} : { signal }) });
}

async function call(id: number, name: string, more: JsonObject = {}): Promise<Stream> {
  const stop = new AbortController();
  const params = { name, arguments: {}, ...more };
  return streamOf(await send({ id, method: 'tools/call', params }, stop.signal), stop);
}

/** The session's own stream, or one that goes on behind an event. */
async function listen(lastEventId?: string): Promise<Stream> {
  const stop = new AbortController();
  const more = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  return streamOf(await fetch(server.url, { headers: headers(more), signal: stop.signal }), stop);
}

function streamOf(response: Response, stop: AbortController): Stream {
  const events: WireEvent[] = [];
  const stream = { status: response.status, events, ended: false, drop: () => stop.abort() };
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) events.push(...eventOf(block));
    }
    stream.ended = true;
  };
  // Broken off, by the test or with the process.
  read().catch(() => undefined);
  open.push(stream);
  return stream;
}

function eventOf(block: string): readonly WireEvent[] {
  const id = /^id: (.+)$/mu.exec(block)?.[1];
  if (id === undefined) return [];
  const data = /^data: (.+)$/mu.exec(block)?.[1]?.trim() ?? '';
  return [data === '' ? { id } : { id, message: JSON.parse(data) as JsonObject }]; // a message
}

/** The messages of this session that are in the store. */
async function stored(): Promise<readonly JsonObject[]> {
  const { items } = await store.range({ from: `http-event:${session}`, to: `http-event:${session};`, limit: 5_000 });
  return items.flatMap(({ value }) =>
    isJsonObject(value) && isJsonObject(value['message']) ? [value['message']] : [],
  );
}

async function isStored(text: string): Promise<boolean> {
  return JSON.stringify(await stored()).includes(text);
}

async function again(): Promise<void> {
  await server.kill();
  server = await startBuiltServer(workspace);
}

/** The tasks whose end is told of, in order. */
function finished(messages: readonly (JsonObject | undefined)[]): string[] {
  return messages.flatMap((message) => {
    const params = message?.['method'] === 'notifications/tasks/status' ? message['params'] : undefined;
    if (!isJsonObject(params) || params['status'] !== 'completed') return [];
    return typeof params['taskId'] === 'string' ? [params['taskId']] : [];
  });
}

function heard(stream: Stream): string[] {
  return finished(stream.events.map(({ message }) => message));
}

async function create(id: number): Promise<string> {
  const answer = await call(id, 'slow', { arguments: { seconds: 0 }, task: {} });
  await waitUntil('the task is there', () => answer.ended);
  return /"taskId":"([^"]+)"/u.exec(JSON.stringify(answer.events))?.[1] ?? '';
}

test('news that were missed before a kill come once, in order, to a client that had heard nothing yet, and then it goes on live', async () => {
  const before = await listen();
  const [first] = await waitUntil('the stream has begun', () => before.events.length > 0 && before.events);
  before.drop();
  const tasks: string[] = [];
  for (let n = 0; n < 10; n += 1) tasks.push(await create(n));
  await waitUntil('all of it is in the store', async () => finished(await stored()).length === tasks.length);
  await again();

  const after = await listen(first?.id);
  await waitUntil('all of it is heard', () => heard(after).length === 10);
  expect(new Set(heard(after))).toEqual(new Set(tasks));
  const last = await create(99);
  await waitUntil('it goes on live', () => heard(after).includes(last));
  const ids = after.events.map(({ id }) => id);
  expect(new Set([first?.id, ...ids]).size).toBe(ids.length + 1);
  after.drop();

  // From the middle, in a third process.
  const [middle, rest] = [after.events[4], after.events.slice(5)];
  await waitUntil('the last is in the store', async () => finished(await stored()).includes(last));
  await again();
  const third = await listen(middle?.id);
  await waitUntil('the rest is heard', () => heard(third).includes(last));
  expect(third.events).toEqual(rest);
});

test('the stream of a call goes on behind its last event after a kill: what was missed, then the rest, with progress that grows, then its end', async () => {
  const before = await call(1, 'counts', { _meta: { progressToken: 'p' } });
  const [first] = await waitUntil('the stream has begun', () => before.events.length > 0 && before.events);
  before.drop();
  const streamId = first?.id.split('_')[0] ?? '';
  await waitUntil('progress and call are in the store', async () => {
    const { items } = await store.range({ from: `http-session:${session}`, to: 'http-session;', limit: 1 });
    return JSON.stringify(items).includes(streamId) && (await isStored('"message":"two"'));
  });
  await again();

  const after = await listen(first?.id);
  await waitUntil('the stream ends', () => after.ended);
  const messages = after.events.map(({ message }) => message);
  expect(messages.at(-1)).toMatchObject({ id: 1, result: { structuredContent: { done: true } } });
  const progress = messages.slice(0, -1).map((message) => isJsonObject(message?.['params']) && message['params']);
  const values = progress.map((params) => Number(params !== false && params['progress']));
  expect(values).toEqual([...new Set(values)].sort((a, b) => a - b));
  expect(values).toEqual(expect.arrayContaining([2, 3]));
  expect(progress.every((params) => params !== false && params['total'] === 4)).toBe(true);
  expect(after.events.every(({ id }) => id.startsWith(`${streamId}_`))).toBe(true);

  // And once more, from the store alone.
  await waitUntil('the answer is in the store', () => isStored('"done":true'));
  await again();
  const third = await listen(first?.id);
  await waitUntil('the stream ends', () => third.ended);
  expect(third.events).toEqual(after.events);
  const nothing = await listen(after.events.at(-1)?.id);
  await waitUntil('it ends at once', () => nothing.ended);
  expect([nothing.status, nothing.events]).toEqual([200, []]);
});

test('an id that leads nowhere is refused with 400, in any process, and one of the own stream begins it anew', async () => {
  await again();
  for (const id of ['garbage', '0b5f8c6e-98a5-4d7f-a1de-f1c7a0c8a001_abc_1', `${'x'.repeat(2_000)}_1_1`]) {
    expect((await listen(id)).status).toBe(400);
  }
  const own = await listen('_GET_stream_nonsense');
  await waitUntil('the stream has begun', () => own.events.length > 0);
  expect(own.status).toBe(200);
});

test('a session is in the store before its client knows its id, and after a DELETE nothing is left of it', async () => {
  const key = `http-session:${session}`;
  expect((await store.range({ from: key, to: `${key}!`, limit: 1 })).items).toHaveLength(1);
  const own = await listen();
  await waitUntil('the stream has begun', () => own.events.length > 0);
  own.drop();
  await create(1);
  await waitUntil('news are in the store', async () => finished(await stored()).length > 0);
  await fetch(server.url, { method: 'DELETE', headers: headers() });
  expect(await stored()).toEqual([]);
  await again();
  expect((await listen(own.events[0]?.id)).status).toBe(404);
});

test('a client that resumes takes its stream over from a connection that the server believes to be open', async () => {
  const [own, waiting] = [await listen(), await call(1, 'counts', { _meta: { progressToken: 'p' } })];
  await waitUntil('both have begun', () => own.events.length > 0 && waiting.events.length > 1);
  const [ownAgain, waitingAgain] = [await listen(own.events[0]?.id), await listen(waiting.events[1]?.id)];
  await waitUntil('the old ones are let go', () => own.ended && waiting.ended);
  const task = await create(2);
  await waitUntil('the new ones go on', () => heard(ownAgain).includes(task) && waitingAgain.ended);
  expect(waitingAgain.events.at(-1)?.message).toMatchObject({ id: 1, result: {} });
  expect([own.events.length, JSON.stringify(waiting.events).includes('"result"')]).toEqual([1, false]);
});

test('a call of an older revision, whose stream begins with no event of its own, is answered by the next process', async () => {
  revision = '2025-06-18';
  const before = await call(1, 'counts', { _meta: { progressToken: 'p' } });
  const [first] = await waitUntil('there is progress', () => before.events.length > 0 && before.events);
  expect(first?.message).toBeDefined();
  before.drop();
  await waitUntil('the call is in the store', async () => {
    const { items } = await store.range({ from: `http-session:${session}`, to: 'http-session;', limit: 1 });
    return JSON.stringify(items).includes(first?.id.split('_')[0] ?? '-');
  });
  await again();
  const after = await listen(first?.id);
  await waitUntil('it is answered', () => JSON.stringify(after.events).includes('"done":true'));
  expect(after.events.every(({ message }) => message !== undefined)).toBe(true);
});

async function question(stream: Stream): Promise<JsonObject> {
  return waitUntil('the question is there', () =>
    stream.events.map(({ message }) => message).find((message) => message?.['method'] === 'elicitation/create'),
  );
}

async function reply(to: JsonObject, who: string): Promise<void> {
  const answer = await send({ id: to['id'] ?? null, result: { action: 'accept', content: { who } } });
  expect(answer.status).toBe(202);
}

test('an answer to a question of the process that died answers no other, and each question is asked again and answered', async () => {
  const before = await call(1, 'first');
  const old = await question(before);
  await waitUntil('the call is in the store', async () => {
    const { items } = await store.range({ from: `http-session:${session}`, to: 'http-session;', limit: 1 });
    return JSON.stringify(items).includes(before.events[0]?.id.split('_')[0] ?? '-');
  });
  await again();
  const second = await call(2, 'second');
  const other = await question(second);
  await reply(old, 'late');
  const first = await listen(before.events[0]?.id);
  await reply(await question(first), 'Ann');
  await waitUntil('the first is answered', () => first.ended);
  expect(second.ended).toBe(false);
  await reply(other, 'Bob');
  await waitUntil('the second is answered', () => second.ended);
  const ends = [first, second].map(({ events }) => events.slice(-1).map(({ message }) => message)[0]?.['result']);
  expect(ends).toMatchObject([{ structuredContent: { who: 'Ann' } }, { structuredContent: { who: 'Bob' } }]);
  // What is answered is not withdrawn.
  expect(JSON.stringify([...first.events, ...second.events])).not.toContain('notifications/cancelled');
});
