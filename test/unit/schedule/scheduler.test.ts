import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Schedule } from '../../../src/definition/model.ts';
import { IN_TIME_MS } from '../../../src/schedule/decide.ts';
import { ScheduleMetrics } from '../../../src/schedule/metrics.ts';
import { GIVE_UP_MS } from '../../../src/schedule/driver.ts';
import { MemoryTaskStore } from '../../../src/store/memory-task-store.ts';
import { TaskError } from '../../../src/tasks/task.ts';
import { StoreError } from '../../../src/store/task-store.ts';
import { FailingStore, ScheduledDefinitions, ScheduleWorld, TEST_NAP_MS } from '../../support/schedule-world.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let world: ScheduleWorld;
beforeEach(() => {
  world = new ScheduleWorld();
});
afterEach(() => world.close());

const hourly = (more: Partial<Schedule> = {}): Schedule => ({ ...more, type: 'cron', expression: '0 * * * *' });

describe('occurrences become tasks', () => {
  it('each once, at its time, as a task of local with the time as key, schedule.time and input', async () => {
    world.definitions.set('report', hourly({ input: { depth: 2 } }));
    await world.serve();
    await world.until('2026-01-01T02:30Z');
    expect(world.tasks.times('report')).toEqual(['2026-01-01T01:00Z', '2026-01-01T02:00Z']);
    expect(world.tasks.begun[0]?.request).toEqual({
      workflow: 'report',
      arguments: { depth: 2 },
      principal: 'local',
      idempotencyKey: 'schedule:2026-01-01T01:00:00.000Z',
      scheduleTime: '2026-01-01T01:00:00.000Z',
      // Nobody is there who could lend a model.
      samples: false,
    });
    expect(world.tasks.begun.map((task) => task.at)).toEqual([
      Date.parse('2026-01-01T01:00Z'),
      Date.parse('2026-01-01T02:00Z'),
    ]);
    expect(world.tasks.repeats).toBe(0);
  });

  it('an interval goes on at the same times after a restart', async () => {
    world.definitions.set('poll', { type: 'interval', seconds: 900 });
    const first = await world.serve();
    await world.until('2026-01-01T00:20Z');
    await world.down(first, '2026-01-01T00:21Z');
    await world.serve();
    await world.until('2026-01-01T00:46Z');
    expect(world.tasks.times('poll')).toEqual(['2026-01-01T00:15Z', '2026-01-01T00:30Z', '2026-01-01T00:45Z']);
  });

  it('a once that is over before the schedule is first seen never begins, and harms nothing', async () => {
    world.definitions.set('past', { type: 'once', at: '2025-02-04T14:30:00Z', catch_up: 'all' });
    world.definitions.set('report', hourly());
    await world.serve();
    await world.until('2026-01-01T01:30Z');
    expect(world.tasks.times('past')).toEqual([]);
    expect(world.tasks.times('report')).toHaveLength(1);
    expect((await world.desk().list()).map(({ workflow, state }) => `${workflow} ${state}`)).toEqual([
      'past ended',
      'report active',
    ]);
  });

  it('a once begins once, whatever happens afterwards', async () => {
    world.definitions.set('launch', { type: 'once', at: '2026-01-01T06:00:00Z', catch_up: 'all' });
    const first = await world.serve();
    await world.until('2026-01-01T07:00Z');
    await world.down(first, '2026-01-02T00:00Z');
    await world.serve();
    world.clock.setWall(Date.parse('2026-01-01T05:00Z'));
    await world.clock.advance(2 * DAY);
    expect(world.tasks.times('launch')).toEqual(['2026-01-01T06:00Z']);
    expect((await world.desk().list())[0]).toMatchObject({ state: 'ended', last: { taskId: 'task-1' } });
  });

  it('one that comes in years needs no timer longer than a nap', async () => {
    world.definitions.set('leap', { type: 'cron', expression: '0 0 29 2 *' });
    await world.serve({ napMs: 6 * HOUR });
    await world.until('2028-02-28T23:59Z');
    expect(world.tasks.begun).toEqual([]);
    await world.until('2028-02-29T00:00Z');
    expect(world.tasks.times('leap')).toEqual(['2028-02-29T00:00Z']);
  });

  it('never begins before its time by the wall clock, even when the clock is set back while it waits', async () => {
    world.definitions.set('report', hourly());
    await world.serve();
    await world.until('2026-01-01T00:59:58Z');
    world.clock.setWall(Date.parse('2026-01-01T00:30Z'));
    await world.clock.advance(29 * 60_000);
    expect(world.tasks.begun).toEqual([]);
    await world.clock.advance(60_000);
    expect(world.tasks.times('report')).toEqual(['2026-01-01T01:00Z']);
  });

  it('jitter delays each by its own amount, and the occurrence keeps its time', async () => {
    for (let index = 0; index < 20; index += 1) world.definitions.set(`w${index}`, hourly({ jitter_seconds: 600 }));
    await world.serve();
    await world.until('2026-01-01T01:15Z');
    const starts = world.tasks.begun.map(({ at }) => at - Date.parse('2026-01-01T01:00Z'));
    expect(starts).toHaveLength(20);
    expect(new Set(starts).size).toBeGreaterThan(15);
    expect(Math.min(...starts)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...starts)).toBeLessThan(600_000);
    expect(new Set(world.tasks.begun.map(({ request }) => request.scheduleTime))).toEqual(
      new Set(['2026-01-01T01:00:00.000Z']),
    );
  });
});

