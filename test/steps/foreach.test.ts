import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, structured, text, toolError } from '../support/engine-world.ts';

describe('foreach', () => {
  it('runs its steps for each item, in a scope of its own, and lists outputs in input order', async () => {
    const world = new EngineWorld({ input: { list: ['a', 'b', 'c'] } });
    world.downstream.tools['up'] = async (args) => {
      await world.clock.sleep(args['v'] === 'a' ? 100 : 1);
      return text(JSON.stringify(args['v']).toUpperCase());
    };
    await world.run(
      definitionOf([
        {
          id: 'each',
          type: 'foreach',
          items: '{{input.list}}',
          as: 'letter',
          max_concurrency: 3,
          steps: [
            { id: 'one', action: 'up', arguments: { v: '{{letter}}' } },
            { id: 'two', type: 'set', values: { v: '{{item_index}}-{{one.output}}' } },
          ],
        },
      ]),
    );
    expect(world.result('each')?.output).toEqual([{ v: '0-"A"' }, { v: '1-"B"' }, { v: '2-"C"' }]);
    expect(world.ledger).toContain('each[2]/two completed');
  });

  it('gives the members of an object as key and value, and refuses what is no list', async () => {
    const world = new EngineWorld();
    const body = [{ id: 'b', type: 'set', values: { t: '{{item.key}}={{item.value}}' } }];
    await world.run(definitionOf([{ id: 'each', type: 'foreach', items: { x: 1, y: 2 }, steps: body }]));
    expect(world.result('each')?.output).toEqual([{ t: 'x=1' }, { t: 'y=2' }]);
    const other = new EngineWorld();
    const end = await other.run(definitionOf([{ id: 'each', type: 'foreach', items: 'text', steps: body }]));
    expect(end.outcome).toMatchObject({ failure: { code: 'invalid_arguments', step: 'each' } });
  });

  it('fails with the first failed item and starts no further one, or collects', async () => {
    const run = async (mode: object): Promise<EngineWorld> => {
      const world = new EngineWorld();
      world.downstream.tools['t'] = (args) =>
        args['v'] === 2 ? toolError('two') : structured({ v: args['v'] ?? null });
      const steps = [{ id: 's', action: 't', arguments: { v: '{{item}}' } }];
      await world.run(
        definitionOf([
          { id: 'each', type: 'foreach', items: [1, 2, 3], ...mode, steps },
          { id: 'n', type: 'set', values: { failed: '{{each.failed}}', items: '{{each.items}}' } },
        ]),
      );
      return world;
    };
    const failing = await run({});
    expect(failing.called).toEqual(['t', 't']);
    expect(failing.result('each')).toMatchObject({ status: 'failed', error: { message: 'two', step: 's' } });
    const collecting = await run({ on_item_error: 'collect' });
    expect(collecting.result('each')?.output).toEqual([{ v: 1 }, null, { v: 3 }]);
    expect(collecting.result('n')?.output).toMatchObject({
      failed: 1,
      items: [
        { index: 0, status: 'completed', output: { v: 1 }, error: null },
        { index: 1, status: 'failed', output: null, error: { code: 'tool_error', message: 'two' } },
        { index: 2, status: 'completed' },
      ],
    });
  });

  it('nested, runs no more at once than the task has lanes, and all of it (D16)', async () => {
    const world = new EngineWorld({ limits: { lanes: 5 } });
    let running = 0;
    let most = 0;
    world.downstream.tools['t'] = async () => {
      running += 1;
      most = Math.max(most, running);
      await world.clock.sleep(10);
      running -= 1;
      return text('done');
    };
    const items = [...Array.from({ length: 12 }).keys()];
    const inner = { id: 'inner', type: 'foreach', items, max_concurrency: 12, steps: [{ id: 's', action: 't' }] };
    const end = await world.run(
      definitionOf([{ id: 'outer', type: 'foreach', items, max_concurrency: 4, steps: [inner] }]),
    );
    expect(end.outcome).toMatchObject({ kind: 'result' });
    expect(world.downstream.calls).toHaveLength(144);
    // Four outer iterations take three lanes and have one of their own each; the last two lanes are for whoever asks.
    expect(most).toBe(6);
    const wide = new EngineWorld({ limits: { lanes: 0 } });
    await wide.run(definitionOf([{ id: 'outer', type: 'foreach', items: [1, 2], max_concurrency: 2, steps: [inner] }]));
    expect(wide.downstream.calls).toHaveLength(24);
  });

  it('refuses more items than the limit, before it starts any', async () => {
    const world = new EngineWorld({ limits: { fanOut: 3 } });
    const end = await world.run(
      definitionOf([{ id: 'each', type: 'foreach', items: [1, 2, 3, 4], steps: [{ id: 's', action: 's' }] }]),
    );
    expect(end.outcome).toMatchObject({ failure: { code: 'limit_exceeded' } });
    expect(world.called).toEqual([]);
  });

  it('keeps the list it began with when its body writes to the variable the list came from', async () => {
    const definition = definitionOf(
      [
        {
          id: 'each',
          type: 'foreach',
          items: '{{variables.global.list}}',
          steps: [
            { id: 's', type: 'set', assign: { 'variables.global.list': [] } },
            { id: 't', action: 't', arguments: { v: '{{item}}' } },
          ],
        },
      ],
      { variables: { input: {}, global: { list: ['a', 'b'] }, saved: {} } },
    );
    await crashEverywhere(() => new EngineWorld(), definition);
    const world = new EngineWorld();
    await world.run(definition);
    expect(world.downstream.calls.map((call) => call.args['v'])).toEqual(['a', 'b']);
  });

  it('goes on from any crash, nested and concurrent', async () => {
    const definition = definitionOf([
      {
        id: 'outer',
        type: 'foreach',
        items: ['a', 'b'],
        as: 'x',
        max_concurrency: 2,
        on_item_error: 'collect',
        steps: [
          {
            id: 'inner',
            type: 'foreach',
            items: [1, 2],
            as: 'y',
            steps: [{ id: 's', action: 's', arguments: { v: '{{x}}{{y}}' } }],
          },
          { id: 'bad', action: 'bad', when: "{{x}} == 'b'" },
        ],
      },
    ]);
    const make = (): EngineWorld => {
      const world = new EngineWorld();
      world.downstream.tools['bad'] = () => toolError('no');
      return world;
    };
    expect(await crashEverywhere(make, definition)).toBe(14);
  });
});
