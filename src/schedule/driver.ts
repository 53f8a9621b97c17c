import type { Clock } from '../core/clock.ts';
import { isoTime } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import { LOCAL_PRINCIPAL, TaskError } from '../tasks/task.ts';
import type { TaskErrorCode, TaskService } from '../tasks/task.ts';
import { decide, wakeTime } from './decide.ts';
import type { Plan } from './decide.ts';
import type { ScheduleMetrics } from './metrics.ts';
import { fireTime } from './occurrence.ts';
import { freshRow } from './row.ts';
import type { MarkedRow, ScheduleRow, ScheduleRows } from './row.ts';

/*
 * S5 Decide, write, act, write: that an occurrence begins is durable before its task is created, and the creation
 *    carries the occurrence as idempotency key. A crash or a second process in between leads to the same task, never to
 *    a second one.
 * S6 The rule that was loaded last holds: a process whose rule is not the row's does nothing until its definition
 *    changes again.
 */

/** Milliseconds for which an occurrence that is refused for a passing reason is tried again. */
export const GIVE_UP_MS = 600_000;

/** The part of tasks that schedules use. */
export type TaskDoor = Pick<TaskService, 'create' | 'get' | 'cancel'>;

export interface DriverDeps {
  readonly rows: ScheduleRows;
  readonly tasks: TaskDoor;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: ScheduleMetrics;
}

/** When to look again. */
export interface Next {
  /** Wall-clock time in epoch milliseconds; `undefined` = no occurrence is to come. */
  readonly wakeAt: number | undefined;
  /** Something that other processes change decides: look from time to time. */
  readonly poll: boolean;
}

/** The idempotency key of an occurrence. */
export function occurrenceKey(time: number): string {
  return `schedule:${isoTime(time)}`;
}

/** Takes one workflow's schedule as far as it goes now. Not to be called concurrently with itself. */
export class ScheduleDriver {
  readonly #deps: DriverDeps;
  #plan: Plan;
  /** The rule this process has made the row's. */
  #adopted: string | undefined;
  #superseded = false;

  constructor(plan: Plan, deps: DriverDeps) {
    this.#plan = plan;
    this.#deps = deps;
  }

  /** The definition has changed. Another rule starts from now; another policy counts from the next decision on. */
  replan(plan: Plan): void {
    this.#plan = plan;
  }

  /**
   * Decides what is due and begins it. Rejects when the store or the task manager cannot do it now; calling again goes
   * on where it stopped.
   */
  async step(): Promise<Next> {
    for (;;) {
      const plan = this.#plan;
      const { trigger } = plan.occurrences;
      const marked = this.#adopted === trigger ? await this.#deps.rows.load(plan.workflow) : await this.#adopt(plan);
      this.#adopted = marked === undefined ? undefined : trigger;
      // Somebody else wrote it, or removed it, in between.
      if (marked === undefined) continue;
      const { row, mark } = marked;
      if (row.trigger !== trigger) return this.#yield(plan);
      this.#superseded = false;
      if (row.paused) return { wakeAt: undefined, poll: true };
      const now = this.#deps.clock.now();
      const changed = row.starting.length > 0 ? await this.#begin(row, plan) : await this.#decide(row, plan, now);
      if (changed === row) return { wakeAt: wakeTime(row, plan), poll: row.waiting.length > 0 };
      const written = await this.#deps.rows.save(changed, mark);
      if (written !== undefined) this.#deps.metrics?.written(row, changed);
    }
  }

