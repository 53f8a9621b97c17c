import type { Clock } from '../core/clock.ts';
import type { Phase, ProgressSink, RunProgress } from '../engine/ports.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { TaskRecord } from './record.ts';
import { assertOwned } from './task-writer.ts';
import type { TaskWriter } from './task-writer.ts';
import { transition } from './transition.ts';

/** Least time between two writes of a task that carry nothing but progress. */
const OWN_WRITE_MS = 1000;
/** A commit usually follows at once; only what still waits after this is written by itself. */
const SETTLE_MS = 50;

/** What the progress of a run needs; `runner` and `epoch` are those of the run. */
export interface ProgressDeps {
  readonly writer: TaskWriter;
  readonly feed: ChangeFeed;
  readonly clock: Clock;
  readonly runner: string;
  readonly epoch: number;
  /** Of the run: after it nothing is written. */
  readonly signal: AbortSignal;
  /**
   * For a run that goes on: when an earlier process last wrote something. What it began after that it did not come to
   * tell.
   */
  readonly goesOnFrom?: number;
}

/**
 * Progress of one run: it rides along with the task's next commit, and is written by itself only when none follows
 * soon, at most once a second. Messages go straight to subscribers and are not stored.
 */
export class RunProgressSink implements ProgressSink {
  readonly #deps: ProgressDeps;
  /**
   * When the phases began that an earlier process of this task saw begin: for a run that goes on they begin anew, for
   * the task they do not.
   */
  readonly #began: Map<string, number>;
  readonly #seq: number;
  #told: readonly Phase[] = [];
  #phases: readonly Phase[] = [];
  #pending: RunProgress | undefined;
  #writing = false;
  #lastWrite = Number.NEGATIVE_INFINITY;

  constructor(deps: ProgressDeps) {
    const { phases, resumedAt = Number.NEGATIVE_INFINITY, seq } = deps.writer.record;
    this.#deps = deps;
    this.#seq = seq;
    this.#began = new Map(
      phases.flatMap(({ name, status, startedAt, endedAt = startedAt }) =>
        // One that failed before the task was resumed begins anew, as its steps do.
        startedAt === undefined || endedAt === undefined || (status === 'failed' && endedAt <= resumedAt)
          ? []
          : [[name, startedAt]],
      ),
    );
    deps.writer.rider = (record, now) => this.#ride(record, now);
  }

  update(progress: RunProgress): void {
    const isFirst = this.#began.size === 0 && this.#deps.goesOnFrom === undefined;
    this.#pending = isFirst ? progress : { ...progress, phases: this.#sinceTheFirst(progress.phases) };
    if (this.#writing) return;
    this.#writing = true;
    // Rejects only when the run is over; then the outcome says more.
    this.#writeSoon().catch(() => undefined);
  }

  /** The same list for the same list: whether a commit had it is seen by that. */
  #sinceTheFirst(phases: readonly Phase[]): readonly Phase[] {
    if (phases === this.#told) return this.#phases;
    this.#told = phases;
    const { writer, goesOnFrom } = this.#deps;
    this.#phases = phases.map((phase) => {
      if (phase.startedAt === undefined) return phase;
      // What the run comes to before it has written anything, an earlier process had come to.
      if (!this.#began.has(phase.name) && goesOnFrom !== undefined && writer.record.seq === this.#seq)
        this.#began.set(phase.name, Math.min(phase.startedAt, goesOnFrom));
      const began = this.#began.get(phase.name);
      return began === undefined || began === phase.startedAt ? phase : { ...phase, startedAt: began };
    });
    return this.#phases;
  }

  emit(event: Parameters<ProgressSink['emit']>[0]): void {
    const { id, principal } = this.#deps.writer.record;
    this.#deps.feed.publish({ type: 'message', taskId: id, principal, ...event });
  }

  /** To be called after every commit of the task. */
  committed(record: TaskRecord): void {
    this.#lastWrite = this.#deps.clock.monotonic();
    if (
      this.#pending !== undefined &&
      record.phases === this.#pending.phases &&
      record.message === this.#pending.message
    ) {
      this.#pending = undefined;
    }
  }

  #ride(record: TaskRecord, now: number): TaskRecord {
    return this.#pending === undefined
      ? record
      : transition(record, { type: 'progressed', progress: this.#pending }, now);
  }

  async #writeSoon(): Promise<void> {
    const { clock, writer, runner, epoch, signal } = this.#deps;
    try {
      while (this.#pending !== undefined) {
        const due = this.#lastWrite + OWN_WRITE_MS - clock.monotonic();
        await clock.sleep(Math.max(SETTLE_MS, due), signal);
        if (this.#pending === undefined) return;
        await writer.change({
          patient: true,
          apply: (record, now) => {
            assertOwned(record, runner, epoch);
            return { record: this.#ride(record, now) };
          },
        });
      }
    } finally {
      this.#writing = false;
    }
  }
}
