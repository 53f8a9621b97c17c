import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RunReport, TaskReport } from '../../../src/cli/report.ts';
import { CLI, runCli, startCli, type Finished } from '../../support/cli-process.ts';
import { serveEngine } from '../../support/served-engine.ts';
import { startScriptedModel, type ScriptedModel } from '../../support/scripted-model.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

const KEY = 'sk-very-secret-0123456789';
const schema = '{ type: object, properties: { n: { type: integer } }, required: [n] }';

const DEFINITIONS = {
  plain: `steps: [{ id: ask, type: llm, prompt: 'Say hello', system: Be brief, max_tokens: 50, temperature: 0 }]`,
  typed: `steps: [{ id: ask, type: llm, prompt: Count, schema: ${schema} }]`,
  named: `steps: [{ id: ask, type: llm, prompt: Hi, model: [elsewhere, small] }]`,
  patient: `steps: [{ id: ask, type: llm, prompt: Hi, retry: { max_attempts: 3, delay_seconds: 0.01 } }]`,
  short: `steps: [{ id: ask, type: llm, prompt: Hi, timeout_seconds: 1 }]`,
  cheap: `budget: { usd: 0.02 }\nsteps:\n${[1, 2, 3].map((n) => `  - { id: a${n}, type: llm, prompt: Hi, max_tokens: 500 }`).join('\n')}`,
  many: `steps: [{ id: f, type: foreach, items: [1, 2, 3, 4, 5], max_concurrency: 5, steps: [{ id: a, type: llm, model: narrow, prompt: Hi }] }]`,
  two: `steps:\n  - { id: first, type: llm, prompt: One }\n  - { id: second, type: llm, prompt: Count, schema: ${schema} }`,
  nobody: `steps: [{ id: ask, type: llm, model: keyless, prompt: Hi }]`,
};

let model: ScriptedModel;
let folder: Awaited<ReturnType<typeof tempDir>>;

beforeAll(async () => {
  model = await startScriptedModel();
});
afterAll(() => model.close());
beforeEach(async () => {
  folder = await tempDir();
  await mkdir(join(folder.path, 'definitions'));
  await writeFile(join(folder.path, 'servers.json'), '{"mcpServers":{}}');
  for (const [name, text] of Object.entries(DEFINITIONS)) {
    await writeFile(join(folder.path, 'definitions', `${name}.yaml`), `name: ${name}\n${text}\n`);
  }
  const entry = { provider: 'openai-compatible', base_url: model.baseUrl, model: 'scripted', api_key: '${MODEL_KEY}' };
  await models({
    default: { ...entry, price: { input: 10, output: 20 } },
    small: { ...entry, model: 'small-one' },
    narrow: { ...entry, max_concurrent: 2 },
    keyless: { ...entry, api_key: '${NOT_SET}' },
  });
});
afterEach(async () => {
  model.forget();
  await folder.remove();
});

async function models(entries: Readonly<Record<string, object>>): Promise<void> {
  await writeFile(join(folder.path, 'models.json'), JSON.stringify({ models: entries }));
}

async function run(name: keyof typeof DEFINITIONS): Promise<RunReport & { readonly whole: Finished }> {
  const before = model.seen.length;
  const whole = await runCli(['run', name, '--json'], folder.path, { MODEL_KEY: KEY });
  if (whole.stdout === '') throw new Error(`${whole.stderr} after ${model.seen.length - before} turns`);
  return { ...(JSON.parse(whole.stdout) as RunReport), whole };
}

async function taskOf({ taskId }: { readonly taskId: string }): Promise<TaskReport> {
  const { stdout } = await runCli(['tasks', 'get', taskId, '--json'], folder.path);
  return JSON.parse(stdout) as TaskReport;
}

/** The turns that a call made. */
async function turnsOf<T>(act: () => Promise<T>): Promise<{ readonly end: T; readonly turns: ScriptedModel['seen'] }> {
  const before = model.seen.length;
  const end = await act();
  return { end, turns: model.seen.slice(before) };
}

