import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { text, toolError } from '../../support/engine-world.ts';
import { ended } from '../../support/task-world.ts';
import type { ProcessOptions } from '../../support/task-world.ts';
import { WorkflowWorld } from '../../support/workflow-world.ts';

const me = 'local';
const DAY = 86_400_000;

let world: WorkflowWorld;
beforeEach(() => {
  world = new WorkflowWorld();
});
afterEach(() => world.dispose());

/** When the task of a workflow is over; `null` = never. */
async function endOf(options: ProcessOptions, ttl: number | null | undefined): Promise<(workflow: string) => number> {
  world.define('name: top\nsteps: [{ id: s, type: workflow, workflow: middle }]\n');
  world.define('name: middle\nsteps: [{ id: s, type: workflow, workflow: bottom }]\n');
  world.define('name: bottom\nsteps: [{ id: s, server: s, action: a }, { id: nap, type: wait, seconds: 60 }]\n');
  const { tasks } = await world.started(options);
  await world.clock.advance(1000);
  await tasks.create({ workflow: 'top', arguments: {}, principal: me, ...(ttl !== undefined && { ttl }) });
  await world.clock.advance(1000);
  const list = await tasks.list({ principal: me });
  const ends = new Map(list.tasks.map(({ workflow, createdAt, ttl: lives }) => [workflow, endAt(createdAt, lives)]));
  expect([...ends.keys()].toSorted()).toEqual(['bottom', 'middle', 'top']);
  return (workflow) => ends.get(workflow) ?? 0;
}

function endAt(createdAt: number, ttl: number | null): number {
  return ttl === null ? Number.POSITIVE_INFINITY : createdAt + ttl;
}

describe('G2: a child', () => {
  it.each<[string, ProcessOptions, number | null | undefined]>([
    ['the longest ttl that a caller gets', {}, 30 * DAY],
    ['more than the default', {}, 8 * DAY],
    ['more than a short default', { limits: { ttlDefault: 3_600_000 } }, 7_200_000],
    ['no end', { limits: { ttlMax: null } }, null],
    ['the default, as the parent', {}, undefined],
  ])('G2: lives at least as long as its parent, also a grandchild: %s', async (_, options, ttl) => {
    const end = await endOf(options, ttl);
    expect(end('middle')).toBeGreaterThanOrEqual(end('top'));
    expect(end('bottom')).toBeGreaterThanOrEqual(end('top'));
  });

  it('G2: that waits beyond the default ttl ends as it should, and so does its parent', async () => {
    world.define('name: top\nsteps: [{ id: s, type: workflow, workflow: slow }]\n');
    world.define(
      `name: slow\nsteps: [{ id: s, server: s, action: a, idempotent: false }, { id: nap, type: wait, seconds: 5400 }]\n`,
    );
    const { tasks } = await world.started({ limits: { ttlDefault: 3_600_000 } });
    const { taskId } = await tasks.create({ workflow: 'top', arguments: {}, principal: me, ttl: 7_200_000 });
    await world.clock.advance(6_000_000);
    expect(await tasks.get(taskId, me)).toMatchObject({ status: 'completed' });
    expect(world.callsOf('a')).toBe(1);
  });

  it('G2: that failed with its parent is there when the parent is resumed later, and no finished step of it is called again', async () => {
    world.define('name: top\nsteps: [{ id: s, type: workflow, workflow: breaks }]\n');
    world.define('name: breaks\nsteps: [{ id: s, server: s, action: a }, { id: g, server: s, action: bad }]\n');
    world.downstream.tools['bad'] = (_args, _context, call) => (call === 1 ? toolError('no') : text('yes'));
    const { tasks } = await world.started({ limits: { ttlDefault: 3_600_000 } });
    const { taskId } = await tasks.create({ workflow: 'top', arguments: {}, principal: me, ttl: 20 * DAY });
    expect(await world.clock.during(ended(tasks, taskId))).toMatchObject({ status: 'failed' });
    await world.clock.advance(7_200_000);
    const { view } = await tasks.resume(taskId, me);
    expect(await world.clock.during(ended(tasks, view.taskId))).toMatchObject({ status: 'completed' });
    expect([world.callsOf('a'), world.callsOf('bad')]).toEqual([1, 2]);
  });

  it('G2: whose time is over all the same fails its step by a code of its own, not by internal_error', async () => {
    world.define('name: top\nsteps: [{ id: s, type: workflow, workflow: slow }]\n');
    world.define('name: slow\nsteps: [{ id: nap, type: wait, seconds: 100000 }]\n');
    const { tasks } = await world.started({ limits: { ttlDefault: 3_600_000, ttlMax: 3_600_000 } });
    const { taskId } = await tasks.create({ workflow: 'top', arguments: {}, principal: me });
    await world.clock.advance(3_500_000);
    const end = ended(tasks, taskId);
    const view = await world.clock.during(end);
    expect(view).toMatchObject({ status: 'failed', failure: { code: 'limit_exceeded' } });
  });
});
