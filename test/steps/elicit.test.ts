import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, type PlainStep } from '../support/engine-world.ts';

const ask = (more: object = {}): PlainStep => ({
  id: 'ask',
  type: 'elicit',
  message: 'Delete {{input.p}}?',
  schema: { type: 'object', properties: { sure: { type: 'boolean' } }, required: ['sure'] },
  timeout_seconds: 60,
  ...more,
});
const after = { id: 'after', type: 'set', values: { sure: '{{ask.output.sure}}', action: '{{ask.action}}' } };

function answering(answer: object | undefined): EngineWorld {
  const world = new EngineWorld({ input: { p: 'a.txt' } });
  world.autoAnswer = () => answer as never;
  return world;
}

describe('elicit', () => {
  it('asks with a form and gives what was entered', async () => {
    const world = new EngineWorld({ input: { p: 'a.txt' } });
    const running = world.run(definitionOf([ask(), after]));
    const question = await world.nextQuestion();
    expect(question).toMatchObject({
      path: 'ask',
      timeoutSeconds: 60,
      request: {
        method: 'elicitation/create',
        params: { mode: 'form', message: 'Delete a.txt?', requestedSchema: { type: 'object', required: ['sure'] } },
      },
    });
    question.answer({ action: 'accept', content: { sure: true } });
    await running;
    expect(world.result('after')?.output).toEqual({ sure: true, action: 'accept' });
  });

  it('a field that says no type is asked for as a text', async () => {
    const world = new EngineWorld();
    const properties = {
      free: { title: 'Free' },
      choice: { enum: ['a', 'b'] },
      level: { enum: [1, 2] },
      n: { type: 'number' },
    };
    const running = world.run(
      definitionOf([{ id: 'q', type: 'elicit', message: 'm', schema: { type: 'object', properties } }]),
    );
    const question = await world.nextQuestion();
    expect(question.request.params['requestedSchema']).toEqual({
      type: 'object',
      properties: {
        free: { type: 'string', title: 'Free' },
        choice: { type: 'string', enum: ['a', 'b'] },
        level: { enum: [1, 2] },
        n: { type: 'number' },
      },
    });
    question.answer({ action: 'decline' });
    await running;
  });

  it('asks to visit a page with url', async () => {
    const world = new EngineWorld();
    const running = world.run(
      definitionOf([{ id: 'v', type: 'elicit', message: 'Sign in', url: 'https://example.com/{{task.id}}' }]),
    );
    const question = await world.nextQuestion();
    expect(question.request.params).toMatchObject({ mode: 'url', url: 'https://example.com/task-1' });
    expect(question.request.params['elicitationId']).toMatch(/^[0-9a-f]{32}$/u);
    question.answer({ action: 'accept' });
    expect((await running).outcome).toMatchObject({ kind: 'result', output: { result: {} } });
  });

  it.each([
    ['decline', { action: 'decline' }, 'input_declined'],
    ['cancel', { action: 'cancel' }, 'input_cancelled'],
    ['timeout', undefined, 'input_timeout'],
  ])('on %s fails, goes on, or runs the step it names', async (action, answer, code) => {
    const failing = answering(answer);
    expect((await failing.run(definitionOf([ask()]))).outcome).toMatchObject({ failure: { code, step: 'ask' } });
    const going = answering(answer);
    await going.run(definitionOf([ask({ [`on_${action}`]: 'continue' }), after]));
    expect(going.result('after')?.output).toEqual({ sure: null, action });
    const routed = answering(answer);
    const definition = definitionOf([ask({ [`on_${action}`]: 'other' }), { id: 'other', action: 'other' }, after]);
    await routed.run(definition);
    expect(routed.ledger).toEqual(['ask completed', 'other completed', 'after completed']);
  });

  it('asks once: a restart finds the question and its answer', async () => {
    const definition = definitionOf([ask({ on_decline: 'other' }), { id: 'other', action: 'other' }, after]);
    expect(await crashEverywhere(() => answering({ action: 'decline' }), definition)).toBe(6);
  });

  it('settles when the task is cancelled while it waits', async () => {
    const world = new EngineWorld();
    const controller = new AbortController();
    const running = world.run(definitionOf([ask()]), { signal: controller.signal });
    await world.nextQuestion();
    controller.abort(new Error('cancelled'));
    await expect(running).rejects.toThrow('cancelled');
    expect(world.ledger).toEqual([]);
  });
});
