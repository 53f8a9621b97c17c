import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WorkflowWorld } from '../../support/workflow-world.ts';

const me = 'local';

let world: WorkflowWorld;
beforeEach(() => {
  world = new WorkflowWorld();
});
afterEach(() => world.dispose());

describe('the journal of a clean-up', () => {
  it('is in the order of its times, also after the clock was set back (D10, D11)', async () => {
    world.define(
      'name: w\nsteps: [{ id: a, server: s, action: a, compensate: { id: u, server: s, action: u } }, { id: nap, type: wait, seconds: 600 }]\n',
    );
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await world.clock.advance(1000);
    world.clock.setWall(world.clock.now() - 3_600_000);
    await tasks.cancel(taskId, me);
    await world.clock.during(tasks.cleanedUp(taskId, me, new AbortController().signal));
    const times = (await tasks.journal(taskId, me)).map(({ at }) => at);
    expect(world.callsOf('u')).toBe(1);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
  });
});
