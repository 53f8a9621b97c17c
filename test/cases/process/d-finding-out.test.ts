import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../../src/core/json.ts';
import { startBuiltServer, type BuiltServer } from '../../support/built-server.ts';
import { runCli, type Finished } from '../../support/cli-process.ts';
import { newWorkspace, type Workspace } from '../../support/workspace.ts';
import { waitUntil } from '../../support/wait-until.ts';

const SECRET = 'hidden-4711-hidden';
const SERVER = 'server: code-mcp';
const DEFINITIONS: Readonly<Record<string, string>> = {
  'order.yaml': `name: order
secrets: [token]
variables: { input: { item: none, token: null, depth: { deep: none } } }
steps:
  - { id: make, ${SERVER}, action: format, arguments: { code: 'order of {{input.item}}', key: 'with {{input.token}}' } }
  - id: each
    type: foreach
    items: [north, south]
    steps:
      - { id: one, ${SERVER}, action: format, arguments: { code: 'part for {{item}}' } }
  - { id: computed, type: set, values: { note: 'noted {{input.item}}' } }
  - { id: child, type: workflow, workflow: part, input: { of: 'child of {{input.item}}' } }
output: { made: '{{make.text}}' }
`,
  'part.yaml':
    "name: part\nvariables: { input: { of: none } }\nsteps:\n  - { id: s, type: set, values: { of: '{{input.of}}' } }\n",
  'risky.yaml': `name: risky\nsteps:\n  - { id: try_it, ${SERVER}, action: execute, arguments: { code: 'risky business' } }\n`,
  'quick.yaml': 'name: quick\nsteps:\n  - { id: s, type: set, values: {} }\n',
  'ask.yaml': `name: ask
steps:
  - id: which
    type: elicit
    message: Which colour shall it be?
    schema: { type: object, properties: { colour: { type: string, enum: [crimson, teal] }, many: { type: integer, maximum: 5 } }, required: [colour] }
output: { colour: '{{which.output.colour}}' }
`,
};
/** Larger than anybody wants to read. */
const LARGE = 'x'.repeat(600_000);
const SHOWN = 200_000;

let workspace: Workspace;
let server: BuiltServer;
let client: Client;
/** Answers to questions, in their order, and the questions. */
const answers: ElicitResult[] = [];
const questions: string[] = [];
const tasks: { order: string; large: string; ask: string } = { order: '', large: '', ask: '' };
let asked: Finished;
const looked = new Map<string, Finished>();

function cli(...args: readonly string[]): Promise<Finished> {
  return runCli(args, workspace.path, { TZ: 'Asia/Tokyo' });
}

function parsed({ stdout, stderr }: Finished): JsonObject {
  if (stdout === '') throw new Error(stderr);
  const document = JSON.parse(stdout) as unknown;
  return isJsonObject(document) ? document : {};
}

function idOf(finished: Finished): string {
  const id = parsed(finished)['taskId'];
  if (typeof id !== 'string') throw new Error(finished.stderr);
  return id;
}

async function read(uri: string): Promise<string> {
  const { contents } = await client.readResource({ uri });
  return contents.map((content) => ('text' in content ? content.text : '')).join('\n');
}

/** Two at a time: a command is a process. */
async function inTurns(work: readonly (() => Promise<void>)[]): Promise<void> {
  const left = [...work];
  const one = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await next();
  };
  await Promise.all([one(), one()]);
}

