import { humanDuration } from '../core/duration.ts';
import type { StepRow, TaskView } from '../tasks/task.ts';
import { plainLine } from './terminal.ts';
import type { Output, Terminal } from './terminal.ts';

/** Everything one picture of a running task depends on: the same value gives the same lines. */
export interface FrameInput {
  readonly view: TaskView;
  readonly steps: readonly StepRow[];
  /** Wall-clock time, milliseconds. */
  readonly now: number;
  /** Counts pictures, for the moving sign. */
  readonly tick: number;
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
  /** The last message of the run with its own count, when there was one. */
  readonly message?: { readonly text: string; readonly progress?: number; readonly total?: number };
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** The bar of a terminal that is wide enough, and how much room the figure beside it takes. */
const BAR_WIDTH = 24;
const BESIDE_BAR = '   100 % '.length;
const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** Two columns on a terminal: scripts of East Asia and pictures. */
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation}/u;
/** Lines beside the step rows: head, bar, message, line of hidden steps, and the line of the cursor. */
const OTHER_LINES = 5;

type Style = 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'bold';
const STYLES: Record<Style, string> = { dim: '2', red: '31', green: '32', yellow: '33', cyan: '36', bold: '1' };

/** The picture as lines, none wider than the terminal. */
export function frame(input: FrameInput): readonly string[] {
  const { view } = input;
  const until = view.endedAt ?? input.now;
  const head = `${stateMark(input)} ${view.workflow}  ${view.statusMessage}`;
  const lines = [fit(head, input, humanDuration(Math.max(0, until - view.createdAt)), stateStyle(view.status))];
  lines.push(fit(`  ${bar(view.percent / 100, input.columns)} ${view.percent} %`, input));
  const message = messageLine(input);
  if (message !== undefined) lines.push(fit(message, input, undefined, 'dim'));
  const room = Math.max(0, input.rows - OTHER_LINES);
  const hidden = input.steps.length - room;
  if (hidden > 0) lines.push(fit(`  … ${hidden} earlier ${hidden === 1 ? 'step' : 'steps'}`, input, undefined, 'dim'));
  // What was cut off ended with the task.
  for (const row of input.steps.slice(Math.max(0, hidden))) lines.push(stepLine(row, { ...input, now: until }));
  // A line that scrolled away can no longer be written over.
  return lines.slice(0, Math.max(1, input.rows - 1));
}

/** One line of a step table: mark, path, attempts, time, error. */
export function stepLine(row: StepRow, input: Pick<FrameInput, 'now' | 'tick' | 'columns' | 'colour'>): string {
  const attempts = row.attempts > 1 ? `  ${row.status === 'working' ? 'attempt' : 'attempts'} ${row.attempts}` : '';
  const error = row.error === undefined ? '' : `  ${row.error.code}: ${row.error.message}`;
  const took =
    row.startedAt === undefined ? undefined : humanDuration(Math.max(0, (row.endedAt ?? input.now) - row.startedAt));
  return fit(
    `  ${stepMark(row.status, input.tick)} ${row.path}${attempts}${error}`,
    input,
    took,
    stepStyle(row.status),
  );
}

/** `███████░░░░░` for a part of one, with room for the figure beside it. */
export function bar(part: number, columns: number): string {
  const width = Math.max(1, Math.min(BAR_WIDTH, columns - BESIDE_BAR));
  const filled = Math.round(Math.min(1, Math.max(0, part)) * width);
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}

function messageLine({ message, columns }: FrameInput): string | undefined {
  if (message === undefined) return undefined;
  const { text, progress, total } = message;
  if (progress === undefined || total === undefined || total <= 0) return `  ${text}`;
  return `  ${bar(progress / total, columns)} ${progress} of ${total}  ${text}`;
}

function stateMark({ view, tick }: FrameInput): string {
  switch (view.status) {
    case 'working':
      return spinner(tick);
    case 'input_required':
      return '?';
    case 'completed':
      return '✔';
    case 'failed':
    case 'cancelled':
      return '✖';
  }
}

function stateStyle(status: TaskView['status']): Style {
  if (status === 'completed') return 'green';
  if (status === 'working') return 'bold';
  return status === 'input_required' ? 'yellow' : 'red';
}

function stepMark(status: StepRow['status'], tick: number): string {
  switch (status) {
    case 'working':
      return spinner(tick);
    case 'waiting':
      return '…';
    case 'completed':
      return '✔';
    case 'failed':
      return '✖';
    case 'skipped':
      return '-';
  }
}

function stepStyle(status: StepRow['status']): Style | undefined {
  if (status === 'failed') return 'red';
  if (status === 'skipped') return 'dim';
  return status === 'waiting' ? 'yellow' : undefined;
}

function spinner(tick: number): string {
  return SPINNER[tick % SPINNER.length] ?? '';
}

/**
 * Cuts to the width, puts `right` at the right edge, makes the text harmless, then colours it: escapes never count as
 * width.
 */
function fit(left: string, input: Pick<FrameInput, 'columns' | 'colour'>, right?: string, style?: Style): string {
  const columns = Math.max(2, input.columns) - 1;
  // On a narrow terminal the name says more than the time.
  const tail = right === undefined || right.length * 2 >= columns ? '' : ` ${right}`;
  const { text, width } = cut(plainLine(left), columns - tail.length);
  const padded = tail === '' ? text : text + ' '.repeat(columns - tail.length - width) + tail;
  return style === undefined || !input.colour ? padded : `\u001b[${STYLES[style]}m${padded}\u001b[0m`;
}

/** As much of a text as fits into so many columns, and how many it takes. */
function cut(whole: string, columns: number): { readonly text: string; readonly width: number } {
  const fitting: { readonly letter: string; readonly end: number }[] = [];
  let width = 0;
  for (const { segment: letter } of GRAPHEMES.segment(whole)) {
    width += WIDE.test(letter) ? 2 : 1;
    fitting.push({ letter, end: width });
    if (width > columns) break;
  }
  if (width <= columns) return { text: whole, width };
  const kept = fitting.filter(({ end }) => end < columns);
  return { text: `${kept.map(({ letter }) => letter).join('')}…`, width: (kept.at(-1)?.end ?? 0) + 1 };
}

/** Draws frames over one another. `done` leaves the last one standing and the cursor below it. */
export class FrameWriter {
  readonly #output: Output;
  readonly #canRedraw: boolean;
  #drawn = 0;

  /** Where nothing can be redrawn, frames stand below one another. */
  constructor({ out, canRedraw }: Pick<Terminal, 'out' | 'canRedraw'>) {
    this.#output = out;
    this.#canRedraw = canRedraw;
  }

  draw(lines: readonly string[]): void {
    const text = lines.map((line) => `${line}\n`).join('');
    this.#output.write(this.#canRedraw ? `${this.#up()}\u001b[0J${text}` : text);
    this.#drawn = this.#canRedraw ? lines.length : 0;
  }

  /** Removes the picture, for a question or other text. */
  clear(): void {
    if (this.#drawn > 0) this.#output.write(`${this.#up()}\u001b[0J`);
    this.#drawn = 0;
  }

  done(): void {
    this.#drawn = 0;
  }

  #up(): string {
    return this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A`;
  }
}
