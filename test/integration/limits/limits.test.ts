import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { CreateMessageRequestSchema, type CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHttpServer, type TestHttpServer } from '../../support/http-server.ts';
import { serveEngine, type ServedEngine } from '../../support/served-engine.ts';
import { callAsTask, pollUntil, resultOf, stepTable } from '../../support/task-calls.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { newWorkspace, type LedgerEntry, type Workspace } from '../../support/workspace.ts';

/** Steps that open a page: its `url` says what the stand-in does and finds the calls again. */
const open = (id: string, url: string, more = ''): string =>
  `{ id: ${id}, server: vision-agent-mcp, action: navigate, arguments: { url: ${url} }${more === '' ? '' : `, ${more}`} }`;

const DEFINITIONS = {
  calls: `budget: { tool_calls: 3 }\nsteps: [{ id: f, type: foreach, items: [1, 2, 3, 4, 5], steps: [${open('a', 'calls')}] }]`,
  enough: `budget: { tool_calls: 3, bytes: 100000, tokens: 10, seconds: 60 }\nsteps: [${open('a', 'enough')}, ${open('b', 'enough')}]`,
  bytes: `budget: { bytes: 400 }\nsteps: [{ id: f, type: foreach, items: [1, 2, 3, 4, 5], steps: [${open('a', 'large')}] }]`,
  seconds: `budget: { seconds: 1 }\nsteps: [${open('a', 'for-ever')}]`,
  tokens: `budget: { tokens: 30 }\nsteps: [{ id: f, type: foreach, items: [1, 2, 3], steps: [{ id: a, type: llm, prompt: Say something }] }]`,
  attempt: `steps: [${open('a', 'slow-once', 'timeout_seconds: 1, retry: { max_attempts: 2, delay_seconds: 0.1, retry_on: [timeout] }')}]`,
  step: `steps: [{ id: g, type: group, timeout_seconds: 1, steps: [${open('a', 'for-ever')}] }]`,
  workflow: `timeout_seconds: 1\nsteps: [${open('a', 'for-ever')}]`,
  narrow: `steps: [{ id: p, type: parallel, tasks: [${[1, 2, 3, 4].map((n) => `{ id: t${n}, server: narrow, action: execute, arguments: { code: narrow } }`).join(', ')}] }]`,
  rated: `steps: [{ id: p, type: parallel, tasks: [${[1, 2, 3].map((n) => `{ id: t${n}, server: rated, action: execute, arguments: { code: rated } }`).join(', ')}] }]`,
  broken: `steps: [{ id: f, type: foreach, items: [1, 2, 3, 4], on_item_error: collect, steps: [{ id: a, server: broken, action: execute, arguments: { code: die } }] }]\noutput: { items: '{{f.items}}' }`,
  patient: `steps: [{ id: a, server: busy, action: go, retry: { max_attempts: 2, delay_seconds: 0.01 } }]`,
  kept: `steps: [${open('a', 'kept', 'cache_seconds: 60')}]\noutput: { cached: '{{a.cached}}' }`,
  line: `concurrency: { limit: 1, on_conflict: queue }\nsteps: [${open('a', 'line')}]`,
  single: `concurrency: { limit: 1, on_conflict: reject }\nsteps: [${open('a', 'line')}]`,
  saga: [
    'steps:',
    `  - ${open('one', 'do-1', `compensate: ${open('undo1', 'undo-1')}`)}`,
    `  - ${open('two', 'do-2', `compensate: ${open('undo2', 'undo-fails-once', 'retry: { max_attempts: 3, delay_seconds: 0.1 }')}`)}`,
    `  - ${open('three', 'fails')}`,
  ].join('\n'),
  halfway: [
    'steps:',
    `  - ${open('one', 'half-1', `compensate: ${open('undo1', 'half-undo-1')}`)}`,
    `  - ${open('two', 'half-2', `compensate: ${open('undo2', 'half-undo-2')}`)}`,
    `  - ${open('three', 'for-ever')}`,
  ].join('\n'),
} as const;

const ANSWERS = [
  { when: { url: 'large' }, text: 'x'.repeat(150) },
  // Nobody releases them.
  { when: { url: 'for-ever' }, held: true },
  { when: { url: 'slow-once' }, held: true },
  { when: { url: 'slow-once' }, text: 'in time' },
  { when: { url: 'line' }, delay_ms: 300, text: 'through' },
  { when: { url: 'fails' }, text: 'no', is_error: true },
  { when: { url: 'undo-fails-once' }, text: 'not yet', is_error: true },
  { when: { url: 'undo-fails-once' }, text: 'undone' },
];

let workspace: Workspace;
let engine: ServedEngine;
let client: Client;
let busy: TestHttpServer;
const asked: number[] = [];
let turns = 0;

