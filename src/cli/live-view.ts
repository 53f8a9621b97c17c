import type { Clock } from '../core/clock.ts';
import type { StepRow, TaskView } from '../tasks/task.ts';
import { frame, FrameWriter } from './progress-view.ts';
import type { FrameInput } from './progress-view.ts';
import type { Terminal } from './terminal.ts';

const FRAME_MS = 100;

/**
 * Shows a running task on the terminal, ten pictures a second, until it is stopped; where nothing can be redrawn, only
 * the last one.
 */
export class LiveView {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #writer: FrameWriter;
  #state: { readonly view: TaskView; readonly steps: readonly StepRow[] } | undefined;
  #message: FrameInput['message'];
  #tick = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal, clock: Clock) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#writer = new FrameWriter(terminal);
  }

  /** New facts; drawn with the next picture. Starts the pictures. */
  show(view: TaskView, steps: readonly StepRow[]): void {
    this.#state = { view, steps };
    if (this.#terminal.canRedraw) this.#timer ??= setInterval(() => this.#draw(), FRAME_MS);
  }

  /** The last message of the run. */
  message(message: NonNullable<FrameInput['message']>): void {
    this.#message = message;
  }

  /** Removes the picture and stops, so that something else can be written. `show` starts again. */
  pause(): void {
    this.#stopTimer();
    this.#writer.clear();
  }

  /** Draws the last picture and leaves it standing. */
  finish(): void {
    this.#stopTimer();
    this.#message = undefined;
    this.#draw();
    this.#writer.done();
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #draw(): void {
    if (this.#state === undefined) return;
    const { columns, rows } = this.#terminal.out;
    this.#tick += 1;
    this.#writer.draw(
      frame({
        ...this.#state,
        now: this.#clock.now(),
        tick: this.#tick,
        columns,
        rows,
        colour: this.#terminal.colour,
        ...(this.#message === undefined ? {} : { message: this.#message }),
      }),
    );
  }
}