describe('an llm step with models.json', () => {
  test('asks the default model of an OpenAI-compatible server, and tells tokens and dollars of step and task', async () => {
    model.script({ text: 'Hello!' });
    const { end, turns } = await turnsOf(() => run('plain'));
    expect(end).toMatchObject({ status: 'completed', output: { result: 'Hello!' } });
    expect(turns).toEqual([
      {
        authorization: `Bearer ${KEY}`,
        body: {
          model: 'scripted',
          max_tokens: 50,
          temperature: 0,
          messages: [
            { role: 'system', content: 'Be brief' },
            { role: 'user', content: 'Say hello' },
          ],
        },
      },
    ]);
    // 100 tokens at 10 dollars a million and 20 at 20.
    const used = { tokens: 120, usd: 0.0014 };
    const task = await taskOf(end);
    expect(task.usage).toEqual({ tool_calls: 0, ...used });
    expect(task.steps).toMatchObject([{ path: 'ask', usage: used }]);
    expect((await runCli(['tasks', 'get', end.taskId], folder.path)).stdout).toMatch(/120 tokens, \$0\.0014/u);
  });

  test('uses the first of its names that is an entry', async () => {
    const { end, turns } = await turnsOf(() => run('named'));
    expect(end.status).toBe('completed');
    expect(turns.map(({ body }) => body.model)).toEqual(['small-one']);
  });

  test('sends an answer that does not fit back with what is wrong, and both turns are counted', async () => {
    model.script({ text: 'three' }, { text: '{"n": "3"}' }, { text: 'Here: {"n": 3}' });
    const { end, turns } = await turnsOf(() => run('typed'));
    expect(end.output).toEqual({ result: { n: 3 } });
    expect(turns[0]?.body.response_format).toMatchObject({ type: 'json_schema', json_schema: { strict: false } });
    const said = turns.map(({ body }) => body.messages.slice(-2).map(({ content }) => content));
    expect(said[1]).toEqual(['three', expect.stringMatching(/cannot be used.*JSON/u)]);
    expect(said[2]).toEqual(['{"n": "3"}', expect.stringMatching(/does not fit the schema: .*n/u)]);
    expect((await taskOf(end)).usage).toMatchObject({ tokens: 360 });
  });

  test('gives up after two repairs', async () => {
    model.script({ text: 'no' }, { text: 'no' }, { text: 'no' });
    const { end, turns } = await turnsOf(() => run('typed'));
    expect(end.error).toMatchObject({ code: 'invalid_output', step: 'ask' });
    expect(turns).toHaveLength(3);
  });

  test.each([
    ['a refusal', { refusal: 'I cannot do that' }, /refused to answer: I cannot do that/u],
    ['an answer that was cut', { text: '{"n": ', finish: 'length' }, /cut at max_tokens/u],
  ])('does not ask again after %s', async (_what, reply, message) => {
    model.script(reply);
    const { end, turns } = await turnsOf(() => run('typed'));
    expect(end.error).toMatchObject({ code: 'invalid_output', message: expect.stringMatching(message) as string });
    expect(turns).toHaveLength(1);
  });

  test('a 429 is tried again by the retry of the step, no sooner than Retry-After says', async () => {
    model.script({ status: 429, headers: { 'retry-after': '1' }, body: '{"error":{"message":"slow down"}}' });
    const { end, turns } = await turnsOf(() => run('patient'));
    expect(end).toMatchObject({ status: 'completed', steps: [{ attempts: 2 }] });
    expect(turns).toHaveLength(2);
    const shown = (await runCli(['tasks', 'get', end.taskId], folder.path)).stdout;
    expect(shown).toMatch(/attempt 1 failed at .*\(transport\).*HTTP 429: slow down/u);
    const [step] = (await taskOf(end)).steps;
    expect(Date.parse(step?.endedAt ?? '') - Date.parse(step?.startedAt ?? '')).toBeGreaterThanOrEqual(1000);
  });

  test.each([
    ['a 500', { status: 500 }],
    ['a disconnect', { disconnect: true as const }],
    ['JSON that is none', { raw: '{"choices": [' }],
    ['JSON of another shape', { raw: '{"hello": 1}' }],
  ])('tries again after %s', async (_what, reply) => {
    model.script(reply);
    const { end, turns } = await turnsOf(() => run('patient'));
    expect(end).toMatchObject({ status: 'completed', steps: [{ attempts: 2 }] });
    expect(turns).toHaveLength(2);
  });

  test('does not try again after a 400 or a 401, and shows no key', async () => {
    model.script({ status: 400, body: '{"error":{"message":"max_tokens is too large"}}' });
    const wrong = await turnsOf(() => run('patient'));
    expect(wrong.end.error).toMatchObject({
      code: 'invalid_arguments',
      message: expect.stringContaining('too large') as string,
    });
    expect(wrong.turns).toHaveLength(1);
    model.script({ status: 401, body: `{"error":{"message":"Incorrect API key provided: ${KEY}"}}` });
    const refused = await turnsOf(() => run('patient'));
    expect(refused.turns).toHaveLength(1);
    expect(refused.end.error?.message).toContain('refused our key');
    expect(`${refused.end.whole.stdout}${refused.end.whole.stderr}`).not.toContain(KEY);
  });

  test('no key is in an answer, a log or the store', async () => {
    model.script({ text: `you sent ${KEY}` });
    const { whole } = await run('plain');
    expect(`${whole.stdout}${whole.stderr}`).not.toContain(KEY);
    expect(whole.stdout).toContain('you sent ***');
    const files = await readdir(join(folder.path, 'data'));
    const stored = await Promise.all(files.map((file) => readFile(join(folder.path, 'data', file), 'latin1')));
    expect(stored.join('')).toContain('you sent ***');
    expect(stored.join('')).not.toContain(KEY);
  });

  test('keeps the time limit of the step while a model is slow', async () => {
    model.script({ held: true });
    const { end } = await turnsOf(() => run('short'));
    expect(end.error).toMatchObject({ code: 'timeout', step: 'ask' });
  });

  test('a budget in dollars stops before the call that might go beyond it', async () => {
    // The most that a turn takes is a little over 0.01 dollars, for its 500 tokens of answer; it takes 0.0014.
    const expensive = { in: 400, out: 400 };
    model.script({ text: 'a', usage: expensive }, { text: 'b' }, { text: 'c' });
    const { end, turns } = await turnsOf(() => run('cheap'));
    expect(end.error).toMatchObject({ code: 'budget_exceeded', step: 'a2' });
    expect(turns).toHaveLength(1);
    expect((await taskOf(end)).usage).toMatchObject({ tokens: 800, usd: 0.012 });
  });

  test('asks a model with max_concurrent 2 never more than two at once', async () => {
    const held = { held: true } as const;
    model.script(held, held, held, held, held);
    const running = turnsOf(() => run('many'));
    let left = 5;
    while (left > 0) {
      // All five are asked for from the beginning: without the limit more than two would come.
      await waitUntil('two are under way, or the last', () => model.holding === Math.min(2, left));
      left -= model.holding;
      model.release('done');
    }
    const { end, turns } = await running;
    expect(end.status).toBe('completed');
    expect(turns).toHaveLength(5);
    expect(model.atOnce).toBe(2);
  });

  test('says which variable is missing', async () => {
    const { end, turns } = await turnsOf(() => run('nobody'));
    expect(end.error).toMatchObject({
      code: 'no_model',
      message: "model 'keyless' needs the environment variable NOT_SET, which is not set",
    });
    expect(turns).toHaveLength(0);
  });

  test('without any model says what to configure', async () => {
    await models({});
    expect((await run('plain')).error).toMatchObject({
      code: 'no_model',
      message: expect.stringMatching(/models\.json/u) as string,
    });
  });
});

