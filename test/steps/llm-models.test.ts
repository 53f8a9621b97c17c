import { describe, expect, it } from 'vitest';
import { stepFailure } from '../../src/core/failure.ts';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, type PlainStep } from '../support/engine-world.ts';
import { FakeModels, type Said } from '../support/fake-models.ts';
import { Crash } from '../support/memory-journal.ts';

const ask: PlainStep = { id: 'ask', type: 'llm', prompt: 'Count', max_tokens: 50 };
const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };

/** A world with models that say these texts in turn; the last one stays. */
function worldWith(names: readonly string[], ...said: readonly Said[]): EngineWorld & { readonly models: FakeModels } {
  const models = new FakeModels(names, (turn) => said[Math.min(turn, said.length) - 1] ?? '');
  const world = new EngineWorld();
  world.models = models;
  world.autoAnswer = () => ({ role: 'assistant', content: { type: 'text', text: 'of the client' } });
  return Object.assign(world, { models });
}

describe('llm: who answers', () => {
  it.each([
    ['the first entry that it names', ['b'], ['x', 'b'], true, 'b'],
    ['its entry rather than the client', ['b', 'default'], ['b'], true, 'b'],
    ['the client rather than default', ['default'], [], true, 'client'],
    ['default where the client lends none', ['default'], ['x'], false, 'default'],
    ['default where it is not known whether the client lends one', ['default'], [], undefined, 'default'],
    ['the client where it is not known and there is no default', ['b'], [], undefined, 'client'],
  ])('%s', async (_what, names, model, samples, expected) => {
    const world = worldWith(names, 'of a model');
    world.samples = samples;
    await world.run(definitionOf([{ ...ask, model }]));
    expect(world.result('ask')?.output).toBe(expected === 'client' ? 'of the client' : 'of a model');
    expect(world.models.asked.map(({ name }) => name)).toEqual(expected === 'client' ? [] : [expected]);
  });

  it('nobody is no_model, which says what to configure', async () => {
    const world = worldWith(['b'], '');
    world.samples = false;
    expect((await world.run(definitionOf([ask]))).outcome).toMatchObject({
      failure: { code: 'no_model', message: expect.stringContaining('models.json') as string, step: 'ask' },
    });
  });
});

describe('llm: turns of a model', () => {
  it('gives text, model and what it took, and sends what the step says', async () => {
    const world = worldWith(['default'], 'twelve');
    await world.run(definitionOf([{ ...ask, system: 'Be brief', temperature: 0.5 }]));
    expect(world.models.asked[0]?.request).toEqual({
      messages: [{ role: 'user', content: { type: 'text', text: 'Count' } }],
      system: 'Be brief',
      maxTokens: 50,
      temperature: 0.5,
    });
    expect(world.result('ask')).toMatchObject({
      output: 'twelve',
      view: {
        model: 'default-1',
        stop_reason: 'endTurn',
        turns: 1,
        usage: { input_tokens: 80, output_tokens: 20, total_tokens: 100, usd: 0.01 },
      },
    });
  });

  it('mends an answer at most twice, and sums what that took', async () => {
    const good = worldWith(['default'], 'three', '{"n":"3"}', '{"n":3}');
    await good.run(definitionOf([{ ...ask, schema }]));
    expect(good.result('ask')).toMatchObject({
      output: { n: 3 },
      attempts: 1,
      view: { turns: 3, usage: { usd: 0.03 } },
    });
    expect(good.models.asked.map(({ request }) => request.messages.length)).toEqual([1, 3, 5]);
    const bad = worldWith(['default'], 'three');
    await bad.run(definitionOf([{ ...ask, schema }]));
    expect(bad.result('ask')).toMatchObject({ status: 'failed', error: { code: 'invalid_output' } });
    expect(bad.models.asked).toHaveLength(3);
  });

  it('another attempt goes on from the last answer', async () => {
    const world = worldWith(['default'], 'one', 'two', 'three', '{"n":3}');
    await world.run(definitionOf([{ ...ask, schema, retry: { max_attempts: 2 } }]));
    expect(world.result('ask')).toMatchObject({ output: { n: 3 }, attempts: 2 });
    expect(world.models.asked.at(-1)?.request.messages[1]).toMatchObject({ content: { text: 'three' } });
  });

  it('does not mend a refusal or a cut answer, with a schema or without', async () => {
    for (const stop_reason of ['refusal', 'maxTokens']) {
      const world = worldWith(['default'], { text: 'no', stop_reason });
      await world.run(definitionOf([{ ...ask, schema }]));
      expect(world.result('ask')?.error?.code).toBe('invalid_output');
      expect(world.models.asked).toHaveLength(1);
    }
    const refused = worldWith(['default'], { text: 'I will not', stop_reason: 'refusal' });
    await refused.run(definitionOf([ask]));
    expect(refused.result('ask')?.error).toMatchObject({ message: 'the model refused to answer: I will not' });
  });

  it('leaves tries to retry, which waits as long as the provider says', async () => {
    const busy = stepFailure('transport', 'HTTP 429', { retryAfterMs: 5000 });
    const world = worldWith(['default'], busy, 'done');
    const begun = world.clock.now();
    await world.run(definitionOf([{ ...ask, retry: { max_attempts: 2, delay_seconds: 1 } }]));
    expect(world.result('ask')).toMatchObject({ output: 'done', attempts: 2 });
    expect(world.clock.now() - begun).toBe(5000);
  });

  it('timeout_seconds counts over all turns of an attempt', async () => {
    const world = new EngineWorld();
    const models = new FakeModels(['default'], (_turn, _name, signal) =>
      world.clock.sleep(4000, signal).then(() => 'no'),
    );
    world.models = models;
    const { outcome } = await world.run(definitionOf([{ ...ask, schema, timeout_seconds: 5 }]));
    expect(models.asked).toHaveLength(2);
    expect(outcome).toMatchObject({ failure: { code: 'timeout', step: 'ask' } });
  });
});

