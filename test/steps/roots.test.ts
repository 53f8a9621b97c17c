import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld } from '../support/engine-world.ts';

const roots = [{ uri: 'file:///home/ada/project', name: 'project' }, { uri: 'file:///tmp' }];

describe('roots', () => {
  it('asks the client and gives the list', async () => {
    const world = new EngineWorld();
    const running = world.run(
      definitionOf([
        { id: 'folders', type: 'roots' },
        { id: 'first', type: 'set', values: { uri: '{{folders.output[0].uri}}' } },
      ]),
    );
    const question = await world.nextQuestion();
    expect(question.request).toEqual({ method: 'roots/list', params: {} });
    question.answer({ roots });
    await running;
    expect(world.result('folders')?.output).toEqual(roots);
    expect(world.result('first')?.output).toEqual({ uri: 'file:///home/ada/project' });
  });

  it('fails with the code of the error that the client answers with', async () => {
    const world = new EngineWorld();
    world.autoAnswer = () => ({ error: { code: -32601, message: 'no roots here' } });
    const end = await world.run(definitionOf([{ id: 'folders', type: 'roots' }]));
    expect(end.outcome).toMatchObject({ failure: { code: '-32601', message: 'no roots here', step: 'folders' } });
  });

  it('is not asked again after a crash at any write', async () => {
    const answered = (): EngineWorld => {
      const world = new EngineWorld();
      world.autoAnswer = () => ({ roots });
      return world;
    };
    expect(await crashEverywhere(answered, definitionOf([{ id: 'folders', type: 'roots' }]))).toBe(2);
  });
});
