import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Schedules, ScheduleView } from '../../../src/schedule/schedules.ts';
import { ScheduleWorld } from '../../support/schedule-world.ts';

let world: ScheduleWorld;
beforeEach(() => {
  world = new ScheduleWorld();
});
afterEach(() => world.close());

const ACTS: { readonly [what: string]: (desk: Schedules) => Promise<ScheduleView> } = {
  pause: (desk) => desk.pause('report'),
  'pause of one that is paused': async (desk) => {
    await desk.pause('report');
    return desk.pause('report');
  },
  resume: async (desk) => {
    await desk.pause('report');
    return desk.resume('report');
  },
  'resume of one that runs': (desk) => desk.resume('report'),
};

describe.each(Object.keys(ACTS))('H7: %s', (what) => {
  const act = (desk: Schedules): Promise<ScheduleView> => ACTS[what]?.(desk) ?? desk.pause('report');

  it('H7: tells how many tasks run now, not how many did when the schedule was last looked at', async () => {
    world.definitions.set('report', { type: 'cron', expression: '0 * * * *', overlap: 'queue' });
    const desk = world.desk();
    await desk.runNow('report');
    await desk.runNow('report');
    await world.clock.advance(5000);
    const [listed] = await desk.list();
    expect(listed?.running).toBe(0);
    expect((await act(desk)).running).toBe(0);
  });

  it('H7: counts those that do run', async () => {
    world.definitions.set('report', { type: 'cron', expression: '0 * * * *', overlap: 'queue' });
    world.tasks.durations.set('report', 3_600_000);
    const desk = world.desk();
    await desk.runNow('report');
    await world.clock.advance(5000);
    expect((await act(desk)).running).toBe(1);
  });
});