describe('overlap', () => {
  const overlapping = (overlap: Schedule['overlap']): Schedule => hourly(overlap === undefined ? {} : { overlap });
  beforeEach(() => world.tasks.durations.set('long', 2.5 * HOUR));

  it.each([undefined, 'skip' as const])(
    '%s: passes over what comes while an earlier one runs, and says so',
    async (overlap) => {
      world.definitions.set('long', overlapping(overlap));
      await world.serve();
      await world.until('2026-01-01T05:30Z');
      expect(world.tasks.times('long')).toEqual(['2026-01-01T01:00Z', '2026-01-01T04:00Z']);
      const [view] = await world.desk().list();
      expect(view?.missed).toMatchObject({
        time: Date.parse('2026-01-01T05:00Z'),
        reason: 'an earlier occurrence was still running',
      });
    },
  );

  it('queue: runs all of them, one after another', async () => {
    world.definitions.set('long', overlapping('queue'));
    await world.serve();
    await world.until('2026-01-01T03:20Z');
    expect(world.tasks.times('long')).toEqual(['2026-01-01T01:00Z']);
    expect((await world.desk().list())[0]).toMatchObject({ running: 1, waiting: 2 });
    await world.until('2026-01-01T08:40Z');
    expect(world.tasks.times('long')).toEqual([
      '2026-01-01T01:00Z',
      '2026-01-01T02:00Z',
      '2026-01-01T03:00Z',
      '2026-01-01T04:00Z',
    ]);
    expect(world.tasks.begun[1]?.at).toBeGreaterThanOrEqual(Date.parse('2026-01-01T03:30Z'));
    expect(world.tasks.begun[1]?.at).toBeLessThanOrEqual(Date.parse('2026-01-01T03:30Z') + TEST_NAP_MS);
  });

  it('queue: the end of a task lets the next one begin at once', async () => {
    world.definitions.set('long', overlapping('queue'));
    await world.serve();
    await world.until('2026-01-01T02:10:01Z');
    const [first] = world.tasks.begun;
    if (first === undefined) throw new Error('nothing began');
    world.tasks.finish(first);
    await world.clock.advance(0);
    expect(world.tasks.times('long')).toEqual(['2026-01-01T01:00Z', '2026-01-01T02:00Z']);
    expect(world.tasks.begun[1]?.at).toBe(Date.parse('2026-01-01T02:10:01Z'));
  });

  it('allow: runs them beside each other', async () => {
    world.definitions.set('long', overlapping('allow'));
    await world.serve();
    await world.until('2026-01-01T03:30Z');
    expect(world.tasks.times('long')).toEqual(['2026-01-01T01:00Z', '2026-01-01T02:00Z', '2026-01-01T03:00Z']);
    expect(world.tasks.begun.every((task) => !task.cancelled)).toBe(true);
  });

  it('cancel_previous: the new one takes the place of the old one', async () => {
    world.definitions.set('long', overlapping('cancel_previous'));
    await world.serve();
    await world.until('2026-01-01T03:30Z');
    expect(world.tasks.times('long')).toEqual(['2026-01-01T01:00Z', '2026-01-01T02:00Z', '2026-01-01T03:00Z']);
    expect(world.tasks.begun.map((task) => task.cancelled)).toEqual([true, true, false]);
  });

  it('a run that an operator has started by hand counts as an earlier one', async () => {
    world.definitions.set('long', overlapping('skip'));
    await world.serve();
    await world.until('2026-01-01T00:30Z');
    await world.desk().runNow('long');
    await world.until('2026-01-01T02:30Z');
    expect(world.tasks.times('long')).toEqual(['2026-01-01T00:30Z']);
  });
});

