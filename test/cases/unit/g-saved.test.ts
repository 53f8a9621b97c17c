import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hanging, text } from '../../support/engine-world.ts';
import { ended } from '../../support/task-world.ts';
import { WorkflowWorld } from '../../support/workflow-world.ts';
import type { WorkflowProcess } from '../../support/workflow-world.ts';

const me = 'local';
const COUNTING = `
variables: { saved: { n: 0 } }
steps:
  - { id: look, server: s, action: look, arguments: { n: '{{saved.n}}' } }
  - { id: add, type: set, assign: { 'variables.saved.n': '{% saved.n + 1 %}' } }
output: { n: '{{saved.n}}' }
`;

let world: WorkflowWorld;
beforeEach(() => {
  world = new WorkflowWorld();
});
afterEach(() => world.dispose());

async function outputOf({ tasks }: WorkflowProcess, taskId: string): Promise<unknown> {
  await world.clock.during(ended(tasks, taskId));
  const outcome = await tasks.outcome(taskId, me);
  return outcome?.kind === 'result' ? outcome.output : outcome;
}

const create = async ({ tasks }: WorkflowProcess, workflow = 'count'): Promise<string> =>
  (await tasks.create({ workflow, arguments: {}, principal: me })).taskId;

describe('G6: a run that had to wait for its turn', () => {
  it('G6: sees what those before it have saved: eleven that count reach eleven', async () => {
    world.define(`name: count\nconcurrency: { limit: 1, on_conflict: queue }${COUNTING}`);
    const process = await world.started();
    const ids: string[] = [];
    for (let run = 0; run < 11; run += 1) ids.push(await create(process));
    const outputs: unknown[] = [];
    for (const id of ids) outputs.push(await outputOf(process, id));
    expect(outputs).toEqual(ids.map((_, index) => ({ n: index + 1 })));
  });

  it('G6: sees what one before it has saved in another process', async () => {
    world.define(`name: count\nconcurrency: { limit: 1, on_conflict: queue }${COUNTING}`);
    const [a, b] = [await world.started(), await world.started()];
    const ids: (readonly [WorkflowProcess, string])[] = [];
    for (let run = 0; run < 3; run += 1) for (const process of [a, b]) ids.push([process, await create(process)]);
    const outputs: unknown[] = [];
    for (const [process, id] of ids) outputs.push(await outputOf(process, id));
    expect(outputs).toEqual(ids.map((_, index) => ({ n: index + 1 })));
  });

  it('G6: sees it also when its process dies while it is in line', async () => {
    world.define(`name: count\nconcurrency: { limit: 1, on_conflict: queue }${COUNTING}`);
    let isStuck = true;
    world.downstream.tools['look'] = (_args, { signal }) => (isStuck ? hanging(signal) : text('seen'));
    const first = await world.started();
    const ids = [await create(first), await create(first), await create(first)];
    await world.clock.advance(1000);
    first.kill();
    isStuck = false;
    const second = await world.started();
    const outputs: unknown[] = [];
    for (const id of ids) outputs.push(await outputOf(second, id));
    expect(outputs).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('G6: as a child sees what the one before it has saved', async () => {
    world.define(`name: count\nconcurrency: { limit: 1, on_conflict: queue }${COUNTING}`);
    world.define(
      'name: many\nsteps: [{ id: each, type: foreach, items: [1, 2, 3, 4], max_concurrency: 4, steps: [{ id: c, type: workflow, workflow: count }] }]\n',
    );
    const process = await world.started();
    await outputOf(process, await create(process, 'many'));
    expect(await outputOf(process, await create(process))).toEqual({ n: 5 });
  });
});

describe('G6: a run that has begun', () => {
  it('G6: sees after a crash what it saw before, whatever another one has saved meanwhile', async () => {
    world.define(`name: count\nconcurrency: { limit: 2, on_conflict: queue }${COUNTING}`);
    let isStuck = true;
    world.downstream.tools['look'] = (_args, { signal }, call) =>
      isStuck && call === 1 ? hanging(signal) : text('seen');
    const first = await world.started();
    const stuck = await create(first);
    await world.clock.advance(1000);
    expect(await outputOf(first, await create(first))).toEqual({ n: 1 });
    expect(await outputOf(first, await create(first))).toEqual({ n: 2 });
    first.kill();
    isStuck = false;
    expect(await outputOf(await world.started(), stuck)).toEqual({ n: 1 });
    const seen = world.downstream.calls.map(({ args }) => args['n']);
    expect(seen).toEqual([0, 0, 1, 0]);
  });
});