beforeAll(async () => {
  workspace = await newWorkspace({
    definitions: Object.fromEntries(
      Object.entries(DEFINITIONS).map(([name, text]) => [`${name}.yaml`, `name: ${name}\n${text}\n`]),
    ),
    standIns: { 'vision-agent-mcp': {}, 'code-mcp': {} },
    scripts: {
      'vision-agent-mcp': { tools: { navigate: ANSWERS } },
      'code-mcp': {
        tools: {
          execute: [
            { when: { code: 'narrow' }, delay_ms: 200, text: 'done' },
            { when: { code: 'die' }, exit: 7 },
          ],
        },
      },
    },
  });
  busy = await startHttpServer((request, response, body) => {
    if (request.method !== 'POST') return response.writeHead(405).end();
    const { id, method } = body as { id?: number; method: string };
    if (id === undefined) return response.writeHead(202).end();
    if (method === 'tools/call' && asked.push(Date.now()) === 1) {
      return response.writeHead(429, { 'retry-after': '2' }).end();
    }
    const results: Record<string, object> = {
      initialize: {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'h', version: '1' },
      },
      'tools/list': { tools: [{ name: 'go', inputSchema: { type: 'object' } }] },
      'tools/call': { content: [{ type: 'text', text: 'gone' }] },
    };
    const result = results[method];
    const answer = result === undefined ? { error: { code: -32601, message: 'no' } } : { result };
    return response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  });
  const file = join(workspace.path, 'servers.json');
  const { mcpServers } = JSON.parse(await readFile(file, 'utf8')) as { mcpServers: Record<string, object> };
  const code = mcpServers['code-mcp'];
  const servers = {
    'vision-agent-mcp': { ...mcpServers['vision-agent-mcp'] },
    narrow: { ...code, max_concurrent: 1 },
    rated: { ...code, rate_per_minute: 60 },
    broken: { ...code, circuit_breaker: { failures: 2, reset_seconds: 600 } },
    busy: { url: busy.url },
  };
  await writeFile(file, JSON.stringify({ mcpServers: servers }));
  engine = serveEngine('stdio', workspace.path);
  client = await engine.connect({
    capabilities: { sampling: {} },
    prepare: (made) => {
      // Forty characters and the thirteen of the question: fourteen tokens a turn, of which clients of MCP report none.
      made.setRequestHandler(CreateMessageRequestSchema, () => {
        turns += 1;
        return { role: 'assistant', model: 'none', content: { type: 'text', text: 'x'.repeat(40) } };
      });
    },
  });
});

afterAll(async () => {
  await engine.stop();
  await busy.close();
  await workspace.remove();
});

/** Runs a workflow to its end. */
async function run(name: keyof typeof DEFINITIONS): Promise<{ result: CallToolResult; taskId: string }> {
  const { taskId } = await callAsTask(client, name);
  const result = await resultOf(client, taskId);
  return { result, taskId };
}

/** The calls whose `url` or `code` is `mark`, in order. */
function calls(mark: string): readonly LedgerEntry[] {
  return workspace.ledger().filter(({ args }) => args['url'] === mark || args['code'] === mark);
}

const textOf = ({ content }: CallToolResult): string =>
  content.flatMap((block) => ('text' in block ? [block.text] : [])).join('\n');
const meta = ({ _meta }: CallToolResult, name: string): unknown => _meta?.[`dev.mcp-workflow/${name}`];
const gaps = (entries: readonly LedgerEntry[]): readonly number[] =>
  entries.slice(1).map(({ at }, index) => at - (entries[index]?.at ?? 0));

describe('a budget', () => {
  test('of calls ends the run before the call that would be too much, and tells the use', async () => {
    const { result } = await run('calls');
    expect(textOf(result)).toContain('(budget_exceeded): tool_calls would be 4; the budget is 3');
    expect(meta(result, 'usage')).toMatchObject({ tool_calls: 3 });
    expect(calls('calls')).toHaveLength(3);
  });

  test('that is not used up is told in the result of a run that has completed', async () => {
    const { result } = await run('enough');
    expect(result.isError).not.toBe(true);
    expect(meta(result, 'usage')).toEqual({
      tool_calls: 2,
      tokens: 0,
      bytes: expect.any(Number) as number,
      seconds: expect.any(Number) as number,
    });
    expect((meta(result, 'usage') as { bytes: number }).bytes).toBeGreaterThan(20);
  });

  test('of bytes', async () => {
    const { result } = await run('bytes');
    expect(textOf(result)).toContain('(budget_exceeded): bytes would be ');
    expect(calls('large').length).toBeLessThan(5);
  });

  test('of tokens, with a client that does not count them', async () => {
    const { result } = await run('tokens');
    expect(textOf(result)).toContain('(budget_exceeded): tokens would be 42; the budget is 30');
    expect(meta(result, 'usage')).toMatchObject({ tokens: 28 });
    expect(turns).toBe(3);
  });

  test('of seconds stops what runs', async () => {
    const { result } = await run('seconds');
    expect(textOf(result)).toContain('budget_exceeded');
    expect((meta(result, 'usage') as { seconds: number }).seconds).toBeGreaterThanOrEqual(1);
  });
});