describe('what comes while no server runs', () => {
  async function downFrom0130To0545(more: Partial<Schedule>): Promise<string[]> {
    world.definitions.set('report', hourly(more));
    const first = await world.serve();
    await world.until('2026-01-01T01:30Z');
    await world.down(first, '2026-01-01T05:45Z');
    await world.serve();
    await world.until('2026-01-01T06:15Z');
    return world.tasks.times('report');
  }

  it('is passed over by default, and the newest is named', async () => {
    expect(await downFrom0130To0545({})).toEqual(['2026-01-01T01:00Z', '2026-01-01T06:00Z']);
    expect((await world.desk().list())[0]?.missed).toMatchObject({ time: Date.parse('2026-01-01T05:00Z') });
  });

  it('latest: the newest is made up for', async () => {
    expect(await downFrom0130To0545({ catch_up: 'latest' })).toEqual([
      '2026-01-01T01:00Z',
      '2026-01-01T05:00Z',
      '2026-01-01T06:00Z',
    ]);
  });

  it('latest: not when it is outside the window', async () => {
    expect(await downFrom0130To0545({ catch_up: 'latest', catch_up_window_seconds: 1800 })).toEqual([
      '2026-01-01T01:00Z',
      '2026-01-01T06:00Z',
    ]);
  });

  it.each(['skip', 'queue', 'allow'] as const)('all, with overlap %s: every one, oldest first', async (overlap) => {
    expect(await downFrom0130To0545({ catch_up: 'all', overlap })).toEqual([
      '2026-01-01T01:00Z',
      '2026-01-01T02:00Z',
      '2026-01-01T03:00Z',
      '2026-01-01T04:00Z',
      '2026-01-01T05:00Z',
      '2026-01-01T06:00Z',
    ]);
    const apart = world.tasks.begun.slice(1, 5).map((task, index) => task.at - (world.tasks.begun[index]?.at ?? 0));
    expect(apart.slice(1).every((ms) => (overlap === 'allow' ? ms === 0 : ms >= 1000))).toBe(true);
  });

  it('all, with cancel_previous: only the newest, because each would end the one before', async () => {
    expect(await downFrom0130To0545({ catch_up: 'all', overlap: 'cancel_previous' })).toEqual([
      '2026-01-01T01:00Z',
      '2026-01-01T05:00Z',
      '2026-01-01T06:00Z',
    ]);
    expect(world.tasks.begun.some((task) => task.cancelled)).toBe(false);
  });

  it('all: those in the window', async () => {
    const catchUp = { catch_up: 'all', catch_up_window_seconds: 2 * 3600 } as const;
    expect(await downFrom0130To0545(catchUp)).toEqual([
      '2026-01-01T01:00Z',
      '2026-01-01T04:00Z',
      '2026-01-01T05:00Z',
      '2026-01-01T06:00Z',
    ]);
    expect((await world.desk().list())[0]?.missed?.time).toBe(Date.parse('2026-01-01T03:00Z'));
  });

  it.each(['skip', 'queue'] as const)(
    'all, with overlap %s: every one also after a short downtime, one after another, and the window holds to the second',
    async (overlap) => {
      const often = { type: 'interval', seconds: 5, overlap, catch_up: 'all' } as const;
      world.definitions.set('every', often);
      world.definitions.set('window', { ...often, catch_up_window_seconds: 12 });
      world.definitions.set('none', { ...often, catch_up: 'none' });
      const first = await world.serve();
      await world.until('2026-01-01T00:00:06Z');
      await world.down(first, '2026-01-01T00:00:33Z');
      await world.serve();
      await world.until('2026-01-01T00:02:00Z');
      const secondsOf = (workflow: string): readonly (string | undefined)[] =>
        world.tasks.begun
          .filter(({ request }) => request.workflow === workflow)
          .map(({ request }) => request.scheduleTime?.slice(17, 19))
          .slice(0, 7);
      expect(secondsOf('every')).toEqual(['05', '10', '15', '20', '25', '30', '35']);
      expect(secondsOf('window').slice(0, 4)).toEqual(['05', '25', '30', '35']);
      expect(secondsOf('none').slice(0, 3)).toEqual(['05', '30', '35']);
    },
  );

  it('a short restart misses nothing, even without catch-up', async () => {
    world.definitions.set('report', hourly());
    const first = await world.serve();
    await world.until('2026-01-01T00:59:50Z');
    await world.down(first, '2026-01-01T01:00:50Z');
    await world.serve();
    expect(world.tasks.times('report')).toEqual(['2026-01-01T01:00Z']);
    expect(IN_TIME_MS).toBeGreaterThanOrEqual(50_000);
  });

  it('a machine that slept is noticed within a nap, and the policy holds', async () => {
    world.definitions.set('none', hourly());
    world.definitions.set('latest', hourly({ catch_up: 'latest' }));
    world.definitions.set('all', hourly({ catch_up: 'all', overlap: 'allow' }));
    await world.serve();
    await world.until('2026-01-01T00:10Z');
    // Asleep: the wall clock goes on, timers do not.
    world.clock.setWall(Date.parse('2026-01-01T04:30Z'));
    await world.clock.advance(TEST_NAP_MS);
    expect(world.tasks.times('none')).toEqual([]);
    expect(world.tasks.times('latest')).toEqual(['2026-01-01T04:00Z']);
    expect(world.tasks.times('all')).toHaveLength(4);
    await world.until('2026-01-01T05:00:00Z');
    expect(world.tasks.times('none')).toEqual(['2026-01-01T05:00Z']);
  });
});

