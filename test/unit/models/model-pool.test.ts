import { describe, expect, it } from 'vitest';
import type { ModelRequest } from '../../../src/engine/ports.ts';
import { ModelPool } from '../../../src/models/model-pool.ts';
import { parseModelsFile } from '../../../src/models/models-file.ts';
import type { Provider, ProviderAnswer, ProviderOptions } from '../../../src/models/provider.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const ENTRY = { provider: 'openai-compatible', base_url: 'http://127.0.0.1:1/v1', model: 'm', api_key: '${KEY}' };
const REQUEST: ModelRequest = { messages: [{ role: 'user', content: { type: 'text', text: 'hello' } }], maxTokens: 10 };
const ANSWER: ProviderAnswer = { text: 'hi', model: 'm-1', stop_reason: 'endTurn', tokens: { input: 30, output: 10 } };

interface World {
  readonly pool: ModelPool;
  readonly clock: ManualClock;
  readonly opened: ProviderOptions[];
  readonly ask: (more?: {
    readonly onTurn?: () => Promise<void>;
    readonly signal?: AbortSignal;
  }) => ReturnType<ModelPool['ask']>;
}

function worldOf(
  entry: object,
  turn: (signal: AbortSignal) => Promise<ProviderAnswer> = () => Promise.resolve(ANSWER),
  { environment = { KEY: 'sk-secret-123' }, open = undefined as (() => Promise<Provider>) | undefined } = {},
): World {
  const clock = new ManualClock();
  const opened: ProviderOptions[] = [];
  const { catalog } = parseModelsFile(JSON.stringify({ models: { a: entry } }), 'models.json');
  const pool = new ModelPool({
    catalog,
    environment,
    clock,
    open: (options) => {
      opened.push(options);
      return open?.() ?? Promise.resolve({ ask: (_request, signal) => turn(signal), close: () => Promise.resolve() });
    },
  });
  const { signal } = new AbortController();
  return { pool, clock, opened, ask: (more) => pool.ask('a', REQUEST, { signal, workflow: 'w', ...more }) };
}

/** Lets everything run that can run without time passing. */
const settle = async (): Promise<void> => {
  for (let n = 0; n < 10; n += 1) await new Promise((next) => setImmediate(next));
};

describe('the pool of models', () => {
  it('opens a model when it is first called, once, with its variables filled in', async () => {
    const { ask, opened, pool } = worldOf({ ...ENTRY, model: '${NAME:-small}' });
    expect([pool.has('a'), pool.has('b'), opened.length]).toEqual([true, false, 0]);
    await Promise.all([ask(), ask()]);
    expect(opened).toEqual([
      {
        provider: 'openai-compatible',
        model: 'small',
        apiKey: 'sk-secret-123',
        baseUrl: 'http://127.0.0.1:1/v1',
        headers: {},
        structuredOutputs: true,
      },
    ]);
  });

  it('tells tokens and dollars, and counts them by workflow', async () => {
    const { ask, pool } = worldOf({ ...ENTRY, price: { input: 10, output: 20 } });
    expect((await ask()).usage).toEqual({ input_tokens: 30, output_tokens: 10, total_tokens: 40, usd: 0.0005 });
    await ask();
    expect(pool.metrics.text()).toContain('mcp_workflow_model_usd_total{workflow="w",model="a"} 0.001\n');
    expect(pool.metrics.text()).toContain(
      'mcp_workflow_model_tokens_total{workflow="w",model="a",direction="input"} 60\n',
    );
  });

  it('counts a token for four characters where the provider counts none, and says so', async () => {
    const { tokens: _, ...uncounted } = ANSWER;
    const { ask } = worldOf(ENTRY, () => Promise.resolve({ ...uncounted, text: 'x'.repeat(40) }));
    expect((await ask()).usage).toMatchObject({ output_tokens: 10, estimated: true });
  });

  it('takes keys out of answers', async () => {
    const { ask } = worldOf(ENTRY, () => Promise.resolve({ ...ANSWER, text: 'it is sk-secret-123' }));
    expect((await ask()).text).toBe('it is ***');
    const literal = worldOf({ ...ENTRY, api_key: 'sk-in-the-file' }, () =>
      Promise.resolve({ ...ANSWER, text: 'it is sk-in-the-file' }),
    );
    expect((await literal.ask()).text).toBe('it is ***');
  });

  it('lets max_concurrent calls in, and the next when one has left', async () => {
    const leave: (() => void)[] = [];
    const { ask } = worldOf(
      { ...ENTRY, max_concurrent: 2 },
      () => new Promise((resolve) => leave.push(() => resolve(ANSWER))),
    );
    const turns: number[] = [];
    const calls = [1, 2, 3].map((n) => ask({ onTurn: () => Promise.resolve(void turns.push(n)) }));
    await settle();
    expect([leave.length, turns]).toEqual([2, [1, 2]]);
    leave[0]?.();
    await settle();
    expect([leave.length, turns]).toEqual([3, [1, 2, 3]]);
    for (const go of leave) go();
    await Promise.all(calls);
  });

  it('sends nothing when the turn that has come is refused, and gives the place back', async () => {
    let sent = 0;
    const { ask } = worldOf({ ...ENTRY, max_concurrent: 1 }, () => {
      sent += 1;
      return Promise.resolve(ANSWER);
    });
    await expect(ask({ onTurn: () => Promise.reject(new Error('no budget')) })).rejects.toThrow('no budget');
    await ask();
    expect(sent).toBe(1);
  });

  it('gives up after timeout_seconds, as timeout, and tells the provider', async () => {
    let told: unknown;
    const { ask, clock, pool } = worldOf({ ...ENTRY, timeout_seconds: 5 }, (signal) => {
      signal.addEventListener('abort', () => (told = signal.reason));
      return new Promise<never>(() => undefined);
    });
    const call = ask();
    await clock.untilSleeping();
    const failed = expect(call).rejects.toMatchObject({ failure: { code: 'timeout' } });
    await clock.advance(5000);
    await failed;
    expect(told).toBeDefined();
    expect(pool.metrics.text()).toContain('mcp_workflow_model_failures_total{workflow="w",model="a"} 1\n');
  });

  it("rejects with the signal's reason when that aborts", async () => {
    const controller = new AbortController();
    const { ask } = worldOf(ENTRY, () => new Promise<never>(() => undefined));
    const call = ask({ signal: controller.signal });
    await settle();
    controller.abort(new Error('cancelled'));
    await expect(call).rejects.toThrow('cancelled');
  });

  it('says which package is missing, and tries again at the next call', async () => {
    let installed = false;
    const missing = Object.assign(new Error("Cannot find package 'ai'"), { code: 'ERR_MODULE_NOT_FOUND' });
    const { ask } = worldOf(ENTRY, undefined, {
      open: () =>
        installed
          ? Promise.resolve({ ask: () => Promise.resolve(ANSWER), close: () => Promise.resolve() })
          : Promise.reject(missing),
    });
    await expect(ask()).rejects.toMatchObject({
      failure: {
        code: 'no_model',
        message: expect.stringMatching(/npm install ai@6 @ai-sdk\/openai-compatible@2/u) as string,
      },
    });
    installed = true;
    expect((await ask()).text).toBe('hi');
  });

  it('says which variable is not set', async () => {
    await expect(worldOf(ENTRY, undefined, { environment: {} as never }).ask()).rejects.toMatchObject({
      failure: { code: 'no_model', message: "model 'a' needs the environment variable KEY, which is not set" },
    });
  });
});
