import type { Command } from 'commander';
import type { JsonValue } from '../core/json.ts';
import { nearest } from '../core/suggest.ts';
import { humanDuration } from '../core/duration.ts';
import type { StoredEntry } from '../engine/journal.ts';
import { JournalState } from '../tasks/journal-state.ts';
import type { CleanUpState, StepRow, TaskInside, TaskView } from '../tasks/task.ts';
import { LOOKING_AT_TASKS, withEngine } from './context.ts';
import type { CliContext } from './context.ts';
import { EXIT, usageError } from './exit.ts';
import { localTime } from './local-time.ts';
import { questionLines } from './question-text.ts';
import { findTask } from './find-task.ts';
import { follow } from './follow.ts';
import { printJson, table, taskFacts, valueText } from './present.ts';
import type { TaskFacts } from './present.ts';
import { bar, stepLine } from './progress-view.ts';
import { exitCodeOf, reportStep, taskReport } from './report.ts';
import type { ReportStep } from './report.ts';
import type { TaskFlags } from './task-flags.ts';
import { plainLine } from './terminal.ts';
import type { Terminal } from './terminal.ts';

const SHOWN_PATHS = 20;
const SHOWN_INPUT = 400;

interface GetFlags extends TaskFlags {
  readonly step?: string;
}

/** `mcp-workflow tasks get ID`: where a task stands and what happened, step by step. */
export function addTasksGet(tasks: Command, context: CliContext): void {
  const command = tasks
    .command('get')
    .description('explain a task: state, steps with attempts, times and errors')
    .argument('<ID>', 'the task')
    .option('--step <PATH>', 'only this step, with what went into it and what came out')
    .option('--watch', 'follow it until it ends; Ctrl-C stops looking and leaves the task alone');
  command.action(async (id: string, flags: GetFlags) => {
    const { terminal, clock } = context;
    const { principal } = flags;
    const human = flags.json !== true && (flags.watch !== true || terminal.out.isTerminal);
    await withEngine(command, context, LOOKING_AT_TASKS, async (engine) => {
      let view = await findTask(engine.tasks, id, principal);
      const { taskId } = view;
      if (flags.watch === true) {
        const followed = await follow(engine.tasks, taskId, {
          principal,
          terminal,
          clock,
          live: human,
          onInterrupt: 'leave',
          ask: false,
          stopOnInput: false,
        });
        ({ view } = followed);
        context.exitCode = followed.end === 'interrupted' ? EXIT.interrupted : exitCodeOf(view.status);
      }
      const inside = await engine.tasks.inside(taskId, principal, flags.step);
      const facts = { ...(await taskFacts(engine.tasks, view, principal)), inside };
      if (flags.step !== undefined) {
        const step = { ...reportStep(rowOf(facts.steps, flags.step)), ...inside.steps.get(flags.step) };
        if (human) terminal.out.write(stepText(step));
        else printJson(terminal, step);
      } else if (!human) printJson(terminal, taskReport(facts.view, facts.outcome, facts.steps, facts.cleanUp, inside));
      else {
        const isRun = facts.view.endedAt !== undefined || (await engine.tasks.isRun(taskId, principal));
        const journal = await engine.tasks.journal(taskId, principal);
        terminal.out.write(explain({ ...facts, isRun }, journal, clock.now(), terminal));
      }
    });
  });
}

/** @throws CommandError (2) that names a path that was probably meant */
function rowOf(steps: readonly StepRow[], path: string): StepRow {
  const row = steps.find((known) => known.path === path);
  if (row !== undefined) return row;
  const paths = steps.map((known) => known.path);
  const near = nearest(path, paths);
  const hint =
    near === undefined ? `there are: ${paths.slice(0, SHOWN_PATHS).join(', ') || 'none'}` : `did you mean '${near}'?`;
  throw usageError(`--step ${path}: no such step has run; ${hint}`);
}

function stepText(step: ReportStep): string {
  const { path, status, attempts, startedAt, endedAt, error, input, output, usage } = step;
  const times = [startedAt, endedAt].map((time) => (time === null ? '' : localTime(Date.parse(time))));
  const rows = [
    ['step', path],
    ['state', `${status}${attempts > 1 ? `, attempt ${attempts}` : ''}`],
    ['time', times.filter((time) => time !== '').join(' to ')],
    ...(usage === undefined ? [] : [['used', modelUse(usage.tokens, usage.usd).join(', ')]]),
    ...(error === undefined ? [] : [['error', `${error.code}: ${error.message}`]]),
  ];
  const part = (name: string, value: JsonValue | undefined): string =>
    value === undefined ? '' : `\n${name}\n${valueText(value)}\n`;
  return `${table(rows)}${part('input', input)}${part('output', output)}`;
}

/** What happened, for a person. `isRun`: a living process has the task, or it has ended. */
export function explain(
  { view, outcome, steps, cleanUp, isRun, inside }: TaskFacts & { readonly isRun: boolean },
  journal: readonly StoredEntry[],
  now: number,
  { out, colour }: Pick<Terminal, 'out' | 'colour'>,
): string {
  const longest = Math.max(0, ...steps.map(({ path }) => path.length));
  const columns = out.isTerminal ? out.columns : Math.max(out.columns, longest + 24);
  const frame = { now: view.endedAt ?? now, tick: 0, columns, colour };
  // What a resume took back is told by its own line.
  const counted = [...new JournalState(journal).entries()];
  const stepLines = steps.flatMap((row) => [
    ...rowLines(row, frame),
    ...attemptNotes(counted, row.path),
    ...childNotes(counted, row),
  ]);
  const lines = [
    `${bar(view.percent / 100, out.columns)} ${view.percent} %`,
    ...stepLines,
    ...view.warnings.map((warning) => plainLine(`warning: ${warning}`)),
    ...(cleanUp === undefined ? [] : cleanUpLines(cleanUp)),
    ...view.inputs.flatMap((input) => ['', ...questionLines(view.taskId, input, now)]),
  ];
  if (outcome?.kind === 'result' && outcome.failure === undefined) lines.push('', valueText(outcome.output));
  else if (view.status === 'failed') lines.push('', resumeLine(view, steps));
  else if (!isRun)
    lines.push('', `nobody runs it now: the next server goes on with it, or mcp-workflow tasks resume ${view.taskId}`);
  return `${table([...headRows(view, now), ...insideRows(inside), ...resumedRows(journal)])}\n${lines.join('\n')}\n`;
}

