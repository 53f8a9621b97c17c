import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import {
  createWorkspace,
  startBuiltServer,
  stdioCommand,
  type BuiltServer,
  type Workspace,
} from '../support/built-server.ts';
import { initializeParams, type WireClient } from '../support/wire-client.ts';
import { rawHttp } from '../support/wire-clients.ts';
import { checkWire } from '../support/wire-schemas.ts';
import { jsonOf } from '../support/wire-watch.ts';

const DEFINITIONS = fileURLToPath(new URL('definitions', import.meta.url));
const ROUNDS = 400;
/** The same messages on every run; another number finds others. */
const SEED = 20_261_121;

const METHODS = ['tools/call', 'tasks/get', 'tasks/cancel', 'tasks/result', 'tasks/list', 'resources/read', 'nope', ''];
const key = fc.constantFrom('jsonrpc', 'id', 'method', 'params', 'result', 'error', '__proto__', 'constructor');
const junk = fc.jsonValue({ maxDepth: 3 });

/** A call that would start a task, spoilt: nothing of this may be carried out. */
const spoilt = fc
  .record({ at: fc.constantFrom('jsonrpc', 'method', 'params', 'name', 'task'), by: junk })
  .map(({ at, by }) => {
    const params: Record<string, unknown> = { name: 'quick', arguments: { n: 1 }, task: {} };
    const message: Record<string, unknown> = { jsonrpc: '2.0', id: 7, method: 'tools/call', params };
    if (at === 'name' || at === 'task') params[at] = at === 'task' && isJsonObject(by) ? 'no object' : by;
    else message[at] = at === 'params' && isJsonObject(by) ? [by] : by;
    return JSON.stringify(message);
  });

const malformed: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 80, unit: 'binary' }),
  junk.map((value) => JSON.stringify(value)),
  fc.dictionary(key, junk, { maxKeys: 5 }).map((value) => JSON.stringify(value)),
  fc
    .record({ id: junk, method: fc.constantFrom(...METHODS), params: junk })
    .map((message) => JSON.stringify({ jsonrpc: '2.0', ...message }))
    // A list of tasks or of resources changes nothing, so it may be well-formed.
    .filter((text) => !text.includes('"quick"')),
  spoilt,
  // Truncated.
  fc
    .nat({ max: 90 })
    .map((length) =>
      JSON.stringify({ jsonrpc: '2.0', id: 8, method: 'tools/call', params: { name: 'quick', task: {} } }).slice(
        0,
        Math.min(length, 80),
      ),
    ),
  // This revision has no batches.
  fc.integer({ min: 0, max: 3 }).map((count) =>
    JSON.stringify(
      Array.from({ length: count }, (_, id) => ({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { name: 'quick', arguments: {}, task: {} },
      })),
    ),
  ),
);

const MESSAGES = fc.sample(malformed, { numRuns: ROUNDS, seed: SEED }).map((text) => text.replaceAll(/[\r\n]/gu, ' '));

const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'fuzz', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } },
};

/**
 * How a pipe is opened in each generation, a request that is always answered, and how the generation takes a malformed
 * message.
 */
const PIPES = [
  {
    revision: '2025-11-25',
    opening: { method: 'initialize', params: initializeParams({}) },
    harmless: { method: 'ping' },
    messages: MESSAGES,
  },
  {
    revision: '2026-07-28',
    opening: { method: 'server/discover', params: { _meta: ENVELOPE } },
    harmless: { method: 'tools/list', params: { _meta: ENVELOPE } },
    messages: MESSAGES.map(enveloped).filter((text) => !isCall(text)),
  },
] as const;

/** The same with the envelope that its generation wants, so that it gets further than that. */
function enveloped(text: string): string {
  const message = jsonOf(text);
  if (!isJsonObject(message) || !isJsonObject(message['params'])) return text;
  return JSON.stringify({ ...message, params: { ...message['params'], _meta: ENVELOPE } });
}

