import { describe, expect, test } from 'vitest';
import { keepBeating, ProgressReporter, type ProgressTick } from '../../src/protocol/progress.ts';
import type { TaskEvent, TaskView } from '../../src/tasks/task.ts';
import { ManualClock } from '../support/manual-clock.ts';

function reporter(): { ticks: ProgressTick[]; reporter: ProgressReporter } {
  const ticks: ProgressTick[] = [];
  return { ticks, reporter: new ProgressReporter((tick) => ticks.push(tick)) };
}

function view(percent: number, more: Partial<TaskView> = {}): TaskView {
  return { percent, statusMessage: `at ${percent}`, ...more } as TaskView;
}

function said(message: string, progress?: number, total?: number): Extract<TaskEvent, { type: 'message' }> {
  return {
    type: 'message',
    taskId: 't',
    principal: 'p',
    level: 'info',
    message,
    ...(progress === undefined ? {} : { progress }),
    ...(total === undefined ? {} : { total }),
  };
}

describe('progress notifications', () => {
  test('percent of 100, only when it grows', () => {
    const { ticks, reporter: report } = reporter();
    for (const percent of [0, 10, 10, 5, 30]) report.onView(view(percent));
    expect(ticks).toEqual([
      { progress: 10, total: 100, message: 'at 10' },
      { progress: 30, total: 100, message: 'at 30' },
    ]);
  });

  test('goes on growing, in the same numbers, behind what the client was told by the process before', () => {
    const ticks: ProgressTick[] = [];
    const own = new ProgressReporter((tick) => ticks.push(tick), { progress: 2, total: 4, message: 'half' });
    own.onView(view(90));
    own.onMessage(said('before', 1, 4));
    own.onMessage(said('after', 3, 4));
    const percent = new ProgressReporter((tick) => ticks.push(tick), { progress: 40, total: 100 });
    percent.onView(view(30));
    percent.onView(view(50));
    expect(ticks).toEqual([
      { progress: 3, total: 4, message: 'after' },
      { progress: 50, total: 100, message: 'at 50' },
    ]);
  });

  test("a workflow's own numbers replace percent from then on", () => {
    const { ticks, reporter: report } = reporter();
    report.onMessage(said('a', 0, 3));
    report.onView(view(50));
    report.onMessage(said('b', 2, 3));
    report.onMessage(said('c', 1, 3));
    expect(ticks.map((tick) => [tick.progress, tick.total])).toEqual([
      [0, 3],
      [2, 3],
    ]);
  });

  test('words without numbers are no progress', () => {
    const { ticks, reporter: report } = reporter();
    report.onMessage(said('hello'));
    expect(ticks).toEqual([]);
  });

  test('a heartbeat grows too, and what follows grows beyond it', () => {
    const { ticks, reporter: report } = reporter();
    report.onView(view(0));
    report.heartbeat();
    report.heartbeat();
    report.onView(view(1));
    const values = ticks.map((tick) => tick.progress);
    expect(values).toHaveLength(3);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(new Set(values).size).toBe(3);
  });

  test('nothing is sent after the end', () => {
    const { ticks, reporter: report } = reporter();
    report.onView(view(100, { endedAt: 1 }));
    report.onView(view(100));
    report.onMessage(said('late', 5));
    report.heartbeat();
    expect(ticks).toEqual([]);
  });

  test('the first sign of life comes within a second, then one every five, until it is stopped', async () => {
    const clock = new ManualClock();
    const { ticks, reporter: report } = reporter();
    const stop = new AbortController();
    const beating = keepBeating(report, clock, stop.signal);
    await clock.advance(1_000);
    expect(ticks).toHaveLength(1);
    await clock.advance(10_000);
    expect(ticks).toHaveLength(3);
    stop.abort(new Error('done'));
    await beating;
    await clock.advance(60_000);
    expect(ticks).toHaveLength(3);
  });
});