describe('llm: crashes', () => {
  const steps = definitionOf([
    { ...ask, id: 'first' },
    { ...ask, id: 'second', schema },
  ]);

  it('goes on from any crash with the same end', async () => {
    // By what is asked, so that a turn that is made again is answered as before.
    const make = (): EngineWorld => {
      const world = new EngineWorld();
      world.models = new FakeModels(['default'], () => {
        const request = (world.models as FakeModels).asked.at(-1)?.request;
        return (request?.messages.length ?? 0) > 1 || request?.schema === undefined ? '{"n":3}' : 'three';
      });
      return world;
    };
    expect(await crashEverywhere(make, steps)).toBeGreaterThan(6);
  });

  it('pays no answered turn again, wherever it crashes', async () => {
    for (let at = 1; at <= 5; at += 1) {
      const world = worldWith(['default'], 'one', 'three', '{"n":3}');
      // What was said is told by what is asked: a turn that was lost is said again.
      const models = new FakeModels(['default'], () => {
        const request = models.asked.at(-1)?.request;
        return request?.schema === undefined ? 'one' : request.messages.length === 1 ? 'three' : '{"n":3}';
      });
      Object.assign(world, { models });
      const crashed = await world.run(steps, { crash: { at, when: 'after' } }).catch((error: unknown) => error);
      if (!(crashed instanceof Crash)) break;
      await world.run(steps);
      // The crash came after an append: everything that was answered was on disk.
      expect(models.asked, `after append ${at}`).toHaveLength(3);
      expect(world.result('second')).toMatchObject({ output: { n: 3 }, view: { usage: { usd: 0.02 } } });
    }
  });
});

describe('llm: budgets', () => {
  it('is refused before the call that might go beyond the dollars, and what was paid stays counted', async () => {
    const world = worldWith(['default'], 'yes');
    const end = await world.run(
      definitionOf(
        [
          { ...ask, id: 'a' },
          { ...ask, id: 'b' },
        ],
        { budget: { usd: 0.029 } },
      ),
    );
    expect(end.outcome).toMatchObject({
      failure: { code: 'budget_exceeded', step: 'b' },
      result: { _meta: { 'dev.mcp-workflow/usage': { tokens: 100, usd: 0.01 } } },
    });
    expect(world.models.asked).toHaveLength(1);
  });

  it('counts what was paid before a crash, also of a step that has not ended', async () => {
    const budget = { usd: 0.035 };
    const world = worldWith(['default'], 'three');
    const definition = definitionOf([{ ...ask, schema }], { budget });
    await expect(world.run(definition, { crash: { at: 1, when: 'after' } })).rejects.toThrow(Crash);
    // One turn is paid; two more fit, of which the second would be over the budget at most.
    await world.run(definition);
    expect(world.models.asked).toHaveLength(2);
    expect(world.result('ask')?.error?.code).toBe('budget_exceeded');
  });

  it('holds for turns that are under way together', async () => {
    const world = worldWith(['default'], 'yes');
    const tasks = ['a', 'b', 'c'].map((id) => ({ ...ask, id }));
    await world.run(
      definitionOf([{ id: 'p', type: 'parallel', on_error: 'collect', tasks }], { budget: { usd: 0.045 } }),
    );
    const ends = ['a', 'b', 'c'].map((id) => world.result(`p/${id}`)?.error?.code ?? 'completed');
    expect(ends.toSorted()).toEqual(['budget_exceeded', 'completed', 'completed']);
    expect(world.models.asked).toHaveLength(2);
  });

  it('gives back what a failed call had set aside', async () => {
    const world = worldWith(['default'], stepFailure('transport', 'lost'), 'yes');
    const steps = [{ ...ask, retry: { max_attempts: 2 } }];
    const end = await world.run(definitionOf(steps, { budget: { usd: 0.02, tokens: 200 } }));
    expect(end.outcome).toMatchObject({ kind: 'result', output: { result: 'yes' } });
  });

  it('holds for tokens before the call too, and wants a price for dollars', async () => {
    const world = worldWith(['default'], 'yes');
    expect((await world.run(definitionOf([ask], { budget: { tokens: 199 } }))).outcome).toMatchObject({
      failure: { code: 'budget_exceeded', message: expect.stringContaining('max_tokens') as string },
    });
    const free = worldWith(['default'], 'yes');
    free.models.bound = { tokens: 200 };
    expect((await free.run(definitionOf([ask], { budget: { usd: 5 } }))).outcome).toMatchObject({
      failure: { code: 'budget_exceeded', message: expect.stringContaining('price') as string },
    });
    expect([...world.models.asked, ...free.models.asked]).toEqual([]);
  });
});
