import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, structured, text, toolError, type PlainStep } from '../support/engine-world.ts';

const poll = (more: object = {}): PlainStep => ({
  id: 'poll',
  type: 'loop',
  max_iterations: 10,
  delay_seconds: 2,
  until: "{{step_check.output}} contains 'Ready'",
  ...more,
  steps: [{ id: 'check', action: 'page' }],
});

describe('loop', () => {
  it('repeats until its condition is true in the current iteration, waiting in between', async () => {
    const world = new EngineWorld();
    world.downstream.tools['page'] = (_args, _context, call) => text(call === 3 ? 'Ready now' : 'loading');
    await world.run(
      definitionOf([
        poll(),
        {
          id: 'n',
          type: 'set',
          values: { n: '{{poll.iterations}}', last: '{{check.output}}', x: '{{poll.exhausted}}' },
        },
      ]),
    );
    expect(world.ledger).toEqual([
      'poll[0]/check completed',
      'poll[1]/check completed',
      'poll[2]/check completed',
      'poll completed',
      'n completed',
    ]);
    expect(world.result('poll')?.output).toBe('Ready now');
    expect(world.result('n')?.output).toEqual({ n: 3, last: 'Ready now', x: false });
    expect(world.clock.monotonic()).toBe(4000);
  });

  it('fails with loop_exhausted at the maximum, or goes on with on_exhausted: continue', async () => {
    const world = new EngineWorld();
    const failed = await world.run(definitionOf([poll({ max_iterations: 2 })]));
    expect(failed.outcome).toMatchObject({ failure: { code: 'loop_exhausted', step: 'poll' } });
    const other = new EngineWorld();
    await other.run(
      definitionOf([
        poll({ max_iterations: 2, on_exhausted: 'continue' }),
        { id: 'n', type: 'set', values: { x: '{{poll.exhausted}}' } },
      ]),
    );
    expect(other.result('n')?.output).toEqual({ x: true });
  });

  it('without until runs max_iterations times and completes', async () => {
    const world = new EngineWorld();
    const loop = { id: 'l', type: 'loop', max_iterations: 3, steps: [{ id: 'a', action: 'a' }] };
    expect((await world.run(definitionOf([loop]))).outcome).toMatchObject({
      kind: 'result',
      output: { result: { echo: {} } },
    });
    expect(world.called).toHaveLength(3);
  });

  it('stops at the engine limit however high max_iterations is', async () => {
    const world = new EngineWorld({ limits: { loopIterations: 4 } });
    const loop = { id: 'l', type: 'loop', max_iterations: 1000, steps: [{ id: 'a', type: 'set', values: {} }] };
    expect((await world.run(definitionOf([loop]))).outcome).toMatchObject({ failure: { code: 'limit_exceeded' } });
  });

  it('fails with the failure of its body', async () => {
    const world = new EngineWorld();
    world.downstream.tools['page'] = () => toolError('gone');
    expect((await world.run(definitionOf([poll()]))).outcome).toMatchObject({
      failure: { step: 'check', message: 'gone' },
    });
    expect(world.ledger).toEqual(['poll[0]/check failed', 'poll failed']);
  });

  it('waits only for the rest of a delay after a restart', async () => {
    const world = new EngineWorld({ auto: false });
    const definition = definitionOf([
      {
        id: 'l',
        type: 'loop',
        max_iterations: 5,
        delay_seconds: 100,
        until: "{{variables.global.phase}} == 'b'",
        steps: [{ id: 'get', action: 'phase', save_output_to: 'variables.global.phase' }],
      },
    ]);
    world.downstream.tools['phase'] = (_args, _context, call) => text(call === 1 ? 'a' : 'b');
    const controller = new AbortController();
    const first = world.run(definition, { signal: controller.signal });
    await world.clock.untilSleeping();
    await world.clock.advance(60_000);
    controller.abort(new Error('shutdown'));
    await expect(first).rejects.toThrow('shutdown');
    const second = world.run(definition);
    await world.clock.untilSleeping();
    await world.clock.advance(39_999);
    expect(world.called).toHaveLength(1);
    await world.clock.advance(1);
    await second;
    expect(world.called).toHaveLength(2);
    expect(world.result('l')).toMatchObject({ view: { iterations: 2 } });
  });

  it('does not take back at a restart that it went on, though what it read has changed since', async () => {
    const definition = definitionOf([
      {
        id: 'l',
        type: 'loop',
        max_iterations: 5,
        until: "{{variables.global.phase}} == 'b'",
        steps: [
          { id: 'get', action: 'phase', save_output_to: 'variables.global.phase' },
          { id: 'x', action: 'x' },
        ],
      },
    ]);
    const make = (): EngineWorld => {
      const world = new EngineWorld();
      world.downstream.tools['phase'] = () => text(world.journal.finished('l[0]/get') === undefined ? 'a' : 'b');
      return world;
    };
    expect(await crashEverywhere(make, definition)).toBe(12);
  });

  it('goes on from any crash', async () => {
    const make = (): EngineWorld => {
      const world = new EngineWorld();
      world.downstream.tools['page'] = () => {
        const made = world.ledger.length + world.journal.entries().filter((entry) => entry.type === 'finished').length;
        return made >= 2 && world.journal.finished('poll[1]/check') !== undefined
          ? text('Ready')
          : structured({ made: 'not yet' });
      };
      return world;
    };
    expect(
      await crashEverywhere(
        make,
        definitionOf([poll(), { id: 'z', action: 'z', arguments: { c: '{{check.output}}' } }]),
      ),
    ).toBe(14);
  });
});