test('a process that is killed between turns pays no answered turn again', async () => {
  model.script({ text: 'one' }, { text: 'three' }, { held: true });
  const before = model.seen.length;
  const server = (): ReturnType<typeof startCli> =>
    startCli(['serve', '--http', '127.0.0.1:0'], folder.path, { MODEL_KEY: KEY });
  const first = startCli(['run', 'two', '--json'], folder.path, { MODEL_KEY: KEY });
  // Two turns are answered: one of the first step, one of the second, whose answer did not fit.
  await waitUntil('the third turn is asked', () => model.seen.length === before + 3);
  first.child.kill('SIGKILL');
  await first.finished;
  const { stdout } = await runCli(['tasks', 'list', '--json'], folder.path);
  const [task] = (JSON.parse(stdout) as { tasks: { taskId: string }[] }).tasks;
  if (task === undefined) throw new Error(stdout);
  model.script({ text: '{"n": 3}' });
  const second = server();
  try {
    const report = await waitUntil('the task ends', async () => {
      const now = await taskOf(task);
      return now.status === 'working' ? undefined : now;
    });
    expect(report).toMatchObject({
      status: 'completed',
      output: { result: { n: 3 } },
      usage: { tokens: 360, usd: 0.0042 },
    });
    expect(report.steps).toMatchObject([
      { path: 'first', usage: { tokens: 120 } },
      { path: 'second', usage: { tokens: 240 } },
    ]);
    const asked = model.seen.slice(before).map(({ body }) => body.messages.length);
    // The turn that was not answered is asked again, with the same question; no other is.
    expect(asked).toEqual([1, 2, 4, 4]);
  } finally {
    second.child.kill('SIGTERM');
    await second.finished;
  }
});

