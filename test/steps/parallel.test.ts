import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, structured, text, toolError } from '../support/engine-world.ts';

describe('parallel', () => {
  it('runs its tasks at once; later steps name those inside; the output is by id', async () => {
    const world = new EngineWorld();
    let running = 0;
    let most = 0;
    const slow = async (): Promise<ReturnType<typeof text>> => {
      running += 1;
      most = Math.max(most, running);
      await world.clock.sleep(100);
      running -= 1;
      return text('ok');
    };
    for (const name of ['x', 'y', 'z']) world.downstream.tools[name] = slow;
    const tasks = ['x', 'y', 'z'].map((name) => ({ id: name, action: name }));
    await world.run(
      definitionOf([
        { id: 'p', type: 'parallel', tasks },
        { id: 'after', action: 'after', arguments: { x: '{{x.output}}', all: '{{p.output}}' } },
      ]),
    );
    expect(most).toBe(3);
    expect(world.downstream.calls.at(-1)?.args).toEqual({ x: 'ok', all: { x: 'ok', y: 'ok', z: 'ok' } });
    expect(world.ledger.toSorted()).toEqual([
      'after completed',
      'p completed',
      'p/x completed',
      'p/y completed',
      'p/z completed',
    ]);
  });

  it('runs no more branches at once than max_concurrency', async () => {
    const world = new EngineWorld();
    let running = 0;
    let most = 0;
    world.downstream.tools['t'] = async () => {
      running += 1;
      most = Math.max(most, running);
      await world.clock.sleep(10);
      running -= 1;
      return text('ok');
    };
    const tasks = Array.from({ length: 7 }, (_, index) => ({ id: `t${index}`, action: 't' }));
    await world.run(definitionOf([{ id: 'p', type: 'parallel', max_concurrency: 2, tasks }]));
    expect(most).toBe(2);
  });

  it('stops the others at the first failure and fails with it', async () => {
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
        {
          id: 'p',
          type: 'parallel',
          branches: {
            a: [
              { id: 'h', action: 'hangs' },
              { id: 'never', action: 'n' },
            ],
            b: [{ id: 'bad', action: 'bad' }],
          },
        },
      ]),
    );
    expect(end.outcome).toMatchObject({ failure: { code: 'tool_error', step: 'bad' } });
    expect(aborted).toBe(true);
    expect(world.ledger).toEqual(['p/bad failed', 'p failed']);
  });

  it('collects failures with on_error: collect, and completes', async () => {
    const world = new EngineWorld();
    world.downstream.tools['bad'] = () => toolError('no');
    await world.run(
      definitionOf([
        {
          id: 'p',
          type: 'parallel',
          on_error: 'collect',
          tasks: [
            { id: 'a', action: 'bad' },
            { id: 'b', action: 'good' },
          ],
        },
        {
          id: 'n',
          type: 'set',
          values: { n: '{{p.errors | length}}', first: '{{p.errors[0].message}}', a: '{{a.status}}' },
        },
      ]),
    );
    expect(world.result('p')).toMatchObject({ status: 'completed', output: { a: null, b: { echo: {} } } });
    expect(world.result('n')?.output).toEqual({ n: 1, first: 'no', a: 'failed' });
  });

  it('makes a retried block anew, under paths of its own', async () => {
    const world = new EngineWorld();
    world.downstream.tools['flaky'] = (_args, _context, call) => (call === 1 ? toolError('no') : structured({ call }));
    await world.run(
      definitionOf([
        {
          id: 'p',
          type: 'parallel',
          max_concurrency: 1,
          retry: { max_attempts: 2 },
          tasks: [
            { id: 'a', action: 'steady' },
            { id: 'b', action: 'flaky' },
          ],
        },
        { id: 'n', type: 'set', values: { call: '{{b.output.call}}' } },
      ]),
    );
    expect(world.ledger).toEqual([
      'p/a completed',
      'p/b failed',
      'p#2/a completed',
      'p#2/b completed',
      'p completed',
      'n completed',
    ]);
    expect(world.result('n')?.output).toEqual({ call: 2 });
  });

  it('goes on from any crash', async () => {
    const definition = definitionOf([
      {
        id: 'p',
        type: 'parallel',
        on_error: 'collect',
        branches: {
          a: [
            { id: 'a1', action: 'one' },
            { id: 'a2', action: 'two', arguments: { from: '{{a1.output}}' } },
          ],
          b: [{ id: 'b1', action: 'bad' }],
          c: [
            { id: 'c1', type: 'wait', seconds: 5 },
            { id: 'c2', action: 'three' },
          ],
        },
      },
      { id: 'end', action: 'end', arguments: { all: '{{p.output}}', a2: '{{a2.output}}' } },
    ]);
    const make = (): EngineWorld => {
      const world = new EngineWorld();
      world.downstream.tools['bad'] = () => toolError('no');
      return world;
    };
    expect(await crashEverywhere(make, definition)).toBeGreaterThanOrEqual(14);
  });
});
