import { humanDuration } from '../core/duration.ts';
import type { StepRow, TaskView } from '../tasks/task.ts';
import { plainLine } from './terminal.ts';
import type { Output } from './terminal.ts';

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
const BAR_WIDTH = 24;
const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** Lines beside the step rows: head, bar, message, line of hidden steps, and the line of the cursor. */
const OTHER_LINES = 5;
const MIN_STEP_ROWS = 3;

type Style = 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'bold';
const STYLES: Record<Style, string> = { dim: '2', red: '31', green: '32', yellow: '33', cyan: '36', bold: '1' };

/** The picture as lines, none wider than the terminal. */
export function frame(input: FrameInput): readonly string[] {
  const { view } = input;
  const until = view.endedAt ?? input.now;
  const head = `${stateMark(input)} ${view.workflow}  ${view.statusMessage}`;
  const lines = [fit(head, input, humanDuration(Math.max(0, until - view.createdAt)), stateStyle(view.status))];
  lines.push(fit(`  ${bar(view.percent / 100)} ${view.percent} %`, input));
  const message = messageLine(input);
  if (message !== undefined) lines.push(fit(message, input, undefined, 'dim'));
  const room = Math.max(MIN_STEP_ROWS, input.rows - OTHER_LINES);
  const hidden = input.steps.length - room;
  if (hidden > 0) lines.push(fit(`  … ${hidden} earlier steps`, input, undefined, 'dim'));
  for (const row of input.steps.slice(-room)) lines.push(stepLine(row, input));
  return lines;
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

/** `███████░░░░░` for a part of one. */
export function bar(part: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, part)) * BAR_WIDTH);
  return '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
}

function messageLine({ message }: FrameInput): string | undefined {
  if (message === undefined) return undefined;
  const { text, progress, total } = message;
  if (progress === undefined || total === undefined || total <= 0) return `  ${text}`;
  return `  ${bar(progress / total)} ${progress} of ${total}  ${text}`;
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

/** Cuts to the width, puts `right` at the right edge, makes the text harmless, then colours it: escapes never count as width. */
function fit(left: string, input: Pick<FrameInput, 'columns' | 'colour'>, right?: string, style?: Style): string {
  const columns = Math.max(20, input.columns) - 1;
  const tail = right === undefined ? '' : ` ${right}`;
  const room = columns - tail.length;
  const letters = Array.from(GRAPHEMES.segment(plainLine(left)), (part) => part.segment);
  const text = letters.length > room ? `${letters.slice(0, room - 1).join('')}…` : letters.join('');
  const padded = right === undefined ? text : text + ' '.repeat(room - Math.min(room, letters.length)) + tail;
  return style === undefined || !input.colour ? padded : `\u001b[${STYLES[style]}m${padded}\u001b[0m`;
}

/** Draws frames over one another. `done` leaves the last one standing and the cursor below it. */
export class FrameWriter {
  readonly #output: Output;
  #drawn = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  draw(lines: readonly string[]): void {
    this.#output.write(`${this.#up()}\u001b[0J${lines.map((line) => `${line}\n`).join('')}`);
    this.#drawn = lines.length;
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