describe('clocks that are set', () => {
  it('back by hours: nothing is repeated, and it goes on when the time comes again', async () => {
    world.definitions.set('report', hourly());
    await world.serve();
    await world.until('2026-01-01T06:30Z');
    world.clock.setWall(Date.parse('2026-01-01T02:30Z'));
    await world.until('2026-01-01T07:30Z');
    expect(world.tasks.times('report')).toEqual([1, 2, 3, 4, 5, 6, 7].map((hour) => `2026-01-01T0${hour}:00Z`));
    expect(world.tasks.repeats).toBe(0);
  });

  it('back by a year: it was wrong before, so it goes on from now', async () => {
    world.definitions.set('report', hourly());
    world.clock.setWall(Date.parse('2027-01-01T00:00Z'));
    await world.serve();
    await world.until('2027-01-01T01:30Z');
    world.clock.setWall(Date.parse('2026-01-01T00:30Z'));
    await world.clock.advance(HOUR);
    expect(world.tasks.times('report')).toEqual(['2027-01-01T01:00Z', '2026-01-01T01:00Z']);
  });

  it('forward by a year and back again: no occurrence twice', async () => {
    world.definitions.set('report', hourly({ catch_up: 'latest' }));
    await world.serve();
    await world.until('2026-01-01T00:30Z');
    world.clock.setWall(Date.parse('2026-12-31T00:30Z'));
    await world.clock.advance(TEST_NAP_MS);
    world.clock.setWall(Date.parse('2026-01-01T00:31Z'));
    await world.clock.advance(2 * HOUR);
    expect(world.tasks.times('report')).toEqual(['2026-12-31T00:00Z', '2026-01-01T01:00Z', '2026-01-01T02:00Z']);
  });
});

