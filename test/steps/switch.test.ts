import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, toolError } from '../support/engine-world.ts';

const pick = {
  id: 'pick',
  type: 'switch',
  cases: [
    { when: '{{input.n}} > 10', steps: [{ id: 'big', action: 'big' }] },
    { when: '{{input.n}} > 5', steps: [{ id: 'mid', action: 'mid' }] },
  ],
  default: [{ id: 'small', action: 'small' }],
};

describe('switch', () => {
  it.each([
    [20, ['big'], 0],
    [7, ['mid'], 1],
    [1, ['small'], 'default'],
  ])('runs the first branch that fits %s', async (n, called, chosen) => {
    const world = new EngineWorld({ input: { n } });
    await world.run(
      definitionOf([pick, { id: 'c', type: 'set', values: { c: '{{pick.case}}', mid: '{{mid.output}}' } }]),
    );
    expect(world.called).toEqual(called);
    expect(world.result('c')?.output).toMatchObject({ c: chosen });
    expect(world.ledger[0]).toBe(`pick/${called[0] ?? ''} completed`);
  });

  it('has no output and a null case when nothing fits', async () => {
    const world = new EngineWorld({ input: { n: 1 } });
    const { default: _without, ...bare } = pick;
    await world.run(definitionOf([bare]));
    expect(world.result('pick')).toMatchObject({ status: 'completed', output: null, view: { case: null } });
  });

  it('fails with the failure of its branch', async () => {
    const world = new EngineWorld({ input: { n: 1 } });
    world.downstream.tools['small'] = () => toolError('no');
    expect((await world.run(definitionOf([pick]))).outcome).toMatchObject({ failure: { step: 'small' } });
  });

  it('keeps to the branch it chose when what it read has changed at a restart', async () => {
    const definition = definitionOf(
      [
        {
          id: 'pick',
          type: 'switch',
          cases: [
            {
              when: '{{variables.global.n}} == 1',
              steps: [
                { id: 'a', type: 'set', assign: { 'variables.global.n': 2 } },
                { id: 'b', action: 'b' },
              ],
            },
            { when: '{{variables.global.n}} == 2', steps: [{ id: 'c', action: 'c' }] },
          ],
        },
      ],
      { variables: { input: {}, global: { n: 1 }, saved: {} } },
    );
    expect(await crashEverywhere(() => new EngineWorld(), definition)).toBe(6);
    const world = new EngineWorld();
    await expect(world.run(definition, { crash: { at: 2, when: 'before' } })).rejects.toThrow('died');
    await world.run(definition);
    expect(world.called).toEqual(['b', 'b']);
  });
});