beforeAll(async () => {
  workspace = await newWorkspace({
    definitions: DEFINITIONS,
    standIns: { 'code-mcp': {} },
    scripts: {
      'code-mcp': { tools: { format: [{ text: 'receipt 77' }], execute: [{ text: 'it broke', is_error: true }] } },
    },
  });
  await writeFile(join(workspace.path, 'large.json'), JSON.stringify({ item: LARGE, token: SECRET }));
  server = await startBuiltServer({
    dir: workspace.path,
    definitions: join(workspace.path, 'definitions'),
    remove: () => workspace.remove(),
  });
  client = new Client({ name: 'test', version: '1' }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
    questions.push(params.message);
    return answers.shift() ?? { action: 'decline' };
  });
  await client.connect(new StreamableHTTPClientTransport(new URL(server.url)));
  await client.callTool({ name: 'order', arguments: { item: 'anvil', token: SECRET } });
  await client.callTool({ name: 'risky', arguments: {} });
  // More tasks than an id has first letters: two begin alike.
  for (let count = 0; count < 17; count += 1) await client.callTool({ name: 'quick', arguments: {} });
  await inTurns([
    async () => {
      tasks.order = idOf(
        await cli(
          'run',
          'order',
          '--json',
          '--input',
          JSON.stringify({ item: 'anvil', token: SECRET, depth: { deep: 'cellar' } }),
        ),
      );
    },
    async () => {
      tasks.large = idOf(await cli('run', 'order', '--json', '--input', '@large.json'));
    },
    async () => {
      asked = await cli('run', 'ask');
      tasks.ask = idOf(asked);
    },
  ]);
  const commands: Readonly<Record<string, readonly string[]>> = {
    text: ['get', tasks.order],
    json: ['get', tasks.order, '--json'],
    make: ['get', tasks.order, '--step', 'make'],
    makeJson: ['get', tasks.order, '--step', 'make', '--json'],
    south: ['get', tasks.order, '--step', 'each[1]/one'],
    nowhere: ['get', tasks.order, '--step', 'mkae'],
    large: ['get', tasks.large, '--json'],
    largeStep: ['get', tasks.large, '--step', 'make'],
    short: ['get', tasks.order.slice(0, 8), '--json'],
    shortResult: ['result', tasks.order.slice(0, 8), '--json'],
    list: ['list', '--json', '--limit', '200'],
  };
  await inTurns(
    Object.entries(commands).map(([name, args]) => async () => {
      looked.set(name, await cli('tasks', ...args));
    }),
  );
});

afterAll(async () => {
  await client.close();
  await server.stop();
  await workspace.remove();
});

function look(name: string): Finished {
  const found = looked.get(name);
  if (found === undefined) throw new Error(`no command ${name}`);
  return found;
}

describe('D1: what went in', () => {
  it.each([
    ['tasks get', 'text', ['anvil']],
    [
      'tasks get --json',
      'json',
      ['anvil', 'cellar', 'order of anvil', 'part for south', 'receipt 77', 'child of anvil', 'noted anvil'],
    ],
    ['tasks get --step', 'make', ['order of anvil', 'receipt 77']],
    ['tasks get --step --json', 'makeJson', ['order of anvil', 'receipt 77']],
    ['tasks get --step of an item', 'south', ['part for south', 'receipt 77']],
  ])('D1: %s shows input, rendered arguments and output', (_what, name, words) => {
    const { code, stdout, stderr } = look(name);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    for (const word of words) expect(stdout).toContain(word);
    expect(stdout).not.toContain(SECRET);
  });

  it('D1: --step shows that step alone', () => {
    expect(look('south').stdout).not.toMatch(/part for north|order of/u);
    expect(look('makeJson').stdout).not.toContain('part for');
    expect(parsed(look('makeJson'))).toMatchObject({ path: 'make', status: 'completed' });
  });

  it('D1: --step with a path that is not there says what there is', () => {
    const { code, stderr } = look('nowhere');
    expect(code).toBe(2);
    expect(stderr).toMatch(/did you mean '?make|there are: .*make/u);
  });

  it('D1: the resources of the task have it as well', async () => {
    const task = await read(`workflow://tasks/${tasks.order}`);
    for (const word of ['anvil', 'cellar']) expect(task).toContain(word);
    const journal = await read(`workflow://tasks/${tasks.order}/journal`);
    for (const word of ['order of anvil', 'part for south', 'receipt 77']) expect(journal).toContain(word);
    expect(task + journal).not.toContain(SECRET);
  });

  it('D1: what is large is shown in part, and said to be', () => {
    for (const name of ['large', 'largeStep']) {
      const { stdout, code } = look(name);
      expect(code).toBe(0);
      expect(stdout).toContain('order of xxx');
      expect(stdout.length).toBeLessThan(SHOWN);
      expect(stdout).toMatch(/…|\bbytes\b|\btruncated\b/u);
      expect(stdout).not.toContain(SECRET);
    }
  });

  it('D1: what the task has used is shown without a budget', () => {
    expect(parsed(look('json'))).toMatchObject({ usage: { tool_calls: 3 } });
    expect(look('text').stdout).toMatch(/\b3 (?:tool )?calls?\b/u);
  });
});

/** The lines of the server's log about one workflow. */
function logged(workflow: string): readonly JsonObject[] {
  return server.process
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as unknown)
    .filter(isJsonObject)
    .filter((line) => line['workflow'] === workflow && typeof line['taskId'] === 'string');
}

