import { describe, expect, it } from 'vitest';
import { explain } from '../../../src/cli/tasks-get.ts';
import { taskReport } from '../../../src/cli/report.ts';
import { isoTime } from '../../../src/core/clock.ts';
import { taskObject } from '../../../src/protocol/task-object.ts';
import { scheduleObject } from '../../../src/schedule/schedules.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { taskView } from '../../support/task-view.ts';

/** The last millisecond that a date can be, and what lies beyond it. */
const LAST = 8.64e15;
const BEYOND = [LAST + 1, 1e16, -LAST - 1, Number.MAX_VALUE, Infinity, -Infinity, NaN];

describe('showing a time', () => {
  it.each(BEYOND)('A2: never throws, however far it is: %d', (time) => {
    expect(isoTime(time)).toMatch(/\S/u);
  });

  it.each([0, 1_700_000_000_123, LAST, -LAST])('A2: is what it was for every time that is one: %d', (time) => {
    expect(isoTime(time)).toBe(new Date(time).toISOString());
  });

  it.each(BEYOND)('A2: a stored task that goes on at such a time is shown all the same: %d', (time) => {
    const view = taskView({ wakeAt: time });
    expect(taskObject(view)).toMatchObject({ taskId: view.taskId, wakeAt: expect.any(String) });
    expect(taskReport(view, undefined, [])).toMatchObject({ taskId: view.taskId });
    const facts = { view, outcome: undefined, steps: [], cleanUp: undefined, isRun: true };
    expect(explain(facts, [], 0, new FakeTerminal(false))).toContain(view.taskId);
  });

  it.each(BEYOND)('A2: a task that is kept for as long is shown all the same: %d', (ttl) => {
    const view = taskView({ ttl });
    const facts = { view, outcome: undefined, steps: [], cleanUp: undefined, isRun: true };
    expect(explain(facts, [], 0, new FakeTerminal(false))).toContain(view.taskId);
  });

  it.each(BEYOND)('A2: a schedule whose next run is at such a time is shown all the same: %d', (time) => {
    const view = {
      workflow: 'w',
      schedule: { type: 'interval', seconds: 1e13 },
      state: 'active',
      next: { time, fireAt: time },
      last: { time, at: time, taskId: 't' },
      missed: { time, at: time, reason: 'late' },
      running: 0,
      waiting: 0,
    } as const;
    expect(scheduleObject(view)).toMatchObject({ workflow: 'w', next: { time: expect.any(String) } });
  });
});
