import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/logger.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import type { Definition } from '../../../src/definition/model.ts';
import { digestOf } from '../../../src/definition/snapshot.ts';
import { createWorkflowRunner } from '../../../src/engine/runner.ts';
import { stepKinds } from '../../../src/steps/index.ts';
import { KeptResults } from '../../../src/tasks/kept-results.ts';
import type { TaskManager } from '../../../src/tasks/task-manager.ts';
import type { StepRow } from '../../../src/tasks/task.ts';
import { definitionOf, FakeDownstream, toolError } from '../../support/engine-world.ts';
import { ended, TaskWorld } from '../../support/task-world.ts';

const me = 'local';

let world: TaskWorld;
let downstream: FakeDownstream;
let tasks: TaskManager;
beforeEach(async () => {
  world = new TaskWorld();
  downstream = new FakeDownstream();
  ({ tasks } = await world.started({ workflows: createWorkflowRunner(stepKinds), downstream }));
});
afterEach(() => world.dispose());

function define(steps: Parameters<typeof definitionOf>[0], more: Partial<Definition> = {}, name = 'w'): void {
  const definition = definitionOf(steps, { name, ...more });
  world.definitions.set(name, { definition, digest: digestOf(definition), file: `${name}.yaml` });
}

async function run(
  input: JsonObject = {},
  principal = me,
  workflow = 'w',
): Promise<{ readonly output: JsonValue; readonly steps: readonly StepRow[]; readonly taskId: string }> {
  const { taskId } = await tasks.create({ workflow, arguments: input, principal });
  await world.clock.during(ended(tasks, taskId, principal));
  const outcome = await tasks.outcome(taskId, principal);
  const steps = await tasks.steps(taskId, principal);
  return { output: outcome?.kind === 'result' ? outcome.output : null, steps, taskId };
}

const look = { id: 'look', action: 'look', arguments: { for: '{{input.for}}' }, cache_seconds: 60 };
const output = { got: '{{look.output.echo.for}}', cached: '{{look.cached}}', attempts: '{{look.attempts}}' };

describe('cache_seconds', () => {
  it('takes over the result of the same step with the same inputs, for so long, and says so', async () => {
    define([look], { output });
    expect(await run({ for: 'x' })).toMatchObject({ output: { got: 'x', cached: false, attempts: 1 } });
    const second = await run({ for: 'x' });
    expect(second.output).toEqual({ got: 'x', cached: true, attempts: 0 });
    expect(second.steps).toMatchObject([{ path: 'look', status: 'completed', attempts: 0, cached: true }]);
    expect(await run({ for: 'y' })).toMatchObject({ output: { got: 'y', cached: false } });
    expect(downstream.calls).toHaveLength(2);
    await world.clock.advance(61_000);
    expect(await run({ for: 'x' })).toMatchObject({ output: { cached: false } });
    expect(downstream.calls).toHaveLength(3);
  });

  it('is of one workflow and one caller', async () => {
    define([look]);
    define([look], {}, 'other');
    for (const [principal, workflow] of [
      [me, 'w'],
      ['eve', 'w'],
      [me, 'other'],
    ]) {
      await run({ for: 'x' }, principal, workflow);
    }
    expect(downstream.calls).toHaveLength(3);
  });

  it('keeps no failure, and nothing of a step that holds steps', async () => {
    downstream.tools['look'] = (_args, _context, call) => (call === 1 ? toolError('no') : { content: [] });
    define([look]);
    await run({ for: 'x' });
    await run({ for: 'x' });
    expect(downstream.calls).toHaveLength(2);
    define([{ id: 'g', type: 'group', cache_seconds: 60, steps: [{ id: 'in', action: 'in' }] }]);
    await run();
    expect((await run()).steps.map(({ path }) => path)).toEqual(['in', 'g'].map((id) => (id === 'g' ? 'g' : 'g/in')));
    expect(downstream.calls).toHaveLength(4);
  });

  it('writes the variables again that the step writes, and costs no call of the budget', async () => {
    define([
      { ...look, save_output_to: 'variables.global.seen' },
      {
        id: 'put',
        type: 'set',
        values: { v: '{{input.for}}' },
        assign: { 'variables.global.put': '{{input.for}}' },
        cache_seconds: 60,
      },
      { id: 'then', action: 'then' },
    ], {
      output: { seen: '{{variables.global.seen.echo.for}}', put: '{{variables.global.put}}', cached: '{{put.cached}}' },
      budget: { tool_calls: 2 },
    });
    await run({ for: 'x' });
    expect((await run({ for: 'x' })).output).toEqual({ seen: 'x', put: 'x', cached: true });
  });

  it('leaves what another task has done to be undone by that one', async () => {
    const compensate = { id: 'undo', action: 'undo' };
    define([
      { ...look, compensate },
      { id: 'bad', action: '{{input.then}}' },
    ], {});
    downstream.tools['{{input.then}}'] = (_args, _context, call) => (call === 1 ? { content: [] } : toolError('no'));
    await run({ for: 'x' });
    await run({ for: 'x' });
    expect(downstream.calls.map(({ tool }) => tool)).toEqual(['look', '{{input.then}}', '{{input.then}}']);
  });

  it('is swept when its time is over, and holds no more than its places (D16)', async () => {
    const rows = (): number => [...world.store.data.texts.keys()].filter((key) => key.startsWith('kept')).length;
    define([look]);
    for (const n of ['1', '2', '3']) await run({ for: n });
    expect(rows()).toBe(6);
    await world.clock.advance(100_000);
    expect(rows()).toBe(0);
    const kept = new KeptResults({ store: world.store, clock: world.clock, logger: silentLogger }, me, 'w');
    const key = (n: number): string => n.toString(16).padStart(64, '0');
    await kept.put('f'.repeat(64), { output: 'x'.repeat(300_000) }, 1000);
    expect(rows()).toBe(0);
    const high = (n: number): string => `${n.toString(16).padStart(8, '0')}${key(0).slice(8)}`;
    for (let n = 0; n < 3000; n += 1) await kept.put(high(n), { output: n }, 1000);
    expect(rows()).toBe(2048);
    expect(await kept.get(high(2999), 1000)).toEqual({ output: 2999 });
    expect(await kept.get(high(0), 1000)).toBeUndefined();
    await world.clock.advance(100_000);
    expect(rows()).toBe(0);
  });

  it('does without what is damaged', async () => {
    define([look]);
    await run({ for: 'x' });
    for (const key of world.store.data.texts.keys()) {
      if (key.startsWith('kept:')) world.store.data.setText(key, 'damaged');
    }
    await run({ for: 'x' });
    expect(downstream.calls).toHaveLength(2);
    await world.clock.advance(100_000);
    expect([...world.store.data.texts.keys()].filter((key) => key.startsWith('kept'))).toEqual([]);
  });
});
