import { describeFailure } from '../core/failure.ts';
import type { JsonValue } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import type { CleanUpState, Principal, StepRow, TaskInside, TaskService, TaskView } from '../tasks/task.ts';
import { plainLine, plainText } from './terminal.ts';
import type { Terminal } from './terminal.ts';

/** A task with all that a report says about it. */
export interface TaskFacts {
  readonly view: TaskView;
  readonly outcome: Outcome | undefined;
  readonly steps: readonly StepRow[];
  readonly cleanUp: CleanUpState | undefined;
  /** There where what went in is shown. */
  readonly inside?: TaskInside;
}

/** Reads what a report needs; `view` may be newer than the caller's. */
export async function taskFacts(tasks: TaskService, view: TaskView, principal: Principal): Promise<TaskFacts> {
  const steps = await tasks.steps(view.taskId, principal);
  const outcome = view.endedAt === undefined ? undefined : await tasks.outcome(view.taskId, principal);
  const cleanUp =
    view.endedAt === undefined || view.status === 'completed' ? undefined : await tasks.cleanUp(view.taskId, principal);
  return { view, outcome, steps, cleanUp };
}

/** One JSON document on standard output. */
export function printJson(terminal: Terminal, value: unknown): void {
  // Terminals take the controls of eight bits for commands; JSON leaves them as they are.
  const text = JSON.stringify(value, undefined, 2).replace(
    /[\u0080-\u009F]/gu,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  terminal.out.write(`${text}\n`);
}

/** The result for a person, on standard output; what went wrong goes to standard error. */
export function printOutcome(terminal: Terminal, { view, outcome }: TaskFacts): void {
  for (const warning of view.warnings) terminal.err.write(`warning: ${plainLine(warning)}\n`);
  if (outcome === undefined) return;
  switch (outcome.kind) {
    case 'cancelled':
      terminal.err.write(`cancelled: ${plainLine(outcome.reason)}\n`);
      return;
    case 'error':
      terminal.err.write(`${plainText(describeFailure(outcome.failure))}\n`);
      return;
    case 'result':
      if (outcome.failure !== undefined) terminal.err.write(`${plainText(describeFailure(outcome.failure))}\n`);
      if (outcome.failure === undefined || outcome.output !== null)
        terminal.out.write(`${valueText(outcome.output)}\n`);
  }
}

/** A text as it is, anything else as JSON. */
export function valueText(value: JsonValue): string {
  return plainText(typeof value === 'string' ? value : JSON.stringify(value, undefined, 2));
}

/** A table with columns as wide as their widest cell; the last one is not padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  const lines = rows.map((row) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return lines.map((line) => `${plainLine(line)}\n`).join('');
}