/** The line of a step; an error that has no room in it stands below, whole. */
function rowLines(row: StepRow, frame: Parameters<typeof stepLine>[1]): readonly string[] {
  const line = stepLine(row, frame);
  const { error, ...rest } = row;
  const text = error === undefined ? '' : plainLine(`${error.code}: ${error.message}`);
  return line.includes(text) ? [line] : [stepLine(rest, frame), `      ${text}`];
}

function resumeLine({ taskId }: TaskView, steps: readonly StepRow[]): string {
  const undone = steps.some(({ path }) => path.startsWith('cleanup/'));
  return undone
    ? 'its finished steps were undone, so it cannot be resumed: run it anew'
    : `run the rest again: mcp-workflow tasks resume ${taskId}`;
}

/** With what it was called, in a line, and what it has used. */
function insideRows(inside: TaskInside | undefined): readonly (readonly string[])[] {
  if (inside === undefined) return [];
  const { tool_calls: calls, tokens, usd } = inside.usage;
  const input = JSON.stringify(inside.input);
  const used = [`${calls} tool call${calls === 1 ? '' : 's'}`, ...modelUse(tokens, usd)];
  return [
    ['input', input.length > SHOWN_INPUT ? `${input.slice(0, SHOWN_INPUT)}… (--json shows more)` : input],
    ['used', used.join(', ')],
  ];
}

/** Tokens, and what they cost where that is known. */
function modelUse(tokens: number, usd: number | undefined): readonly string[] {
  if (tokens === 0 && usd === undefined) return [];
  return [`${tokens} tokens`, ...(usd === undefined ? [] : [`$${usd}`])];
}

/** A line for each time it was resumed. */
function resumedRows(journal: readonly StoredEntry[]): readonly (readonly string[])[] {
  return journal.flatMap((entry) =>
    entry.type === 'resumed'
      ? [
          [
            'resumed',
            `${localTime(entry.at)}, from ${entry.from === undefined ? 'the failed step' : `step ${entry.from}`}`,
          ],
        ]
      : [],
  );
}

function cleanUpLines({ status, undone, warnings }: CleanUpState): readonly string[] {
  const lines = undone.map((line) => {
    const [by = '', step = '', end = '', error] = ['by', 'step', 'status', 'error'].map((member) =>
      valueText(line[member] ?? null),
    );
    return plainLine(`${by} undid ${step}: ${end}${line['error'] === undefined ? '' : `, ${error ?? ''}`}`);
  });
  const head = status === 'working' ? 'is being cleaned up' : 'was cleaned up';
  return ['', head, ...lines, ...warnings.map((warning) => plainLine(`warning: ${warning}`))];
}

function headRows(view: TaskView, now: number): readonly (readonly string[])[] {
  const took = humanDuration(Math.max(0, (view.endedAt ?? now) - view.createdAt));
  const rows = [
    ['task', view.taskId],
    ['workflow', `${view.workflow} (definition ${view.digest.slice(0, 12)})`],
    [
      'state',
      view.statusMessage.startsWith(view.status) ? view.statusMessage : `${view.status}: ${view.statusMessage}`,
    ],
    [
      'created',
      `${localTime(view.createdAt)}${view.endedAt === undefined ? '' : `, ended ${localTime(view.endedAt)}`} (${took})`,
    ],
    ['kept', view.ttl === null ? 'for ever' : `until ${localTime(view.createdAt + view.ttl)}`],
  ];
  if (view.wakeAt !== undefined) rows.push(['goes on', localTime(view.wakeAt)]);
  if (view.parent !== undefined) rows.push(['started by', `${view.parent.taskId}, step ${view.parent.path}`]);
  if (view.scheduleTime !== undefined) rows.push(['scheduled', localTime(Date.parse(view.scheduleTime))]);
  return rows;
}

/** A line for every attempt of a step that failed. */
function attemptNotes(journal: readonly StoredEntry[], path: string): readonly string[] {
  return journal.flatMap((entry) => {
    if (entry.type !== 'attempt_failed' || entry.path !== path) return [];
    const { attempt, at, failure, retryAt } = entry;
    const again = retryAt === undefined ? '' : `; again at ${localTime(retryAt)}`;
    return [
      plainLine(`      attempt ${attempt} failed at ${localTime(at)} (${failure.code}): ${failure.message}${again}`),
    ];
  });
}

/** Where to look on, for a child that failed. */
function childNotes(journal: readonly StoredEntry[], { path, status }: StepRow): readonly string[] {
  if (status !== 'failed') return [];
  const end = journal.findLast((entry) => entry.type === 'finished' && entry.path === path);
  const child = end?.type === 'finished' ? end.result.view?.['task_id'] : undefined;
  return typeof child === 'string' ? [plainLine(`      its task: mcp-workflow tasks get ${child}`)] : [];
}