describe('definitions that change', () => {
  it('another rule counts from now: nothing is made up for, and the old times do not come', async () => {
    world.definitions.set('report', hourly({ catch_up: 'all' }));
    await world.serve();
    await world.until('2026-01-01T01:10Z');
    world.definitions.set('report', { type: 'cron', expression: '5,30 * * * *', catch_up: 'all' });
    await world.until('2026-01-01T02:10Z');
    expect(world.tasks.times('report')).toEqual(['2026-01-01T01:00Z', '2026-01-01T01:30Z', '2026-01-01T02:05Z']);
  });

  it('another rule that names a time again does not run it again', async () => {
    world.definitions.set('report', hourly());
    const first = await world.serve();
    await world.until('2026-01-01T01:00Z');
    world.definitions.set('report', { type: 'cron', expression: '0,30 * * * *' });
    await world.down(first, '2026-01-01T01:10Z');
    await world.serve();
    await world.until('2026-01-01T01:35Z');
    expect(world.tasks.times('report')).toEqual(['2026-01-01T01:00Z', '2026-01-01T01:30Z']);
  });

  it('another policy keeps the plan', async () => {
    world.definitions.set('report', hourly({ catch_up: 'none' }));
    const first = await world.serve();
    await world.down(first, '2026-01-01T03:10Z');
    world.definitions.set('report', hourly({ catch_up: 'latest' }));
    await world.serve();
    expect(world.tasks.times('report')).toEqual(['2026-01-01T03:00Z']);
  });

  it('a schedule that is taken away begins nothing any more; one that is added does', async () => {
    world.definitions.set('gone', hourly());
    await world.serve();
    await world.until('2026-01-01T00:30Z');
    world.definitions.set('gone');
    world.definitions.set('added', hourly());
    await world.until('2026-01-01T01:30Z');
    expect(world.tasks.times('gone')).toEqual([]);
    expect(world.tasks.times('added')).toEqual(['2026-01-01T01:00Z']);
  });

  it('one that cannot be read leaves the others alone', async () => {
    world.definitions.set('broken', { type: 'cron', expression: 'now and then' });
    world.definitions.set('report', hourly());
    await world.serve();
    await world.until('2026-01-01T01:30Z');
    expect(world.tasks.times('report')).toEqual(['2026-01-01T01:00Z']);
  });
});

describe('pause and resume, from another process', () => {
  it('nothing begins while paused, also after a restart, and what came meanwhile is passed over', async () => {
    world.definitions.set('report', hourly({ catch_up: 'all' }));
    const first = await world.serve();
    await world.until('2026-01-01T00:30Z');
    expect(await world.desk().pause('report')).toMatchObject({ state: 'paused' });
    await world.until('2026-01-01T02:30Z');
    await world.down(first, '2026-01-01T03:30Z');
    await world.serve();
    await world.until('2026-01-01T04:30Z');
    expect(world.tasks.begun).toEqual([]);
    expect(await world.desk().resume('report')).toMatchObject({ state: 'active' });
    await world.until('2026-01-01T05:00Z');
    expect(world.tasks.times('report')).toEqual(['2026-01-01T05:00Z']);
  });

  it('a schedule that no server has seen can be paused', async () => {
    world.definitions.set('report', hourly());
    await world.desk().pause('report');
    await world.serve();
    await world.until('2026-01-01T03:00Z');
    expect(world.tasks.begun).toEqual([]);
  });

  it('run-now runs it also when it is paused', async () => {
    world.definitions.set('report', hourly({ input: { a: 1 } }));
    await world.desk().pause('report');
    const view = await world.desk().runNow('report');
    expect(world.tasks.begun).toMatchObject([{ taskId: view.taskId, request: { arguments: { a: 1 } } }]);
  });

  it('names what is near when there is no such schedule', async () => {
    world.definitions.set('report', hourly());
    world.definitions.set('plain');
    await expect(world.desk().pause('reprot')).rejects.toThrow("there is no workflow 'reprot'; did you mean 'report'?");
    await expect(world.desk().runNow('plain')).rejects.toThrow("the workflow 'plain' has no schedule");
  });
});

