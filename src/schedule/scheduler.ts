import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import type { LoadedDefinition } from '../definition/model.ts';
import type { TaskService } from '../tasks/task.ts';
import type { TaskStore } from '../store/task-store.ts';
import type { Plan } from './decide.ts';
import { ScheduleDriver } from './driver.ts';
import type { TaskDoor } from './driver.ts';
import type { ScheduleMetrics } from './metrics.ts';
import { occurrencesOf } from './occurrence.ts';
import { ScheduleRows } from './row.ts';

/*
 * S7 Nothing begins before its time by the wall clock, however timers and clocks behave: a nap only says when to look
 *    again. Naps are short, so a machine that slept, a clock that was set and a pause by another process are noticed
 *    soon, and no timer is too long.
 */

/** Milliseconds after which the scheduler looks around even if nothing is due. */
export const NAP_MS = 5000;
/** Schedules that are worked on at the same time. */
const CONCURRENCY = 32;
/**
 * Wall and monotonic clock that drift apart by more than this between two looks: somebody set the clock, or the machine
 * slept.
 */
const CLOCK_JUMP_MS = 2000;
const RETRY = { kind: 'exponential', delaySeconds: 1, maxDelaySeconds: 60 } as const;

export interface SchedulerDeps {
  readonly store: TaskStore;
  readonly tasks: TaskDoor & Pick<TaskService, 'subscribe'>;
  readonly definitions: {
    list(): readonly LoadedDefinition[];
    onChange(listener: () => void): () => void;
  };
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: ScheduleMetrics;
  /** Instead of `NAP_MS`. */
  readonly napMs?: number;
}

interface Entry {
  readonly driver: ScheduleDriver;
  readonly workflow: string;
  wakeAt: number | undefined;
  poll: boolean;
  /** Woken while it was being worked on. */
  again: boolean;
  busy: boolean;
  failures: number;
}

/**
 * Runs the schedules of all definitions: each occurrence becomes a task of principal `local` once, whichever and
 * however many processes run a scheduler on the same store. It keeps nothing that is not in the store.
 */
export class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #rows: ScheduleRows;
  readonly #entries = new Map<string, Entry>();
  readonly #stops: (() => void)[] = [];
  readonly #running = new Set<Promise<void>>();
  #nap: AbortController | undefined;
  #loop: Promise<void> | undefined;
  #closed = false;
  #troubled = false;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.#rows = new ScheduleRows(deps.store);
  }

  /** How many schedules it runs. */
  get planned(): number {
    return this.#entries.size;
  }

  /** Begins to run schedules; from now on definitions that change are followed. */
  start(): void {
    const { definitions, tasks } = this.#deps;
    this.#stops.push(definitions.onChange(() => this.#sync()));
    this.#stops.push(
      tasks.subscribe((event) => {
        if (event.type !== 'changed' || event.view.endedAt === undefined) return;
        if (event.view.scheduleTime !== undefined) this.#wake(event.view.workflow);
      }),
    );
    this.#sync();
    this.#loop = this.#run();
  }

  /**
   * Stops; what has been decided and not yet begun is begun at the next start. Resolves when nothing of it runs any
   * more.
   */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stops.splice(0)) stop();
    this.#nap?.abort();
    await this.#loop;
    await Promise.all(this.#running);
  }

  #sync(): void {
    const gone = new Set(this.#entries.keys());
    for (const { definition, file } of this.#deps.definitions.list()) {
      const { name: workflow, schedule } = definition;
      if (schedule === undefined) continue;
      try {
        const plan: Plan = { workflow, schedule, occurrences: occurrencesOf(schedule) };
        gone.delete(workflow);
        this.#plan(plan);
      } catch (error) {
        this.#deps.logger.error({ workflow, file, error: messageOf(error) }, 'the schedule cannot be read');
      }
    }
    for (const workflow of gone) this.#entries.delete(workflow);
  }

  #plan(plan: Plan): void {
    const entry = this.#entries.get(plan.workflow);
    if (entry === undefined) {
      const { tasks, clock, logger, metrics } = this.#deps;
      this.#entries.set(plan.workflow, {
        driver: new ScheduleDriver(plan, {
          rows: this.#rows,
          tasks,
          clock,
          logger,
          ...(metrics === undefined ? {} : { metrics }),
        }),
        workflow: plan.workflow,
        wakeAt: 0,
        poll: false,
        again: false,
        busy: false,
        failures: 0,
      });
    } else entry.driver.replan(plan);
    this.#wake(plan.workflow);
  }

  #wake(workflow: string): void {
    const entry = this.#entries.get(workflow);
    if (entry === undefined) return;
    lookAgain(entry);
    this.#nap?.abort();
  }

  async #run(): Promise<void> {
    const { clock, napMs = NAP_MS, logger } = this.#deps;
    let seen = { wall: clock.now(), monotonic: clock.monotonic() };
    let lookedAround = clock.monotonic();
    while (!this.#closed) {
      const now = { wall: clock.now(), monotonic: clock.monotonic() };
      const jump = now.wall - seen.wall - (now.monotonic - seen.monotonic);
      seen = now;
      if (Math.abs(jump) > CLOCK_JUMP_MS) {
        logger.warn({ ms: Math.round(jump) }, 'the clock was set, or the machine slept: schedules are planned again');
        for (const entry of this.#entries.values()) lookAgain(entry);
      }
      if (now.monotonic - lookedAround >= napMs) {
        lookedAround = now.monotonic;
        for (const entry of this.#entries.values()) if (entry.poll) lookAgain(entry);
      }
      this.#nap = new AbortController();
      const due = this.#launch(now.wall);
      const ms = Math.min(lookedAround + napMs - now.monotonic, due === undefined ? napMs : due - now.wall);
      // Woken early: look again.
      await clock.sleep(Math.max(1, ms), this.#nap.signal).catch(() => undefined);
    }
  }

  /** Starts work on what is due, as much as may go on at once, and returns when the next one is due. */
  #launch(now: number): number | undefined {
    let first: number | undefined;
    for (const entry of this.#entries.values()) {
      if (entry.busy || entry.wakeAt === undefined) continue;
      if (entry.wakeAt > now) first = Math.min(first ?? entry.wakeAt, entry.wakeAt);
      else if (this.#running.size < CONCURRENCY) this.#work(entry);
    }
    return first;
  }

  #work(entry: Entry): void {
    entry.busy = true;
    entry.again = false;
    const work = this.#step(entry).finally(() => {
      entry.busy = false;
      this.#running.delete(work);
      this.#nap?.abort();
    });
    this.#running.add(work);
  }

  async #step(entry: Entry): Promise<void> {
    const { clock, logger } = this.#deps;
    try {
      const next = await entry.driver.step();
      entry.wakeAt = entry.again ? 0 : next.wakeAt;
      entry.poll = next.poll;
      entry.failures = 0;
      this.#troubled = false;
    } catch (error) {
      entry.failures += 1;
      entry.wakeAt = clock.now() + backoffMs(RETRY, entry.failures, 0);
      if (this.#troubled) return;
      // Once for all of them: a store that is full stops every schedule.
      this.#troubled = true;
      logger.warn({ workflow: entry.workflow, error: messageOf(error) }, 'a schedule cannot go on now; trying again');
    }
  }
}

function lookAgain(entry: Entry): void {
  entry.wakeAt = 0;
  // In case it is being worked on, on what was known before.
  entry.again = true;
}
