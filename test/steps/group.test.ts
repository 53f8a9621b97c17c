import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, toolError, type PlainStep } from '../support/engine-world.ts';

const diamond: readonly PlainStep[] = [
  { id: 'd', action: 'd', depends_on: ['b', 'c'], arguments: { b: '{{b.output}}' } },
  { id: 'b', action: 'b', depends_on: ['a'] },
  { id: 'c', action: 'c', depends_on: ['a'] },
  { id: 'a', action: 'a' },
];

describe('group', () => {
  it('without depends_on is a list with one output by id', async () => {
    const world = new EngineWorld();
    const steps = [
      { id: 'a', type: 'set', values: { n: 1 } },
      { id: 'b', type: 'set', values: { n: '{{a.output.n}}' } },
    ];
    await world.run(definitionOf([{ id: 'g', type: 'group', steps }]));
    expect(world.result('g')?.output).toEqual({ a: { n: 1 }, b: { n: 1 } });
  });

  it('is a graph as soon as one step says depends_on; at the top level too', async () => {
    const inside = new EngineWorld();
    await inside.run(definitionOf([{ id: 'g', type: 'group', steps: diamond }]));
    expect(inside.called).toEqual(['a', 'b', 'c', 'd']);
    const top = new EngineWorld();
    await top.run(definitionOf(diamond));
    expect(top.called).toEqual(['a', 'b', 'c', 'd']);
    expect(top.ledger.at(-1)).toBe('d completed');
  });

  it('runs no more steps at once than max_concurrency', async () => {
    const world = new EngineWorld();
    let running = 0;
    let most = 0;
    world.downstream.tools['t'] = async () => {
      running += 1;
      most = Math.max(most, running);
      await world.clock.sleep(10);
      running -= 1;
      return { content: [] };
    };
    const roots = Array.from({ length: 6 }, (_, index) => ({ id: `r${index}`, action: 't' }));
    const last = { id: 'last', action: 't', depends_on: ['r0'] };
    await world.run(definitionOf([{ id: 'g', type: 'group', max_concurrency: 2, steps: [...roots, last] }]));
    expect(most).toBe(2);
    expect(world.called).toHaveLength(7);
  });

  it('skips what depends on a failed step, lets the others go on, and fails at its end', async () => {
    const world = new EngineWorld();
    world.downstream.tools['b'] = () => toolError('no');
    const free = { id: 'free', action: 'free' };
    const end = await world.run(definitionOf([{ id: 'g', type: 'group', steps: [...diamond, free] }]));
    expect(end.outcome).toMatchObject({ failure: { step: 'b', message: 'no' } });
    expect(world.called.toSorted()).toEqual(['a', 'b', 'c', 'free']);
    expect(world.result('g/d')).toMatchObject({ status: 'skipped', error: { message: "dependency 'b' failed" } });
  });

  it('runs the dependents of a step that can fail safely, and completes', async () => {
    const world = new EngineWorld();
    world.downstream.tools['b'] = () => toolError('no');
    const steps = diamond.map((step) => (step.id === 'b' ? { ...step, can_fail_safely: true } : step));
    const end = await world.run(definitionOf([{ id: 'g', type: 'group', steps }]));
    expect(end.outcome).toMatchObject({ kind: 'result', output: { result: { a: {}, b: null } } });
    expect(world.downstream.calls.at(-1)).toMatchObject({ tool: 'd', args: { b: null } });
  });

  it('stops everything at once when a critical step fails', async () => {
    const world = new EngineWorld();
    let aborted = false;
    world.downstream.tools['hangs'] = (_args, context) =>
      new Promise(() => {
        context.signal.addEventListener('abort', () => {
          aborted = true;
        });
      });
    world.downstream.tools['bad'] = () => toolError('no');
    const end = await world.run(
      definitionOf([
        { id: 'h', action: 'hangs' },
        { id: 'x', action: 'bad', critical: true },
        { id: 'after', action: 'after', depends_on: ['h'] },
      ]),
    );
    expect(end.outcome).toMatchObject({ failure: { step: 'x' } });
    expect(aborted).toBe(true);
    expect(world.ledger).toEqual(['x failed']);
  });

  it('counts a step whose error target ran as done: dependents run', async () => {
    const world = new EngineWorld();
    world.downstream.tools['bad'] = () => toolError('no');
    await world.run(
      definitionOf([
        { id: 'a', action: 'bad', on_error: 'instead' },
        { id: 'instead', action: 'instead' },
        { id: 'b', action: 'b', depends_on: ['a'] },
      ]),
    );
    expect(world.called).toEqual(['bad', 'instead', 'b']);
  });

  it('goes on from any crash', async () => {
    const make = (): EngineWorld => {
      const world = new EngineWorld();
      world.downstream.tools['bad'] = () => toolError('no');
      return world;
    };
    const steps = [...diamond, { id: 'x', action: 'bad' }, { id: 'y', action: 'y', depends_on: ['x', 'a'] }];
    expect(await crashEverywhere(make, definitionOf([{ id: 'g', type: 'group', steps }]))).toBe(14);
  });
});
