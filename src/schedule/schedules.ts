import type { Clock } from '../core/clock.ts';
import { isoTime } from '../core/clock.ts';
import type { JsonObject } from '../core/json.ts';
import { nearest } from '../core/suggest.ts';
import type { LoadedDefinition, Schedule } from '../definition/model.ts';
import { DEFAULT_TIME_ZONE } from '../definition/schedule-times.ts';
import { keys } from '../tasks/keys.ts';
import { LOCAL_PRINCIPAL } from '../tasks/task.ts';
import type { TaskService, TaskView } from '../tasks/task.ts';
import { DamagedValueError } from '../store/task-store.ts';
import type { TaskStore } from '../store/task-store.ts';
import type { Plan } from './decide.ts';
import { stillRunning } from './driver.ts';
import { fireTime, occurrencesOf } from './occurrence.ts';
import { freshRow, ScheduleRows } from './row.ts';
import type { MarkedRow, Missed, ScheduleRow, Started } from './row.ts';

/**
 * `active`: occurrences are to come. `ended`: none is (a `once` that is over). `paused`: by an operator. `new`: no
 * server has seen it yet. `changed`: the servers follow another rule than this definition's, until one loads it.
 * `damaged`: its row cannot be read, and nothing runs until it is resumed.
 */
export type ScheduleState = 'active' | 'ended' | 'paused' | 'new' | 'changed' | 'damaged';

/** A schedule as people and programs see it. Times are epoch milliseconds. */
export interface ScheduleView {
  readonly workflow: string;
  readonly schedule: Schedule;
  readonly state: ScheduleState;
  /** The next occurrence, and when it begins (later by its jitter). */
  readonly next?: { readonly time: number; readonly fireAt: number };
  readonly last?: Started;
  readonly missed?: Missed;
  /** Tasks of it that have not ended. */
  readonly running: number;
  readonly waiting: number;
}

/** There is no such schedule. The message is fit to be shown. */
export class UnknownScheduleError extends Error {
  override readonly name = 'UnknownScheduleError';
}

export interface SchedulesDeps {
  readonly store: TaskStore;
  readonly tasks: Pick<TaskService, 'create' | 'get'>;
  readonly definitions: { list(): readonly LoadedDefinition[] };
  readonly clock: Clock;
}

/** Looks at schedules and steers them, beside whichever processes run them: they notice within seconds. */
export class Schedules {
  readonly #deps: SchedulesDeps;
  readonly #rows: ScheduleRows;

  constructor(deps: SchedulesDeps) {
    this.#deps = deps;
    this.#rows = new ScheduleRows(deps.store);
  }

  /** Every definition with a schedule, by name. Rejects with `StoreError`. */
  async list(): Promise<readonly ScheduleView[]> {
    const { rows, damaged } = await this.#rows.all();
    const now = this.#deps.clock.now();
    const views: ScheduleView[] = [];
    for (const plan of this.#plans().sort((a, b) => (a.workflow < b.workflow ? -1 : 1))) {
      const row = rows.get(plan.workflow);
      const known =
        row === undefined ? undefined : { ...row, active: await stillRunning(row.active, this.#deps.tasks) };
      views.push(viewOf(plan, known, damaged.has(keys.schedule(plan.workflow)), now));
    }
    return views;
  }

  /**
   * Nothing begins until `resume`; what comes in between is passed over. Durable when it resolves. Rejects with
   * `UnknownScheduleError` or `StoreError`.
   */
  async pause(workflow: string): Promise<ScheduleView> {
    return this.#change(workflow, (row) => ({ ...row, paused: true }));
  }

  /** Goes on with the first occurrence from now. Also starts a damaged row anew. Durable when it resolves. */
  async resume(workflow: string): Promise<ScheduleView> {
    const now = this.#deps.clock.now();
    return this.#change(workflow, (row) =>
      row.paused ? { ...row, paused: false, decidedUpTo: Math.max(row.decidedUpTo, now) } : row,
    );
  }

  /**
   * Begins a run at once with the schedule's input, paused or not, beside what runs. Later occurrences count it as an
   * earlier one.
   */
  async runNow(workflow: string): Promise<TaskView> {
    const { schedule } = this.#plan(workflow);
    const { tasks, clock } = this.#deps;
    const view = await tasks.create({
      workflow,
      arguments: schedule.input ?? {},
      principal: LOCAL_PRINCIPAL,
      scheduleTime: isoTime(clock.now()),
      samples: false,
    });
    if (schedule.overlap !== 'allow') {
      await this.#change(workflow, (row) => ({ ...row, active: [...row.active, view.taskId] }));
    }
    return view;
  }

  /** The next occurrences of a schedule, whether it is paused or not; fewer than `count` where there are no more. */
  upcoming(workflow: string, count: number): { readonly schedule: Schedule; readonly times: readonly number[] } {
    const { schedule, occurrences } = this.#plan(workflow);
    const times: number[] = [];
    for (let time = occurrences.next(this.#deps.clock.now()); time !== undefined && times.length < count;) {
      times.push(time);
      time = occurrences.next(time);
    }
    return { schedule, times };
  }

  async #change(workflow: string, change: (row: ScheduleRow) => ScheduleRow): Promise<ScheduleView> {
    const plan = this.#plan(workflow);
    const now = this.#deps.clock.now();
    const row = await this.#changed(plan, now, change);
    return viewOf(plan, { ...row, active: await stillRunning(row.active, this.#deps.tasks) }, false, now);
  }

  /** The row after the change, durable. */
  async #changed(
    { workflow, occurrences }: Plan,
    now: number,
    change: (row: ScheduleRow) => ScheduleRow,
  ): Promise<ScheduleRow> {
    const fresh = freshRow(workflow, occurrences.trigger, now);
    for (;;) {
      const found = await this.#load(workflow);
      if (found === 'damaged') {
        const row = change({ ...fresh, paused: true });
        await this.#rows.overwrite(row);
        return row;
      }
      const before = found?.row ?? fresh;
      const row = change(before);
      if (row === found?.row) return row;
      if ((await this.#rows.save(row, found?.mark ?? null)) !== undefined) return row;
    }
  }

  async #load(workflow: string): Promise<MarkedRow | undefined | 'damaged'> {
    try {
      return await this.#rows.load(workflow);
    } catch (error) {
      if (error instanceof DamagedValueError) return 'damaged';
      throw error;
    }
  }

  #plans(): Plan[] {
    return this.#deps.definitions.list().flatMap(({ definition: { name: workflow, schedule } }) => {
      return schedule === undefined ? [] : [{ workflow, schedule, occurrences: occurrencesOf(schedule) }];
    });
  }

  #plan(workflow: string): Plan {
    const plans = this.#plans();
    const plan = plans.find((known) => known.workflow === workflow);
    if (plan !== undefined) return plan;
    if (this.#deps.definitions.list().some(({ definition }) => definition.name === workflow)) {
      throw new UnknownScheduleError(`the workflow '${workflow}' has no schedule`);
    }
    const near = nearest(
      workflow,
      plans.map((known) => known.workflow),
    );
    const hint = near === undefined ? '' : `; did you mean '${near}'?`;
    throw new UnknownScheduleError(`there is no workflow '${workflow}'${hint}`);
  }
}

