import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, type PlainStep } from '../support/engine-world.ts';

const turn: PlainStep = {
  id: 'turn',
  type: 'llm',
  prompt: 'Count {{input.what}}',
  system: 'Be brief',
  max_tokens: 50,
  temperature: 0,
  model: ['small', 'large'],
};
const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };

function saying(text: string, more: object = {}): EngineWorld {
  const world = new EngineWorld({ input: { what: 'sheep' } });
  world.autoAnswer = () => ({
    role: 'assistant',
    content: { type: 'text', text },
    model: 'small-1',
    stopReason: 'endTurn',
    ...more,
  });
  return world;
}

describe('llm', () => {
  it("asks the client's model and gives its text", async () => {
    const world = new EngineWorld({ input: { what: 'sheep' } });
    const running = world.run(
      definitionOf([
        turn,
        { id: 'm', type: 'set', values: { m: '{{turn.model}}', u: '{{turn.usage.output_tokens}}' } },
      ]),
    );
    const question = await world.nextQuestion();
    expect(question.request).toEqual({
      method: 'sampling/createMessage',
      params: {
        messages: [{ role: 'user', content: { type: 'text', text: 'Count sheep' } }],
        systemPrompt: 'Be brief',
        maxTokens: 50,
        temperature: 0,
        modelPreferences: { hints: [{ name: 'small' }, { name: 'large' }] },
      },
    });
    question.answer({
      role: 'assistant',
      content: { type: 'text', text: '12' },
      model: 'small-1',
      usage: { output_tokens: 7 },
    });
    await running;
    expect(world.result('turn')?.output).toBe('12');
    expect(world.result('m')?.output).toEqual({ m: 'small-1', u: 7 });
  });

  it('with a schema gives the object, also out of a fenced block', async () => {
    const world = saying('```json\n{"n": 3}\n```');
    await world.run(definitionOf([{ ...turn, schema }]));
    expect(world.result('turn')?.output).toEqual({ n: 3 });
  });

  it('fails with invalid_output when the answer does not fit, and a retry asks again', async () => {
    const world = saying('three');
    const asked: string[] = [];
    const answer = world.autoAnswer;
    world.autoAnswer = (request) => {
      asked.push(request.method);
      return asked.length === 1 ? (answer?.(request) ?? null) : { content: { type: 'text', text: '{"n":3}' } };
    };
    await world.run(definitionOf([{ ...turn, schema, retry: { max_attempts: 2 } }]));
    expect(asked).toHaveLength(2);
    expect(world.result('turn')).toMatchObject({ output: { n: 3 }, attempts: 2 });
    expect((await saying('three').run(definitionOf([{ ...turn, schema }]))).outcome).toMatchObject({
      failure: { code: 'invalid_output' },
    });
  });

  it('counts reported tokens against the budget', async () => {
    const world = saying('12', { usage: { input_tokens: 60, output_tokens: 50 } });
    const end = await world.run(definitionOf([turn], { budget: { tokens: 100 } }));
    expect(end.outcome).toMatchObject({ failure: { code: 'budget_exceeded' } });
  });

  it('counts a token for four characters where the client reports none', async () => {
    const world = saying('x'.repeat(80));
    const steps = [{ ...turn, prompt: 'y'.repeat(40), system: 'z'.repeat(40) }];
    const enough = await world.run(definitionOf(steps, { budget: { tokens: 40 } }));
    expect(enough.outcome).toMatchObject({ result: { _meta: { 'dev.mcp-workflow/usage': { tokens: 40 } } } });
    const end = await saying('x'.repeat(80)).run(definitionOf(steps, { budget: { tokens: 39 } }));
    expect(end.outcome).toMatchObject({ failure: { code: 'budget_exceeded' } });
  });

  it('fails with timeout when nobody answers', async () => {
    const world = saying('');
    world.autoAnswer = () => undefined;
    expect((await world.run(definitionOf([{ ...turn, timeout_seconds: 5 }]))).outcome).toMatchObject({
      failure: { code: 'timeout' },
    });
  });

  it('goes on from any crash', async () => {
    expect(await crashEverywhere(() => saying('12'), definitionOf([turn]))).toBe(2);
  });
});