describe('a client', () => {
  test.each([
    ['that lends its model is asked before default', { sampling: {} }, 'of the client', 0],
    ['that lends none is spared the question where there is a default', {}, 'of the server', 1],
  ])('%s', async (_what, capabilities, expected, asked) => {
    model.script({ text: 'of the server' });
    const engine = serveEngine('stdio', folder.path, { MODEL_KEY: KEY });
    try {
      const { end: result, turns } = await turnsOf(async () => {
        const client = await engine.connect({
          capabilities,
          prepare: (made) => {
            if (!('sampling' in capabilities)) return;
            made.setRequestHandler(CreateMessageRequestSchema, () => ({
              role: 'assistant',
              model: 'theirs',
              content: { type: 'text', text: 'of the client' },
            }));
          },
        });
        return await client.callTool({ name: 'plain', arguments: {} });
      });
      expect(result).toMatchObject({ structuredContent: { result: expected } });
      expect(turns).toHaveLength(asked);
    } finally {
      await engine.stop();
    }
  });
});

test('an installation without the optional packages runs everything else, and says what to install', async () => {
  const root = dirname(dirname(CLI));
  const target = join(folder.path, 'installed');
  await mkdir(join(target, 'node_modules'), { recursive: true });
  await cp(join(root, 'dist'), join(target, 'dist'), { recursive: true });
  await cp(join(root, 'package.json'), join(target, 'package.json'));
  for (const name of await readdir(join(root, 'node_modules'))) {
    const isOfModels = name === 'ai' || name === '@ai-sdk';
    if (!isOfModels) await symlink(join(root, 'node_modules', name), join(target, 'node_modules', name));
  }
  await writeFile(
    join(folder.path, 'definitions', 'calm.yaml'),
    'name: calm\nsteps: [{ id: a, type: set, values: { n: 1 } }]\n',
  );
  const cli = join(target, 'dist/cli.js');
  const start = (name: string): Promise<Finished> =>
    new Promise((done) => {
      const env = { PATH: process.env['PATH'], MODEL_KEY: KEY };
      const child = execFile(process.execPath, [cli, 'run', name, '--json'], { cwd: folder.path, env }, (_, out, err) =>
        done({ code: child.exitCode, stdout: out, stderr: err }),
      );
    });
  expect((await start('calm')).code).toBe(0);
  const asked = await start('plain');
  expect(asked.code).toBe(1);
  expect(JSON.parse(asked.stdout)).toMatchObject({
    error: {
      code: 'no_model',
      message: expect.stringContaining('npm install ai@6 @ai-sdk/openai-compatible@2') as string,
    },
  });
});

test('validate warns of a model that the file does not have, with a hint, and of an entry that is wrong', async () => {
  const { stdout } = await runCli(['validate', '--json'], folder.path);
  const { issues } = JSON.parse(stdout) as { issues: { code: string; hint?: string; file: string }[] };
  expect(issues).toEqual([]);
  await writeFile(
    join(folder.path, 'definitions', 'wrong.yaml'),
    'name: wrong\nsteps: [{ id: ask, type: llm, prompt: Hi, model: smal }]\n',
  );
  const checked = await runCli(['validate', '--json', 'definitions/wrong.yaml'], folder.path);
  expect(checked.code).toBe(0);
  expect(JSON.parse(checked.stdout)).toMatchObject({
    issues: [
      { code: 'unknown_model', severity: 'warning', line: 2, hint: expect.stringContaining("'small'") as string },
    ],
  });
  await models({ default: { provider: 'openai-compatible', model: 'x' } });
  const broken = await runCli(['validate', '--json'], folder.path);
  expect(broken.code).toBe(1);
  expect(JSON.parse(broken.stdout)).toMatchObject({
    issues: expect.arrayContaining([
      expect.objectContaining({ code: 'invalid_value', file: 'models.json', severity: 'error' }),
    ]) as object,
  });
});