function viewOf(plan: Plan, row: ScheduleRow | undefined, damaged: boolean, now: number): ScheduleView {
  const { workflow, schedule, occurrences } = plan;
  const base = { workflow, schedule, running: row?.active.length ?? 0, waiting: row?.waiting.length ?? 0 };
  if (damaged) return { ...base, state: 'damaged' };
  const other = row !== undefined && row.trigger !== occurrences.trigger;
  const time = occurrences.next(row === undefined || other ? now : row.decidedUpTo);
  const state = stateOf(row, other, time);
  return {
    ...base,
    state,
    ...(time !== undefined &&
      state !== 'paused' && { next: { time, fireAt: fireTime(workflow, schedule, occurrences, time) } }),
    ...(row?.last !== undefined && { last: row.last }),
    ...(row?.missed !== undefined && { missed: row.missed }),
  };
}

function stateOf(row: ScheduleRow | undefined, other: boolean, next: number | undefined): ScheduleState {
  if (row?.paused === true) return 'paused';
  if (row === undefined) return 'new';
  if (other) return 'changed';
  return next === undefined && row.starting.length + row.waiting.length === 0 ? 'ended' : 'active';
}

/** A schedule as JSON, the same for the command line, the tool and the resource. Times are ISO 8601. */
export function scheduleObject(view: ScheduleView): JsonObject & { readonly workflow: string } {
  const { schedule, next, last, missed } = view;
  return {
    workflow: view.workflow,
    state: view.state,
    type: schedule.type,
    when: whenText(schedule),
    overlap: schedule.overlap ?? 'skip',
    catchUp: schedule.catch_up ?? 'none',
    next: next === undefined ? null : { time: isoTime(next.time), startsAt: isoTime(next.fireAt) },
    last: last === undefined ? null : { time: isoTime(last.time), startedAt: isoTime(last.at), taskId: last.taskId },
    missed: missed === undefined ? null : { time: isoTime(missed.time), reason: missed.reason },
    running: view.running,
    waiting: view.waiting,
  };
}

/** The rule in one line: `0 9 * * * (Europe/Berlin)`, `every 300 s`, `once 2026-02-04T14:30:00Z`. */
export function whenText(schedule: Schedule): string {
  const zone = schedule.timezone ?? DEFAULT_TIME_ZONE;
  switch (schedule.type) {
    case 'cron':
      return `${schedule.expression} (${zone})`;
    case 'interval':
      return `every ${schedule.seconds} s`;
    case 'once':
      return /(?:[Zz]|[+-]\d\d:?\d\d)$/.test(schedule.at) ? `once ${schedule.at}` : `once ${schedule.at} (${zone})`;
  }
}