describe('a time limit', () => {
  test('of an attempt leaves the next one its own time', async () => {
    const { result, taskId } = await run('attempt');
    expect(textOf(result)).toContain('in time');
    expect(await stepTable(client, taskId)).toMatchObject([{ path: 'a', status: 'completed', attempts: 2 }]);
  });

  test.each(['step', 'workflow'] as const)('of a %s stops what is inside', async (name) => {
    const { result } = await run(name);
    expect(textOf(result)).toContain('(timeout)');
  });
});

describe('what the servers file bounds', () => {
  test('max_concurrent: calls of one task wait for each other', async () => {
    await run('narrow');
    expect(calls('narrow')).toHaveLength(4);
    for (const gap of gaps(calls('narrow'))) expect(gap).toBeGreaterThanOrEqual(190);
  });

  test('rate_per_minute: a burst of a tenth of a minute, then one at a time', async () => {
    const before = performance.now();
    for (let round = 0; round < 3; round += 1) await run('rated');
    expect(calls('rated')).toHaveLength(9);
    // Six at once, three more a second apart.
    expect(performance.now() - before).toBeGreaterThanOrEqual(2_500);
  });

  test('circuit_breaker: a server that fails is left alone, and the call says so', async () => {
    const { result } = await run('broken');
    const { items } = result.structuredContent as { items: readonly { error: { code: string; message: string } }[] };
    expect(items.map(({ error }) => error.code)).toEqual(['transport', 'transport', 'transport', 'transport']);
    expect(calls('die')).toHaveLength(2);
    expect(items[3]?.error.message).toContain("server 'broken'");
  });

  test('Retry-After of a server is waited for, however soon the step would try again', async () => {
    const { result } = await run('patient');
    expect(textOf(result)).toContain('gone');
    expect(asked).toHaveLength(2);
    expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThanOrEqual(1_900);
  });
});

describe('used again, and one at a time', () => {
  test('cache_seconds: the second task takes over the result of the first', async () => {
    expect((await run('kept')).result.structuredContent).toEqual({ cached: false });
    expect((await run('kept')).result.structuredContent).toEqual({ cached: true });
    expect(calls('kept')).toHaveLength(1);
  });

  test('concurrency: what waits in line runs when the one before it has ended', async () => {
    const before = calls('line').length;
    await Promise.all([run('line'), run('line'), run('line')]);
    const own = calls('line').slice(before);
    expect(own).toHaveLength(3);
    for (const gap of gaps(own)) expect(gap).toBeGreaterThanOrEqual(290);
  });

  test('concurrency: with reject the second call is refused while the first runs', async () => {
    const first = await callAsTask(client, 'single');
    const second = await client.callTool({ name: 'single', arguments: {} }).then(
      (result) => JSON.stringify(result),
      (error: unknown) => String(error),
    );
    expect(second).toMatch(/conflict|at a time|running/);
    expect(textOf(await resultOf(client, first.taskId))).toContain('through');
  });
});

describe('compensate', () => {
  test('undoes in reverse order after a failure, is retried, and its outcome is part of the result', async () => {
    const { result } = await run('saga');
    expect(result.isError).toBe(true);
    const urls = workspace
      .ledger()
      .flatMap(({ args }) => (/^(?:do|undo)-|^fails$/.test(String(args['url'])) ? [args['url']] : []));
    expect(urls).toEqual(['do-1', 'do-2', 'fails', 'undo-fails-once', 'undo-fails-once', 'undo-1']);
    expect(meta(result, 'compensation')).toMatchObject([
      { step: 'two', status: 'completed' },
      { step: 'one', status: 'completed' },
    ]);
  });

  test('undoes after a cancel', async () => {
    const { taskId } = await callAsTask(client, 'halfway');
    await waitUntil('the second step is done', async () =>
      (await stepTable(client, taskId)).some(({ path, status }) => path === 'two' && status === 'completed'),
    );
    expect(calls('half-2')).toHaveLength(1);
    await client.experimental.tasks.cancelTask(taskId);
    await pollUntil(client, taskId, 'cancelled');
    const undone = (): readonly unknown[] =>
      workspace.ledger().flatMap(({ args }) => (String(args['url']).startsWith('half-undo') ? [args['url']] : []));
    await waitUntil('both are undone', () => undone().length >= 2);
    expect(undone()).toEqual(['half-undo-2', 'half-undo-1']);
  });
});
