import type { Schedule } from '../definition/model.ts';
import { fireTime } from './occurrence.ts';
import type { Occurrences } from './occurrence.ts';
import type { ScheduleRow } from './row.ts';

/*
 * S3 Every occurrence is decided once: it begins, waits, or is missed for a reason that is kept. `decidedUpTo` never
 *    goes back, except when the clock turns out to have been wrong by more than a day.
 * S4  The decision is a function of the row, the schedule, the tasks that still run, and now.
 */

/** Milliseconds by which the newest occurrence may be late and still be in time: a restart, a busy machine. */
export const IN_TIME_MS = 60_000;
/** Most occurrences that wait, and that are caught up after a downtime. */
export const MAX_WAITING = 1000;
/** A clock that went back by more than this was wrong before; by less, its occurrences are not repeated. */
export const CLOCK_WAS_WRONG_MS = 86_400_000;

/** A schedule with its workflow, as planned from a definition. */
export interface Plan {
  readonly workflow: string;
  readonly schedule: Schedule;
  readonly occurrences: Occurrences;
}

/** What was decided: the row to write (the same object = nothing), and what to tell the log. */
export interface Decision {
  readonly row: ScheduleRow;
  readonly notes: readonly string[];
}

/**
 * Decides everything that is due. Call it with an empty `starting`.
 * @param running how many tasks of earlier occurrences have not ended
 */
export function decide(row: ScheduleRow, plan: Plan, now: number, running: number): Decision {
  const notes: string[] = [];
  if (row.paused) return { row, notes };
  let next = row;
  if (row.decidedUpTo > now + CLOCK_WAS_WRONG_MS) {
    notes.push('the clock went back by more than a day: the schedule goes on from now');
    next = { ...row, decidedUpTo: now };
  }
  const due = dueOf(next, plan, now);
  if (due !== undefined) next = placed(next, plan, due, { now, running, notes });
  return { row: begun(next, plan.schedule, running), notes };
}

interface Due {
  /** Those to run, oldest first. */
  readonly times: readonly number[];
  /** The newest that is missed for good; there may be more before it. */
  readonly missed: number | undefined;
  readonly upTo: number;
}

function dueOf(row: ScheduleRow, plan: Plan, now: number): Due | undefined {
  const { schedule, occurrences } = plan;
  const window = windowOf(schedule);
  const all = schedule.catch_up === 'all' && schedule.overlap !== 'cancel_previous';
  const limit = all ? MAX_WAITING : 1;
  // Two more: the newest may still be held back by its jitter, and one before the limit shows that something is missed.
  const come = occurrences.latest(row.decidedUpTo, now, limit + 2).filter((time) => fire(plan, time) <= now);
  const upTo = come.at(-1);
  if (upTo === undefined) return undefined;
  const times = come
    .slice(-limit)
    .filter((time) => now - fire(plan, time) <= (time === upTo ? Math.max(IN_TIME_MS, window) : window));
  return { times, missed: come.at(-times.length - 1), upTo };
}

function windowOf({ catch_up, catch_up_window_seconds: seconds }: Schedule): number {
  if (catch_up === undefined || catch_up === 'none') return 0;
  return seconds === undefined ? Number.POSITIVE_INFINITY : seconds * 1000;
}

function placed(
  row: ScheduleRow,
  plan: Plan,
  due: Due,
  context: { readonly now: number; readonly running: number; readonly notes: string[] },
): ScheduleRow {
  const { now, running, notes } = context;
  const starting = [...row.starting];
  const waiting = [...row.waiting];
  let { missed } = row;
  const miss = (time: number, reason: string): void => {
    missed = { time, at: now, reason };
    notes.push(`missed ${new Date(time).toISOString()}: ${reason}`);
  };
  if (due.missed !== undefined) miss(due.missed, missedReason(plan.schedule));
  for (const time of due.times) {
    const busy = running + starting.length + waiting.length > 0;
    switch (plan.schedule.overlap ?? 'skip') {
      case 'allow':
      case 'cancel_previous':
        starting.push(time);
        break;
      case 'queue':
        if (waiting.length < MAX_WAITING) waiting.push(time);
        else miss(time, `${MAX_WAITING} occurrences wait already`);
        break;
      case 'skip': {
        // Whoever asks for all missed ones wants them one after another, not the first of them, and what comes
        // meanwhile behind them.
        const late = due.times.length > 1 || now - fire(plan, time) > IN_TIME_MS;
        const queues = late || waiting.length > 0;
        if (!busy) starting.push(time);
        else if (queues && plan.schedule.catch_up === 'all' && waiting.length < MAX_WAITING) waiting.push(time);
        else miss(time, 'an earlier occurrence was still running');
      }
    }
  }
  return { ...row, decidedUpTo: due.upTo, starting, waiting, ...(missed !== undefined && { missed }) };
}

function missedReason(schedule: Schedule): string {
  switch (schedule.catch_up ?? 'none') {
    case 'none':
      return 'nothing was running at that time (catch_up: none)';
    case 'latest':
      return 'nothing was running at that time (catch_up: latest runs the newest in the window)';
    case 'all':
      return 'nothing was running at that time (catch_up: all runs those in the window)';
  }
}

/** Lets what waits begin as far as it may. */
function begun(row: ScheduleRow, { overlap }: Schedule, running: number): ScheduleRow {
  if (row.waiting.length === 0) return row;
  if (overlap === 'allow') return { ...row, starting: [...row.starting, ...row.waiting], waiting: [] };
  if (overlap === 'cancel_previous')
    return { ...row, starting: [...row.starting, ...row.waiting.slice(-1)], waiting: [] };
  if (running + row.starting.length > 0) return row;
  return { ...row, starting: row.waiting.slice(0, 1), waiting: row.waiting.slice(1) };
}

/**
 * When there is something to do next, in epoch milliseconds by the wall clock; `undefined` = only when something else
 * changes.
 */
export function wakeTime(row: ScheduleRow, plan: Plan): number | undefined {
  if (row.paused) return undefined;
  if (row.starting.length > 0) return 0;
  const next = plan.occurrences.next(row.decidedUpTo);
  return next === undefined ? undefined : fire(plan, next);
}

function fire(plan: Plan, time: number): number {
  return fireTime(plan.workflow, plan.schedule, plan.occurrences, time);
}