describe('crashes, failures and other servers (S3, S5)', () => {
  it('a crash after the task was made and before that was written: the next server finds the same task', async () => {
    const store = new FailingStore(world.data);
    world.definitions.set('report', hourly());
    const first = await world.serve({ store });
    world.tasks.afterCreate = () => {
      store.failure = new StoreError('io', 'the process is dead');
    };
    await world.until('2026-01-01T01:00Z');
    expect(world.tasks.times('report')).toEqual(['2026-01-01T01:00Z']);
    world.tasks.afterCreate = undefined;
    await world.down(first, '2026-01-01T01:00:30Z');
    await world.serve();
    await world.until('2026-01-01T02:30Z');
    expect(world.tasks.times('report')).toEqual(['2026-01-01T01:00Z', '2026-01-01T02:00Z']);
    expect(world.tasks.repeats).toBe(1);
  });

  it('a crash between the decision and the task: the next server begins it', async () => {
    const store = new FailingStore(world.data);
    world.definitions.set('report', hourly());
    const first = await world.serve({ store });
    world.tasks.refuse = () => {
      store.failure = new StoreError('io', 'the process is dead');
      return new TaskError('store_unavailable', 'the process is dead');
    };
    await world.until('2026-01-01T01:00Z');
    expect(world.tasks.begun).toEqual([]);
    world.tasks.refuse = undefined;
    await world.down(first, '2026-01-01T01:30Z');
    await world.serve();
    expect(world.tasks.times('report')).toEqual(['2026-01-01T01:00Z']);
  });

  describe.each(['skip', 'queue', 'allow', 'cancel_previous'] as const)(
    'a crash at any write, overlap %s',
    (overlap) => {
      const deaths = Array.from({ length: 9 }, (_, index) =>
        [false, true].map((made) => ({ commit: index + 1, made })),
      );
      it.each(deaths.flat())('write $commit, made: $made', async (diesAt) => {
        const store = new FailingStore(world.data);
        store.diesAt = diesAt;
        world.definitions.set('report', hourly({ overlap, catch_up: 'all' }));
        const first = await world.serve({ store });
        await world.until('2026-01-01T04:30Z');
        // Dead since the crash: what it would have done meanwhile was done by nobody.
        expect(store.failure).toBeDefined();
        const born = [...world.data.keys].some((key) => key.startsWith('sched:'));
        await world.down(first, '2026-01-01T04:31Z');
        await world.serve();
        await world.until('2026-01-01T06:30Z');
        const times = world.tasks.times('report');
        const missable = overlap === 'cancel_previous' || !born;
        const hours = [1, 2, 3, 4, 5, 6].map((hour) => `2026-01-01T0${hour}:00Z`);
        expect(new Set(times).size).toBe(times.length);
        expect(hours.filter((hour) => times.includes(hour))).toEqual(times);
        if (!missable) expect(times).toEqual(hours);
        else expect(times.slice(-2)).toEqual(hours.slice(-2));
      });
    },
  );

  it('two servers on one data folder: every occurrence becomes one task, also when one of them dies', async () => {
    world.definitions.set('skip', hourly());
    world.definitions.set('queue', hourly({ overlap: 'queue' }));
    world.definitions.set('allow', hourly({ overlap: 'allow' }));
    world.tasks.durations.set('queue', 90 * 60_000);
    const first = await world.serve();
    await world.serve();
    await world.until('2026-01-01T03:30Z');
    await first.close();
    await world.until('2026-01-01T06:30Z');
    const hours = [1, 2, 3, 4, 5, 6].map((hour) => `2026-01-01T0${hour}:00Z`);
    expect(world.tasks.times('skip')).toEqual(hours);
    expect(world.tasks.times('allow')).toEqual(hours);
    expect(world.tasks.times('queue')).toEqual(hours.slice(0, 4));
  });

  it('two servers with different rules: the one that was loaded last holds, until a definition changes again (S6)', async () => {
    const old = new ScheduledDefinitions();
    old.set('report', { type: 'cron', expression: '15 * * * *' });
    world.definitions.set('report', { type: 'cron', expression: '45 * * * *' });
    await world.serve({ definitions: old });
    await world.until('2026-01-01T00:05Z');
    await world.serve();
    await world.until('2026-01-01T02:00Z');
    expect(world.tasks.times('report')).toEqual(['2026-01-01T00:45Z', '2026-01-01T01:45Z']);
    expect((await world.desk(old).list())[0]).toMatchObject({ state: 'changed' });
    old.set('report', { type: 'cron', expression: '30 * * * *' });
    await world.until('2026-01-01T03:00Z');
    expect(world.tasks.times('report').slice(2)).toEqual(['2026-01-01T02:30Z']);
  });

  it('a store that cannot be written: nothing is lost, and the occurrence begins when it can', async () => {
    const store = new FailingStore(world.data);
    world.definitions.set('report', hourly());
    world.definitions.set('late', { type: 'cron', expression: '2 1 * * *' });
    await world.serve({ store });
    await world.until('2026-01-01T00:59Z');
    store.failure = new StoreError('full', 'no space');
    await world.until('2026-01-01T01:00:30Z');
    expect(world.tasks.begun).toEqual([]);
    store.failure = undefined;
    await world.until('2026-01-01T01:03Z');
    expect(world.tasks.times('report')).toEqual(['2026-01-01T01:00Z']);
    expect(world.tasks.times('late')).toEqual(['2026-01-01T01:02Z']);
  });

  it('a task that is refused for good is named as missed, and the schedule goes on', async () => {
    world.definitions.set('report', hourly());
    let refusals = 0;
    world.tasks.refuse = () => {
      refusals += 1;
      return refusals > 1 ? undefined : new TaskError('invalid_arguments', 'arguments/depth: a number is expected');
    };
    await world.serve();
    await world.until('2026-01-01T01:30Z');
    expect(refusals).toBe(1);
    expect((await world.desk().list())[0]?.missed?.reason).toBe('arguments/depth: a number is expected');
    await world.until('2026-01-01T02:30Z');
    expect(world.tasks.times('report')).toEqual(['2026-01-01T02:00Z']);
  });

  it('a task that is refused for a passing reason is tried again for ten minutes', async () => {
    world.definitions.set('report', hourly());
    let refused = true;
    world.tasks.refuse = () => (refused ? new TaskError('limit_exceeded', 'too many tasks') : undefined);
    await world.serve();
    await world.until('2026-01-01T01:05Z');
    refused = false;
    await world.until('2026-01-01T01:07Z');
    expect(world.tasks.times('report')).toEqual(['2026-01-01T01:00Z']);
    refused = true;
    await world.clock.advance(HOUR + GIVE_UP_MS);
    refused = false;
    await world.until('2026-01-01T03:30Z');
    expect(world.tasks.times('report')).toEqual(['2026-01-01T01:00Z', '2026-01-01T03:00Z']);
  });

  it('a damaged row is reported and begins nothing until it is resumed; the others go on (D14)', async () => {
    world.definitions.set('report', hourly());
    world.definitions.set('other', hourly());
    const first = await world.serve();
    await world.down(first, '2026-01-01T00:30Z');
    const text = world.data.texts.get('sched:report') ?? '';
    world.data.setText('sched:report', `${text.slice(0, -3)}#${text.slice(-2)}`);
    await world.serve();
    await world.until('2026-01-01T02:30Z');
    expect(world.tasks.times('report')).toEqual([]);
    expect(world.tasks.times('other')).toHaveLength(2);
    expect((await world.desk().list()).map(({ state }) => state)).toEqual(['active', 'damaged']);
    await world.desk().resume('report');
    await world.until('2026-01-01T03:30Z');
    expect(world.tasks.times('report')).toEqual(['2026-01-01T03:00Z']);
  });

  it('after close nothing begins', async () => {
    world.definitions.set('report', hourly());
    const server = await world.serve();
    await server.close();
    await world.until('2026-01-01T05:00Z');
    expect(world.tasks.begun).toEqual([]);
    expect(world.clock.sleeping).toBe(0);
  });

  it('the list of many schedules is complete', async () => {
    for (let index = 0; index < 1203; index += 1) world.definitions.set(`w${String(index).padStart(4, '0')}`, hourly());
    await world.serve();
    await world.clock.advance(TEST_NAP_MS);
    const views = await world.desk().list();
    expect(views).toHaveLength(1203);
    expect(views.every((view) => view.state === 'active')).toBe(true);
    expect(new MemoryTaskStore(world.data).data.keys.filter((key) => key.startsWith('sched:'))).toHaveLength(1203);
  });
});

describe('metrics', () => {
  it('count what this process planned, began late by how much, and passed over', async () => {
    const metrics = new ScheduleMetrics();
    world.definitions.set('report', hourly());
    const scheduler = await world.serve({ metrics });
    const value = (name: string): number =>
      Number(new RegExp(`^mcp_workflow_${name} (.*)$`, 'mu').exec(metrics.text(scheduler.planned))?.[1]);
    expect(value('schedules')).toBe(1);
    expect(value('schedule_begun_total')).toBe(0);
    await world.until('2026-01-01T02:30Z');
    expect(value('schedule_begun_total')).toBe(2);
    expect(value('schedule_misses_total')).toBe(0);
    expect(value('schedule_delay_seconds_total')).toBeLessThan(1);
    await world.down(scheduler, '2026-01-01T05:30Z');
    const second = new ScheduleMetrics();
    const again = await world.serve({ metrics: second });
    await world.until('2026-01-01T05:31Z');
    expect(second.text(again.planned)).toContain('\nmcp_workflow_schedule_misses_total 1\n');
    expect(metrics.text(0)).toContain('\nmcp_workflow_schedule_misses_total 0\n');
  });
});
