import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TaskService } from '../../../src/tasks/task.ts';
import { ended, viewWhere } from '../../support/task-world.ts';
import { WorkflowWorld } from '../../support/workflow-world.ts';
import type { WorkflowProcess } from '../../support/workflow-world.ts';

const me = 'local';
const DAY = 86_400_000;
const ANSWER = { action: 'accept', content: { ok: true } };
/** A minute for the answer. */
const ASKING = `name: w
steps:
  - { id: q, type: elicit, message: Go on?, timeout_seconds: 60, schema: { type: object, properties: { ok: { type: boolean } } } }
output: { action: '{{q.action}}' }
`;

let world: WorkflowWorld;
beforeEach(() => {
  world = new WorkflowWorld();
});
afterEach(() => world.dispose());

interface Open {
  readonly process: WorkflowProcess;
  readonly taskId: string;
}

/** A task that asks. */
async function asking(ttl?: number): Promise<Open> {
  world.define(ASKING);
  const process = await world.started();
  const { taskId } = await process.tasks.create({
    workflow: 'w',
    arguments: {},
    principal: me,
    ...(ttl !== undefined && { ttl }),
  });
  await viewWhere(process.tasks, taskId, ({ inputs }) => inputs.length === 1);
  return { process, taskId };
}

async function endOf(tasks: TaskService, taskId: string): Promise<string> {
  const { status } = await world.clock.during(ended(tasks, taskId));
  return status;
}

const jump = (ms: number): void => {
  world.clock.setWall(world.clock.now() + ms);
};

describe('G4: a question that is shown after the clock was set', () => {
  it.each([
    ['forward by a day', DAY],
    ['forward by a year', 365 * DAY],
    ['back by a day', -DAY],
    ['back by a minute', -60_000],
  ])('G4: takes an answer, which counts: %s', async (_, ms) => {
    const { process, taskId } = await asking();
    await world.clock.advance(1000);
    jump(ms);
    expect(await process.tasks.get(taskId, me)).toMatchObject({ status: 'input_required', inputs: [{ key: 'in-1' }] });
    expect(await process.tasks.respond(taskId, me, 'in-1', ANSWER)).toBe('accepted');
    expect(await endOf(process.tasks, taskId)).toBe('completed');
    expect(await process.tasks.outcome(taskId, me)).toMatchObject({ output: { action: 'accept' } });
  });

  it('G4: takes an answer through another process, which counts', async () => {
    const { process, taskId } = await asking();
    jump(DAY);
    const other = await world.started({ claims: 'none' });
    const { inputs } = (await other.tasks.get(taskId, me)) ?? { inputs: [] };
    expect(inputs.map(({ key }) => key)).toEqual(['in-1']);
    expect(await other.tasks.respond(taskId, me, 'in-1', ANSWER)).toBe('accepted');
    expect(await endOf(process.tasks, taskId)).toBe('completed');
    expect(await process.tasks.outcome(taskId, me)).toMatchObject({ output: { action: 'accept' } });
  });

  it('G4: of a child takes an answer that was given to its parent, which counts', async () => {
    world.define(ASKING);
    world.define("name: top\nsteps: [{ id: c, type: workflow, workflow: w }]\noutput: { got: '{{c.output}}' }\n");
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'top', arguments: {}, principal: me });
    const { inputs } = await viewWhere(tasks, taskId, (view) => view.inputs.length === 1);
    jump(DAY);
    expect(await tasks.respond(taskId, me, inputs[0]?.key ?? '', ANSWER)).toBe('accepted');
    expect(await endOf(tasks, taskId)).toBe('completed');
    expect(await tasks.outcome(taskId, me)).toMatchObject({ output: { got: { action: 'accept' } } });
  });

  it('G4: is over when its time is by the time that has passed, and then neither shown nor answered', async () => {
    const { process, taskId } = await asking();
    jump(-DAY);
    await world.clock.advance(61_000);
    const view = await process.tasks.get(taskId, me);
    expect(view?.inputs).toEqual([]);
    expect(view?.status).toBe('failed');
    expect(view?.failure?.code).toBe('input_timeout');
    expect(await process.tasks.respond(taskId, me, 'in-1', ANSWER)).toBe('ignored');
  });
});

describe('G4: a question after a restart', () => {
  it.each([
    ['back by a day', -DAY],
    ['back by a year', -365 * DAY],
    ['back by a minute', -60_000],
  ])('G4: with the clock set %s is over no later than its time after the restart', async (_, ms) => {
    const { process, taskId } = await asking();
    await world.clock.advance(30_000);
    process.kill();
    jump(ms);
    const { tasks } = await world.started();
    await world.clock.advance(61_000);
    expect(await tasks.get(taskId, me)).toMatchObject({ status: 'failed', failure: { code: 'input_timeout' } });
  });

  it('G4: that is shown takes an answer, which counts: whatever the clock says', async () => {
    const { process, taskId } = await asking();
    process.kill();
    jump(-DAY);
    const { tasks } = await world.started();
    await world.clock.advance(1000);
    expect(await tasks.respond(taskId, me, 'in-1', ANSWER)).toBe('accepted');
    expect(await endOf(tasks, taskId)).toBe('completed');
  });
});

describe('G12: an answer after the ttl of the task', () => {
  it.each([1, 5000, 25_000])('is not taken %i ms after it', async (late) => {
    world.define(ASKING.replace('timeout_seconds: 60, ', ''));
    const process = await world.started();
    const { taskId } = await process.tasks.create({ workflow: 'w', arguments: {}, principal: me, ttl: 33_000 });
    await world.clock.advance(33_000 + late);
    const verdict = await process.tasks.respond(taskId, me, 'in-1', ANSWER).catch(() => 'refused');
    expect(verdict).not.toBe('accepted');
    await world.clock.advance(31_000);
    const entries = await process.tasks.journal(taskId, me).catch(() => []);
    expect(entries.filter(({ type }) => type === 'input_answered')).toEqual([]);
  });

  it('is taken when only the clock was set beyond it', async () => {
    world.define(ASKING.replace('timeout_seconds: 60, ', ''));
    const process = await world.started();
    const { taskId } = await process.tasks.create({ workflow: 'w', arguments: {}, principal: me, ttl: 33_000 });
    await world.clock.advance(1000);
    jump(DAY);
    expect(await process.tasks.respond(taskId, me, 'in-1', ANSWER)).toBe('accepted');
    expect(await endOf(process.tasks, taskId)).toBe('completed');
  });
});
