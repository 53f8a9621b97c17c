import { describe, expect, it } from 'vitest';
import { definitionOf, EngineWorld, structured, text, toolError } from '../../support/engine-world.ts';

describe('a sequence', () => {
  it('runs steps in order and hands results on by name, with their type', async () => {
    const world = new EngineWorld({ input: { n: 2 } });
    world.downstream.tools['first'] = () => structured({ list: [1, 2, 3] });
    const end = await world.run(
      definitionOf([
        { id: 'a', action: 'first', arguments: { n: '{{input.n}}' } },
        {
          id: 'b',
          action: 'second',
          arguments: { list: '{{a.output.list}}', one: '{{steps.a.output.list[0]}}', t: 'n={{step_a.output.list}}' },
        },
      ]),
    );
    expect(world.downstream.calls.map((call) => call.args)).toEqual([
      { n: 2 },
      { list: [1, 2, 3], one: 1, t: 'n=[1,2,3]' },
    ]);
    expect(end.outcome).toMatchObject({
      kind: 'result',
      result: { structuredContent: { result: { echo: { list: [1, 2, 3] } } } },
    });
    expect(world.ledger).toEqual(['a completed', 'b completed']);
  });

  it('ends with the failure of a step that nothing handles', async () => {
    const world = new EngineWorld();
    world.downstream.tools['bad'] = () => toolError('no such page');
    const end = await world.run(
      definitionOf([
        { id: 'a', action: 'bad' },
        { id: 'b', action: 'good' },
      ]),
    );
    expect(end.outcome).toMatchObject({
      kind: 'result',
      result: { isError: true, content: [{ type: 'text', text: "step 'a' failed (tool_error): no such page" }] },
      failure: { code: 'tool_error', step: 'a' },
    });
    expect(world.called).toEqual(['bad']);
  });

  it('reads a committed step back instead of running it again', async () => {
    const world = new EngineWorld();
    const definition = definitionOf([
      { id: 'a', action: 'one' },
      { id: 'b', action: 'two', arguments: { from: '{{a.output}}' } },
    ]);
    world.downstream.tools['one'] = () => text('first');
    await expect(world.run(definition, { crash: { at: 2, when: 'before' } })).rejects.toThrow('died');
    const end = await world.run(definition);
    expect(world.called).toEqual(['one', 'two', 'two']);
    expect(world.downstream.calls[1]?.key).toBe(world.downstream.calls[2]?.key);
    expect(end.outcome).toMatchObject({ output: { result: { echo: { from: 'first' } } } });
  });
});
