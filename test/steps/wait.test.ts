import { describe, expect, it } from 'vitest';
import { isoTime } from '../../src/core/clock.ts';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld } from '../support/engine-world.ts';

describe('wait', () => {
  it('waits its seconds, given as a number or by a template, and tells when it goes on', async () => {
    const world = new EngineWorld({ input: { s: 30 } });
    const started = world.clock.now();
    await world.run(definitionOf([{ id: 'w', type: 'wait', seconds: '{{input.s}}' }]));
    expect(world.clock.monotonic()).toBe(30_000);
    expect(world.progress.map((progress) => progress.wakeAt)).toContain(started + 30_000);
  });

  it('waits until a time by the wall clock, and not at all for one in the past', async () => {
    const world = new EngineWorld();
    const until = isoTime(world.clock.now() + 3_600_000);
    await world.run(
      definitionOf([
        { id: 'w', type: 'wait', until },
        { id: 'v', type: 'wait', until: '2020-01-01T00:00:00Z' },
      ]),
    );
    expect(world.clock.monotonic()).toBe(3_600_000);
  });

  it('does not begin anew after a restart, and never ends early', async () => {
    const world = new EngineWorld({ auto: false });
    const definition = definitionOf([{ id: 'w', type: 'wait', seconds: 100 }]);
    const controller = new AbortController();
    const first = world.run(definition, { signal: controller.signal });
    await world.clock.untilSleeping();
    await world.clock.advance(70_000);
    controller.abort(new Error('shutdown'));
    await expect(first).rejects.toThrow('shutdown');
    const second = world.run(definition);
    await world.clock.untilSleeping();
    await world.clock.advance(29_999);
    expect(world.ledger).toEqual([]);
    await world.clock.advance(1);
    await second;
    expect(world.ledger).toEqual(['w completed']);
  });

  it('waits no longer than it said after the wall clock was set back', async () => {
    const world = new EngineWorld({ auto: false });
    const definition = definitionOf([{ id: 'w', type: 'wait', seconds: 100 }]);
    const controller = new AbortController();
    const first = world.run(definition, { signal: controller.signal });
    await world.clock.untilSleeping();
    controller.abort(new Error('shutdown'));
    await expect(first).rejects.toThrow('shutdown');
    world.clock.setWall(world.clock.now() - 365 * 86_400_000);
    const second = world.run(definition);
    await world.clock.untilSleeping();
    await world.clock.advance(100_000);
    await second;
    expect(world.ledger).toEqual(['w completed']);
  });

  it('refuses what is no time and no number of seconds', async () => {
    const bad = async (step: object): Promise<unknown> => {
      const end = await new EngineWorld().run(definitionOf([{ id: 'w', type: 'wait', ...step }]));
      return end.outcome.kind === 'result' ? end.outcome.failure?.code : end.outcome;
    };
    expect(await bad({ until: 'tomorrow-ish' })).toBe('invalid_arguments');
    // Other readers of times take it for a month.
    expect(await bad({ until: '5' })).toBe('invalid_arguments');
    expect(await bad({ seconds: '{{input.nothing}}' })).toBe('invalid_arguments');
    expect(await bad({})).toBe('invalid_arguments');
  });

  it('goes on from any crash', async () => {
    expect(await crashEverywhere(() => new EngineWorld(), definitionOf([{ id: 'w', type: 'wait', seconds: 5 }]))).toBe(
      4,
    );
  });
});
