import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, toolError, type PlainStep } from '../support/engine-world.ts';

const safely = (more: object = {}): PlainStep => ({
  id: 'safely',
  type: 'try',
  steps: [
    { id: 'risky', action: 'risky' },
    { id: 'next', action: 'next' },
  ],
  catch: [
    { match: ['timeout'], steps: [{ id: 'late', action: 'late' }] },
    {
      match: [{ contains: 'disk' }],
      steps: [
        {
          id: 'full',
          action: 'full',
          arguments: { m: '{{error.message}}', s: '{{failed_step.id}}', c: '{{error.code}}' },
        },
      ],
    },
  ],
  finally: [{ id: 'last', action: 'last' }],
  ...more,
});

function failing(message: string): EngineWorld {
  const world = new EngineWorld();
  world.downstream.tools['risky'] = () => toolError(message);
  return world;
}

describe('try', () => {
  it('runs body and finally; the output is that of the body', async () => {
    const world = new EngineWorld();
    await world.run(definitionOf([safely(), { id: 'c', type: 'set', values: { caught: '{{safely.caught}}' } }]));
    expect(world.called).toEqual(['risky', 'next', 'last']);
    expect(world.result('safely')?.output).toEqual({ echo: {} });
    expect(world.result('c')?.output).toEqual({ caught: null });
  });

  it('runs the first clause that matches, with the error in scope, then finally, and completes', async () => {
    const world = failing('the Disk is full');
    const end = await world.run(
      definitionOf([safely(), { id: 'c', type: 'set', values: { caught: '{{safely.caught}}' } }]),
    );
    expect(end.outcome.kind).toBe('result');
    expect(world.called).toEqual(['risky', 'full', 'last']);
    expect(world.downstream.calls[1]?.args).toEqual({ m: 'the Disk is full', s: 'risky', c: 'tool_error' });
    expect(world.result('c')?.output).toEqual({
      caught: { code: 'tool_error', message: 'the Disk is full', step: 'risky' },
    });
  });

  it('lets a failure through that no clause matches, after finally', async () => {
    const world = failing('other');
    expect((await world.run(definitionOf([safely()]))).outcome).toMatchObject({
      failure: { message: 'other', step: 'risky' },
    });
    expect(world.called).toEqual(['risky', 'last']);
  });

  it('fails with the failure of a catch clause or of finally', async () => {
    const world = failing('disk');
    world.downstream.tools['full'] = () => toolError('worse');
    expect((await world.run(definitionOf([safely()]))).outcome).toMatchObject({ failure: { message: 'worse' } });
    expect(world.called).toEqual(['risky', 'full', 'last']);
    const other = new EngineWorld();
    other.downstream.tools['last'] = () => toolError('at last');
    expect((await other.run(definitionOf([safely()]))).outcome).toMatchObject({ failure: { message: 'at last' } });
  });

  it('runs finally when a sibling or a timeout above stops it', async () => {
    const world = new EngineWorld();
    world.downstream.tools['risky'] = () => new Promise(() => undefined);
    const end = await world.run(definitionOf([{ id: 'g', type: 'group', timeout_seconds: 5, steps: [safely()] }]));
    expect(end.outcome).toMatchObject({ failure: { code: 'timeout', step: 'g' } });
    expect(world.called).toEqual(['risky', 'last']);
  });

  it('leaves finally to the clean-up when the task is cancelled', async () => {
    const world = new EngineWorld();
    const controller = new AbortController();
    world.downstream.tools['next'] = () => {
      controller.abort(new Error('cancelled'));
      return new Promise(() => undefined);
    };
    const definition = definitionOf([safely()]);
    await expect(world.run(definition, { signal: controller.signal })).rejects.toThrow('cancelled');
    expect(world.called).toEqual(['risky', 'next']);
    expect(world.needsCleanUp(definition)).toBe(true);
    await world.cleanUp(definition);
    expect(world.called).toEqual(['risky', 'next', 'last']);
    expect(world.ledger.at(-1)).toBe('cleanup/safely/last completed');
    await world.cleanUp(definition);
    expect(world.called).toHaveLength(3);
  });

  it('leaves finally to the clean-up when the very first step of the body is cut off', async () => {
    const world = new EngineWorld();
    const controller = new AbortController();
    world.downstream.tools['risky'] = () => {
      controller.abort(new Error('cancelled'));
      return new Promise(() => undefined);
    };
    const definition = definitionOf([safely()]);
    await expect(world.run(definition, { signal: controller.signal })).rejects.toThrow('cancelled');
    expect(world.needsCleanUp(definition)).toBe(true);
    await world.cleanUp(definition);
    expect(world.called).toEqual(['risky', 'last']);
  });

  it('goes on from any crash, whichever way it takes', async () => {
    expect(await crashEverywhere(() => new EngineWorld(), definitionOf([safely()]))).toBe(10);
    expect(await crashEverywhere(() => failing('disk'), definitionOf([safely()]))).toBe(10);
    expect(await crashEverywhere(() => failing('other'), definitionOf([safely()]))).toBe(8);
  });
});