describe('D2: the log and the metrics', () => {
  it('D2: the log says when a task starts and ends, with workflow and id', () => {
    const lines = logged('order');
    const text = lines.map(({ msg }) => JSON.stringify(msg));
    expect(text.filter((msg) => /start|begin|begun/u.test(msg))).toHaveLength(1);
    expect(text.filter((msg) => /end|complete/u.test(msg))).toHaveLength(1);
    expect(new Set(lines.map(({ taskId }) => taskId)).size).toBe(1);
    expect(server.process.stderr()).not.toContain(SECRET);
  });

  it('D2: the log says that a task failed, where and with which code', () => {
    const failed = logged('risky').filter((line) => line['code'] !== undefined);
    expect(failed).toEqual([expect.objectContaining({ code: 'tool_error', step: 'try_it' })]);
  });

  it.each([
    ['order', 'completed', 1],
    ['part', 'completed', 1],
    ['risky', 'failed', 1],
    ['quick', 'completed', 17],
  ])('D2: the metrics count the tasks of %s that %s', async (workflow, outcome, count) => {
    const text = await (await fetch(new URL('/metrics', server.url))).text();
    const lines = text
      .split('\n')
      .filter((line) => line.includes(`workflow="${workflow}"`) && line.includes(`="${outcome}"`));
    expect(lines.map((line) => Number(line.split(' ').at(-1)))).toContain(count);
  });
});

describe('D3: finding a task', () => {
  it('D3: an id may be shortened to a beginning that no other has', () => {
    expect(parsed(look('short'))).toMatchObject({ taskId: tasks.order });
    expect(parsed(look('shortResult'))).toMatchObject({ structuredContent: { made: 'receipt 77' } });
  });

  it('D3: a beginning that several have is refused, and they are named', async () => {
    const listed = parsed(look('list'))['tasks'];
    const ids = (Array.isArray(listed) ? listed : []).flatMap((task) =>
      isJsonObject(task) && typeof task['taskId'] === 'string' ? [task['taskId']] : [],
    );
    const first = ids.map((id) => id.slice(0, 1)).find((letter, index, all) => all.indexOf(letter) !== index) ?? '';
    const { code, stderr } = await cli('tasks', 'get', first);
    expect(code).toBe(2);
    const named = ids.filter((id) => id.startsWith(first) && stderr.includes(id));
    expect(named.length).toBeGreaterThan(1);
  });

  it('D3: times are those of the clock on the wall', () => {
    const created = parsed(look('json'))['createdAt'];
    const local = new Date(Date.parse(typeof created === 'string' ? created : '') + 9 * 3_600_000)
      .toISOString()
      .slice(11, 19);
    expect(look('text').stdout).toContain(local);
    expect(look('text').stdout).not.toMatch(/\d\d:\d\d:\d\d(?:\.\d+)?Z/u);
  });
});

describe('D4: run without a terminal that meets a question', () => {
  it('D4: prints the question, its choices and how to answer it, beside the document', () => {
    expect(asked.code).toBe(3);
    expect(parsed(asked)).toMatchObject({ status: 'input_required' });
    for (const word of [
      'Which colour shall it be?',
      'crimson',
      'teal',
      `mcp-workflow tasks respond ${tasks.ask}`,
      '--set colour=',
    ]) {
      expect(asked.stderr).toContain(word);
    }
  });
});

describe('D6: a form that is asked again', () => {
  it.each([
    ['a choice that there is not', { colour: 'blue' }, /colour[^]*(?:crimson|teal)/u],
    ['too much', { colour: 'teal', many: 9 }, /many[^]*5/u],
    ['too little', { many: 1 }, /colour[^]*(?:missing|needed|required)/iu],
  ])('D6: after %s says why', async (_what, content, says) => {
    questions.length = 0;
    answers.splice(0, Infinity, { action: 'accept', content }, { action: 'accept', content: { colour: 'crimson' } });
    const result = await client.callTool({ name: 'ask', arguments: {} });
    expect(result['structuredContent']).toEqual({ colour: 'crimson' });
    const [first, second, ...more] = await waitUntil('it was asked', () =>
      questions.length > 0 ? questions : undefined,
    );
    expect(more).toEqual([]);
    expect(first).toBe('Which colour shall it be?');
    expect(second).toContain('Which colour shall it be?');
    expect(second).toMatch(says);
  });
});