  /** Makes the row about this rule. `undefined` = lost a race; look again. */
  async #adopt(plan: Plan): Promise<MarkedRow | undefined> {
    const { rows, clock, logger } = this.#deps;
    const found = await rows.load(plan.workflow);
    const { trigger } = plan.occurrences;
    if (found?.row.trigger === trigger) return found;
    const fresh = freshRow(plan.workflow, trigger, clock.now());
    // What the old rule has decided to run still runs, and a pause is about the workflow.
    const row = found === undefined ? fresh : { ...found.row, trigger, decidedUpTo: fresh.decidedUpTo };
    const mark = await rows.save(row, found?.mark ?? null);
    if (mark === undefined) return undefined;
    logger.info({ workflow: plan.workflow }, found === undefined ? 'schedule planned' : 'schedule changed');
    return { row, mark };
  }

  #yield(plan: Plan): Next {
    if (!this.#superseded) {
      this.#deps.logger.warn(
        { workflow: plan.workflow },
        'another process on this data folder has loaded another schedule for this workflow; that one holds',
      );
    }
    this.#superseded = true;
    return { wakeAt: undefined, poll: true };
  }

  async #decide(row: ScheduleRow, plan: Plan, now: number): Promise<ScheduleRow> {
    const wake = wakeTime(row, plan);
    const clockWentBack = row.decidedUpTo > now;
    if (row.waiting.length === 0 && !clockWentBack && (wake === undefined || wake > now)) return row;
    const active = await stillRunning(row.active, this.#deps.tasks);
    const known = active.length === row.active.length ? row : { ...row, active };
    const { row: decided, notes } = decide(known, plan, now, active.length);
    if (decided === known) return row;
    for (const note of notes) this.#deps.logger.warn({ workflow: plan.workflow }, `schedule: ${note}`);
    return decided;
  }

  /** Begins the first of `starting`. The row returned says how that went. */
  async #begin(row: ScheduleRow, plan: Plan): Promise<ScheduleRow> {
    const [time = 0, ...starting] = row.starting;
    const { workflow, schedule } = plan;
    const { tasks, clock, logger } = this.#deps;
    const at = isoTime(time);
    try {
      if (schedule.overlap === 'cancel_previous') await this.#cancel(row.active, at);
      const view = await tasks.create({
        workflow,
        arguments: schedule.input ?? {},
        principal: LOCAL_PRINCIPAL,
        idempotencyKey: occurrenceKey(time),
        scheduleTime: at,
        samples: false,
      });
      const { taskId } = view;
      logger.info({ workflow, occurrence: at, taskId }, 'occurrence begun');
      const active = schedule.overlap === 'allow' ? [] : [...row.active.filter((id) => id !== taskId), taskId];
      return { ...row, starting, active, last: { time, at: clock.now(), taskId } };
    } catch (error) {
      const late = clock.now() - fireTime(workflow, schedule, plan.occurrences, time);
      if (!isFinal(error, late)) throw error;
      logger.error({ workflow, occurrence: at, error: messageOf(error) }, 'an occurrence could not begin');
      return { ...row, starting, missed: { time, at: clock.now(), reason: messageOf(error) } };
    }
  }

  async #cancel(taskIds: readonly string[], at: string): Promise<void> {
    for (const taskId of taskIds) {
      try {
        await this.#deps.tasks.cancel(taskId, LOCAL_PRINCIPAL, `the occurrence of ${at} takes its place`);
      } catch (error) {
        if (!(error instanceof TaskError) || !ENDED.has(error.code)) throw error;
      }
    }
  }
}

/** Those of the tasks that have not ended. */
export async function stillRunning(
  taskIds: readonly string[],
  tasks: Pick<TaskService, 'get'>,
): Promise<readonly string[]> {
  const running: string[] = [];
  for (const taskId of taskIds) {
    const view = await tasks.get(taskId, LOCAL_PRINCIPAL);
    if (view !== undefined && view.endedAt === undefined) running.push(taskId);
  }
  return running;
}

const ENDED: ReadonlySet<TaskErrorCode> = new Set(['already_terminal', 'not_found']);
/** Refusals that trying again cannot change. */
const FINAL: ReadonlySet<TaskErrorCode> = new Set([
  'unknown_workflow',
  'invalid_arguments',
  'idempotency_conflict',
  'conflict',
]);

function isFinal(error: unknown, late: number): boolean {
  if (!(error instanceof TaskError)) return late > GIVE_UP_MS;
  if (error.code === 'store_unavailable') return false;
  return FINAL.has(error.code) || late > GIVE_UP_MS;
}
