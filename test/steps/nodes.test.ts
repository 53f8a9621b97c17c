import { describe, expect, it } from 'vitest';
import { stepTable } from '../../src/tasks/step-table.ts';
import { definitionOf, EngineWorld, text, toolError, type PlainStep } from '../support/engine-world.ts';
import { gate } from '../support/gate.ts';
import { waitUntil } from '../support/wait-until.ts';

const diamond: readonly PlainStep[] = [
  { id: 'a', action: 'a', phase: 'first' },
  { id: 'b', action: 'b', phase: 'second', depends_on: ['a'] },
  { id: 'c', action: 'c', phase: 'second', depends_on: ['a'] },
  { id: 'd', action: 'd', phase: 'third', depends_on: ['b', 'c'] },
];

const withoutPhases = diamond.map(({ id, action, depends_on }): PlainStep => {
  return { id, action, ...(depends_on === undefined ? {} : { depends_on }) };
});

/** A world in which `b` and `c` wait for their gates. */
function heldWorld(): { world: EngineWorld; open: { [tool: string]: () => void } } {
  const world = new EngineWorld();
  const open: { [tool: string]: () => void } = {};
  for (const tool of ['b', 'c']) {
    const held = gate();
    open[tool] = () => held.pass(1);
    // A call that is not known to be safe to repeat is written down before it is made.
    world.downstream.repeatable[tool] = 'unknown';
    world.downstream.tools[tool] = async () => {
      await held.passed;
      return text(tool);
    };
  }
  return { world, open };
}

const states = (world: EngineWorld): string[] =>
  stepTable(world.journal.entries(), false).map(({ path, status }) => `${path} ${status}`);
const phases = (world: EngineWorld): string[] =>
  (world.progress.at(-1)?.phases ?? []).map(({ name, status }) => `${name} ${status}`);

describe('the nodes of a graph', () => {
  it('each node of a graph has a state of its own while the others run', async () => {
    const { world, open } = heldWorld();
    const run = world.run(definitionOf(diamond));
    await waitUntil('b and c are called', () => world.called.length === 3);
    expect(states(world)).toEqual(['a completed', 'b working', 'c working']);
    open['b']?.();
    await waitUntil('b is written down', () => states(world).includes('b completed'));
    expect(states(world)).toEqual(['a completed', 'b completed', 'c working']);
    open['c']?.();
    await run;
    expect(states(world)).toEqual(['a completed', 'b completed', 'c completed', 'd completed']);
  });

  it('the task adds the nodes of a graph up to its own progress', async () => {
    const { world, open } = heldWorld();
    const run = world.run(definitionOf(withoutPhases));
    await waitUntil('b and c are called', () => world.called.length === 3);
    expect(world.progress.at(-1)?.percent).toBe(25);
    open['b']?.();
    await waitUntil('half is done', () => world.progress.at(-1)?.percent === 50);
    open['c']?.();
    await run;
    const percents = world.progress.map(({ percent }) => percent);
    expect(percents).toEqual(percents.toSorted((left, right) => left - right));
    expect(percents.at(-1)).toBe(100);
  });

  it('phases are pending, working and completed while their nodes are, with the times of both ends', async () => {
    const { world, open } = heldWorld();
    const run = world.run(definitionOf(diamond));
    await waitUntil('b and c are called', () => world.called.length === 3);
    expect(phases(world)).toEqual(['first completed', 'second working', 'third pending']);
    const [first, second, third] = world.progress.at(-1)?.phases ?? [];
    expect(first).toMatchObject({ startedAt: expect.any(Number) as number, endedAt: expect.any(Number) as number });
    expect(second?.startedAt).toBeDefined();
    expect(second?.endedAt).toBeUndefined();
    expect(third?.startedAt).toBeUndefined();
    open['b']?.();
    open['c']?.();
    await run;
    expect(phases(world)).toEqual(['first completed', 'second completed', 'third completed']);
  });

  it('seven phases are 0, 14, 28, 42, 57, 71, 85 and 100 percent', async () => {
    const world = new EngineWorld();
    const names = ['problem', 'research', 'options', 'decision', 'impact', 'plan', 'adr'];
    await world.run(definitionOf(names.map((name) => ({ id: name, action: name, phase: name }))));
    expect([...new Set(world.progress.map(({ percent }) => percent))]).toEqual([0, 14, 28, 42, 57, 71, 85, 100]);
  });

  it('a node is tried again after its delay, as often as it says, before its dependents run', async () => {
    const world = new EngineWorld();
    world.downstream.tools['a'] = (_args, _context, call) => (call < 3 ? toolError('not yet') : text('now'));
    const steps: PlainStep[] = [
      { id: 'a', action: 'a', retry: { max_attempts: 3, delay_seconds: 5, backoff: 'fixed' } },
      { id: 'b', action: 'b', depends_on: ['a'] },
    ];
    const before = world.clock.now();
    await world.run(definitionOf(steps));
    expect(world.called).toEqual(['a', 'a', 'a', 'b']);
    expect(world.clock.now() - before).toBe(10_000);
  });

  it('a cancel between two phases lets no node of the second one start', async () => {
    const world = new EngineWorld();
    const stop = new AbortController();
    world.downstream.tools['a'] = () => {
      stop.abort(new Error('cancelled'));
      return text('a');
    };
    await expect(world.run(definitionOf(diamond), { signal: stop.signal })).rejects.toThrow('cancelled');
    expect(world.called).toEqual(['a']);
    expect(states(world).filter((state) => !state.startsWith('a '))).toEqual([]);
  });
});