/** `task` means nothing in 2026-07-28, so a call that was spoilt there is a call. */
function isCall(text: string): boolean {
  const message = jsonOf(text);
  if (!isJsonObject(message) || message['jsonrpc'] !== '2.0' || message['method'] !== 'tools/call') return false;
  return isJsonObject(message['params']) && message['params']['name'] === 'quick' && message['id'] !== undefined;
}

let workspace: Workspace;
let server: BuiltServer;
let witness: WireClient;
beforeAll(async () => {
  workspace = await createWorkspace(DEFINITIONS);
  server = await startBuiltServer(workspace);
  witness = await rawHttp(server);
});
afterAll(async () => {
  await witness.close();
  await server.stop();
  await workspace.remove();
});

/** All tasks and their statuses, as another client sees them. */
async function state(): Promise<readonly (readonly [unknown, unknown])[]> {
  const result = await witness.request('tools/call', { name: 'tasks_list', arguments: { limit: 200 } });
  const { tasks } = result['structuredContent'] as { readonly tasks: readonly JsonObject[] }; // as the tool's schema says
  return tasks.map(({ taskId, status }) => [taskId, status]);
}

describe('malformed, batched, truncated and wrongly typed messages', () => {
  test('over HTTP: each is answered with an error, nothing changes, and the server serves on', async () => {
    await witness.request('tools/call', { name: 'slow', arguments: { seconds: 600 }, task: {} });
    const before = await state();
    expect(before).toHaveLength(1);
    const session = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initializeParams({}) }),
    });
    await session.text();
    for (const [index, body] of MESSAGES.entries()) {
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        // Both generations, and a session that is none.
        ...[
          { 'mcp-session-id': session.headers.get('mcp-session-id') ?? '' },
          { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'quick' },
          { 'mcp-session-id': 'nobody' },
        ][index % 3],
      };
      const response = await fetch(server.url, { method: 'POST', headers, body });
      const text = await response.text();
      expect(response.status, body).toBeLessThan(500);
      if (response.status === 200) expect(text, body).toContain('"jsonrpc":"2.0"');
    }
    expect(await state()).toEqual(before);
    expect((await fetch(server.url.replace('/mcp', '/healthz'))).status).toBe(200);
  });

  test('over HTTP: a body that is too large is refused', async () => {
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { x: 'x'.repeat(5 * 1024 * 1024) } }),
    });
    expect(response.status).toBe(413);
  });

  test.each(PIPES)(
    'over stdio in $revision: whatever is written, the next request is answered, and nothing changes',
    async ({ revision, opening, harmless, messages }) => {
      const before = await state();
      const { command, args, cwd, env } = stdioCommand(workspace);
      const child = spawn(command, args, { cwd, env: { ...env }, stdio: ['pipe', 'pipe', 'ignore'] });
      const answers: JsonObject[] = [];
      let rest = '';
      let onAnswer: () => void = () => undefined;
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) answers.push(JSON.parse(line) as JsonObject); // stdout is MCP only
        onAnswer();
      });
      const answered = (id: string): Promise<JsonObject> =>
        new Promise((resolve) => {
          onAnswer = () => {
            const found = answers.find((answer) => answer['id'] === id);
            if (found !== undefined) resolve(found);
          };
          onAnswer();
        });
      const write = (text: string): void => void child.stdin.write(`${text}\n`);
      write(JSON.stringify({ jsonrpc: '2.0', id: 'init', ...opening }));
      await answered('init');
      for (const [index, message] of messages.entries()) {
        write(message);
        if (index % 20 !== 0) continue;
        write(JSON.stringify({ jsonrpc: '2.0', id: `ping-${index}`, ...harmless }));
        expect(await answered(`ping-${index}`)).toMatchObject({ result: {} });
      }
      write(JSON.stringify({ jsonrpc: '2.0', id: 'last', ...harmless }));
      await answered('last');
      for (const answer of answers) if ('error' in answer) checkWire(revision, answer);
      expect(answers.filter((answer) => 'error' in answer).length).toBeGreaterThan(ROUNDS / 4);
      const ended = once(child, 'exit');
      child.stdin.end();
      expect((await ended)[0]).toBe(0);
      expect(await state()).toEqual(before);
    },
  );
});
