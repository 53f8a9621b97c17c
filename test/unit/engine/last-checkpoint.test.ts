import { describe, expect, it } from 'vitest';
import type { Definition } from '../../../src/definition/model.ts';
import { definitionOf, EngineWorld, text, type PlainStep } from '../../support/engine-world.ts';

const call = (id: string): PlainStep => ({ id, action: id });

describe('the checkpoint of the last step', () => {
  it('becomes durable with the outcome when only the outcome is left', async () => {
    const world = new EngineWorld();
    await world.run(definitionOf([call('a'), call('b'), call('c')]));
    expect(world.ledger).toEqual(['a completed', 'b completed', 'c completed']);
    expect(world.journal.appends).toBe(3);
    expect(world.journal.deferrals).toBe(1);
    expect(world.result('c')).toMatchObject({ output: { echo: {} } });
  });

  it('is written by itself where something comes between it and the outcome', async () => {
    const deferrals = async (steps: readonly PlainStep[], more: Partial<Definition> = {}): Promise<number> => {
      const world = new EngineWorld();
      await world.run(definitionOf(steps, more));
      return world.journal.deferrals;
    };
    expect(await deferrals([call('a'), call('b')])).toBe(1);
    expect(await deferrals([call('a'), call('b')], { output: { slow: '{% a.output %}' } })).toBe(0);
    expect(await deferrals([call('a'), call('b')], { finally: definitionOf([call('z')]).steps })).toBe(0);
    expect(await deferrals([call('a'), { ...call('b'), compensate: call('undo') }])).toBe(0);
    expect(await deferrals([call('a'), { ...call('b'), depends_on: ['a'] }])).toBe(0);
  });

  it('is durable before any step that runs because the outcome failed (E3)', async () => {
    const world = new EngineWorld();
    let seen: readonly string[] = [];
    world.downstream.tools['alert'] = () => {
      seen = world.journal.entries().flatMap((entry) => (entry.type === 'finished' ? [entry.path] : []));
      return text('told');
    };
    const end = await world.run(
      definitionOf([call('a'), call('b'), call('alert')], {
        output_schema: { type: 'object', required: ['never'] },
        on_error: 'alert',
      }),
    );
    expect(end.outcome).toMatchObject({ failure: { code: 'invalid_output' } });
    expect(seen).toEqual(['a', 'b']);
    expect(world.journal.deferrals).toBe(1);
  });

  it('is what compensation sees when the outcome failed', async () => {
    const world = new EngineWorld();
    const end = await world.run(
      definitionOf([{ ...call('a'), compensate: call('undo') }, call('b')], {
        output_schema: { type: 'object', required: ['never'] },
      }),
    );
    expect(end.outcome).toMatchObject({ failure: { code: 'invalid_output' } });
    expect(world.called).toEqual(['a', 'b', 'undo']);
    expect(world.ledger.slice(0, 2)).toEqual(['a completed', 'b completed']);
  });
});
