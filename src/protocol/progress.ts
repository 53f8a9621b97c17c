import type { Clock } from '../core/clock.ts';
import type { TaskEvent, TaskView } from '../tasks/task.ts';
import { isTerminal } from './task-object.ts';

/** One progress notification, without its token. */
export interface ProgressTick {
  readonly progress: number;
  readonly total?: number;
  readonly message?: string;
}

/** The first sign of life, then one at least this often: hosts give up on silence. */
const FIRST_TICK_MS = 800;
const HEARTBEAT_MS = 5_000;
/** The smallest growth: a heartbeat has to grow too. */
const EPSILON = 0.001;

/**
 * Turns what happens to a task into progress notifications. Values only grow and nothing is sent after the end, as the
 * specification asks. A workflow that reports progress of its own (`emit`) is passed on in its own numbers; otherwise
 * it is percent of 100.
 */
export class ProgressReporter {
  readonly #send: (tick: ProgressTick) => void;
  #last = -1;
  #total: number | undefined = 100;
  #own = false;
  #message: string | undefined;
  #ended = false;

  /** @param seen what the client was told last, by the process before */
  constructor(send: (tick: ProgressTick) => void, seen?: ProgressTick) {
    this.#send = send;
    if (seen === undefined) return;
    this.#last = seen.progress;
    this.#own = seen.total !== this.#total;
    this.#total = seen.total;
    this.#message = seen.message;
  }

  /** The task changed. */
  onView(view: TaskView): void {
    if (this.#ended) return;
    this.#message = view.statusMessage;
    if (isTerminal(view)) {
      this.#ended = true;
      return;
    }
    if (!this.#own && view.percent > Math.max(this.#last, 0)) this.#tick(view.percent);
  }

  /** The workflow said something. */
  onMessage(event: Extract<TaskEvent, { type: 'message' }>): void {
    if (this.#ended || event.progress === undefined) return;
    if (!this.#own) {
      this.#own = true;
      this.#total = event.total;
      // The first number of its own replaces ours, as far as the client has not seen a higher one.
    }
    this.#total = event.total ?? this.#total;
    this.#message = event.message;
    if (event.progress > this.#last) this.#tick(event.progress);
  }

  /** Says that it still runs; called in intervals. */
  heartbeat(): void {
    if (!this.#ended) this.#tick(Math.max(this.#last, 0) + EPSILON);
  }

  /** Nothing more is sent. */
  end(): void {
    this.#ended = true;
  }

  #tick(progress: number): void {
    this.#last = progress;
    this.#send({
      progress,
      ...(this.#total === undefined ? {} : { total: this.#total }),
      ...(this.#message === undefined ? {} : { message: this.#message }),
    });
  }
}

/** Beats until `signal` aborts. Never rejects. */
export async function keepBeating(reporter: ProgressReporter, clock: Clock, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(FIRST_TICK_MS, signal);
    for (;;) {
      reporter.heartbeat();
      await clock.sleep(HEARTBEAT_MS, signal);
    }
  } catch {
    // The signal ended it; a clock has no other way to fail.
  }
}
