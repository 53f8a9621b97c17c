import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hanging, text, toolError } from '../../support/engine-world.ts';
import { WorkflowWorld } from '../../support/workflow-world.ts';
import type { WorkflowProcess } from '../../support/workflow-world.ts';

const me = 'local';

let world: WorkflowWorld;
beforeEach(() => {
  world = new WorkflowWorld();
});
afterEach(() => world.dispose());

/** Where a step that cleans up may stand. */
const PLACES: { readonly [place: string]: (step: string) => string } = {
  'the finally of a try': (step) =>
    `steps: [{ id: t, type: try, steps: [{ id: a, server: s, action: a }], finally: [${step}] }]`,
  'the finally of a try in a foreach': (step) =>
    `steps: [{ id: e, type: foreach, items: [1], steps: [{ id: t, type: try, steps: [{ id: a, server: s, action: a }], finally: [${step}] }] }]`,
  'the finally of the workflow': (step) => `steps: [{ id: a, server: s, action: a }]\nfinally: [${step}]`,
  'a group in a finally': (step) =>
    `steps: [{ id: t, type: try, steps: [{ id: a, server: s, action: a }], finally: [{ id: g, type: group, steps: [${step}] }] }]`,
  'a compensation after a failure': (step) =>
    `steps: [{ id: a, server: s, action: a, compensate: ${step} }, { id: bad, server: s, action: bad }]`,
};

/** How it is cut off while its call is in flight; gives the process that goes on. */
const CUTS: { readonly [cut: string]: (process: WorkflowProcess, taskId: string) => Promise<WorkflowProcess> } = {
  'a cancel': async (process, taskId) => {
    await process.tasks.cancel(taskId, me);
    return process;
  },
  'a crash': (process) => {
    process.kill();
    return world.started();
  },
  'a crash, and is cancelled before the next start': async (process, taskId) => {
    process.kill();
    const command = await world.started({ claims: 'none' });
    await command.tasks.cancel(taskId, me);
    await command.tasks.close();
    return world.started();
  },
};

const step = (more: string): string => `{ id: z, server: s, action: undo${more} }`;

/** Runs a workflow until its step `z` is in flight, cuts that off, and waits until nothing is left to do. */
async function cutOff(
  place: string,
  cut: string,
  more: string,
  ownTools = false,
): Promise<{ readonly keys: readonly string[]; readonly said: string }> {
  world.downstream.repeatable['undo'] = 'unknown';
  if (!ownTools) {
    world.downstream.tools['undo'] = (_args, { signal }, call) => (call === 1 ? hanging(signal) : text('undone'));
  }
  world.downstream.tools['bad'] = () => toolError('broken');
  world.define(`name: w\n${PLACES[place]?.(step(more)) ?? ''}\n`);
  const first = await world.started();
  const { taskId } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
  await world.clock.advance(500);
  expect(world.callsOf('undo')).toBe(1);
  const last = (await CUTS[cut]?.(first, taskId)) ?? first;
  await world.clock.advance(5000);
  await answerAll(last, taskId);
  await world.clock.during(last.tasks.cleanedUp(taskId, me, new AbortController().signal));
  await world.clock.advance(5000);
  const view = await last.tasks.get(taskId, me);
  expect(view?.endedAt).toBeDefined();
  const report = await last.tasks.cleanUp(taskId, me);
  const outcome = await last.tasks.outcome(taskId, me);
  const keys = world.downstream.calls.filter(({ tool }) => tool === 'undo').map(({ key }) => key);
  return { keys, said: JSON.stringify([view?.warnings, report, outcome]) };
}

/** Says `fail` to the question what is to become of a call that was cut off; where the task goes on, it may ask. */
async function answerAll({ tasks }: WorkflowProcess, taskId: string): Promise<void> {
  const inputs = (await tasks.get(taskId, me))?.inputs ?? [];
  for (const { key } of inputs) await tasks.respond(taskId, me, key, { action: 'accept', content: { action: 'fail' } });
}

const ALL = Object.keys(PLACES).flatMap((place) => Object.keys(CUTS).map((cut) => ({ place, cut })));

describe.each(ALL)('G3: a call of $place that is cut off by $cut', ({ place, cut }) => {
  it.each([', on_interrupt: retry', ', idempotent: true'])(
    'G3: is made again with the same key where it may be: %s (D5)',
    async (more) => {
      const { keys } = await cutOff(place, cut, more);
      expect(keys).toHaveLength(2);
      expect(new Set(keys).size).toBe(1);
    },
  );

  it.each(['', ', on_interrupt: fail', ', idempotent: true, on_interrupt: fail', ', on_interrupt: ask'])(
    'G3: is not made again, but reported, where its effect is not known or its author says so: "%s" (D4)',
    async (more) => {
      const { keys, said } = await cutOff(place, cut, more);
      expect(keys).toHaveLength(1);
      expect(said).toContain('interrupted');
    },
  );
});

describe.each(ALL)('G3: a task of another server that $place follows, cut off by $cut', ({ place, cut }) => {
  it('G3: is followed to its end, and neither cancelled nor asked for again', async () => {
    world.downstream.tools['a'] = () => text('a');
    let handles: unknown[] = [];
    world.downstream.tools['undo'] = async (_args, context) => {
      handles = [...handles, context.handle ?? null];
      if (context.handle !== undefined) return text('undone');
      await context.onHandle?.({ task: 'remote-1' });
      return hanging(context.signal);
    };
    const { keys } = await cutOff(place, cut, ', on_interrupt: fail', true);
    expect(world.downstream.abandoned).toEqual([]);
    expect(handles).toEqual([null, { task: 'remote-1' }]);
    expect(new Set(keys).size).toBe(1);
  });
});

describe('G3: a compensation of a cancelled task that a crash cuts off', () => {
  it.each([
    [', on_interrupt: retry', 2],
    [', on_interrupt: fail', 1],
    ['', 1],
  ])('G3: is made again with the same key only where it may be: "%s" (D4, D5)', async (more, calls) => {
    world.downstream.repeatable['undo'] = 'unknown';
    world.downstream.tools['undo'] = (_args, { signal }, call) => (call === 1 ? hanging(signal) : text('undone'));
    world.downstream.tools['hang'] = (_args, { signal }) => hanging(signal);
    world.define(
      `name: w\nsteps: [{ id: a, server: s, action: a, compensate: ${step(more)} }, { id: h, server: s, action: hang }]\n`,
    );
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await world.clock.advance(500);
    await first.tasks.cancel(taskId, me);
    await world.clock.advance(500);
    first.kill();
    const { tasks } = await world.started();
    await world.clock.during(tasks.cleanedUp(taskId, me, new AbortController().signal));
    const keys = world.downstream.calls.filter(({ tool }) => tool === 'undo').map(({ key }) => key);
    expect([keys.length, new Set(keys).size]).toEqual([calls, 1]);
  });
});
