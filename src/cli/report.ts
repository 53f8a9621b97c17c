import { Excerpt } from '../core/excerpt.ts';
import { isoTime } from '../core/clock.ts';
import type { Failure } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Outcome, TaskStatus } from '../core/outcome.ts';
import { lastSegment, stepIdIn } from '../engine/paths.ts';
import type { CleanUpState, ModelUse, StepRow, TaskInside, TaskView } from '../tasks/task.ts';
import { EXIT } from './exit.ts';
import type { ExitCode } from './exit.ts';

/** `{code, message, step?}`: what went wrong, as every JSON document of the command line spells it. */
export interface ReportError {
  readonly code: string;
  readonly message: string;
  readonly step?: string;
}

/** A step of a report. Times are ISO 8601, `null` where there is none yet. */
export interface ReportStep {
  readonly path: string;
  readonly status: StepRow['status'];
  readonly attempts: number;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly error?: ReportError;
  /** There when the result was one of an earlier call with the same inputs. */
  readonly cached?: true;
  /** What its call was made with and what came out, where that is shown. */
  readonly input?: JsonValue;
  readonly output?: JsonValue;
  /** What its attempts used of models, where that is shown. */
  readonly usage?: ModelUse;
}

/** What `run --json` prints. A contract: members are added, never changed. */
export interface RunReport {
  readonly taskId: string;
  readonly status: TaskStatus;
  /** The workflow's result; `null` while there is none. */
  readonly output: JsonValue;
  readonly error?: ReportError;
  readonly warnings?: readonly string[];
  readonly steps: readonly ReportStep[];
  /** What is cleaned up after a task that was ended from outside. */
  readonly cleanUp?: {
    readonly status: CleanUpState['status'];
    readonly compensation: readonly JsonObject[];
    readonly warnings: readonly string[];
  };
}

/** What `tasks get --json` prints: the same, with where it stands and what it asks. */
export interface TaskReport extends RunReport {
  readonly workflow: string;
  readonly digest: string;
  readonly statusMessage: string;
  readonly percent: number;
  readonly phases: readonly {
    readonly name: string;
    readonly description?: string;
    readonly status: string;
    readonly startedAt: string | null;
    readonly endedAt: string | null;
  }[];
  readonly createdAt: string;
  readonly lastUpdatedAt: string;
  readonly endedAt: string | null;
  readonly ttl: number | null;
  /** When a task that only waits goes on by itself. */
  readonly wakeAt?: string;
  /** What the task was called with, large values cut, secret ones hidden. */
  readonly input?: JsonValue;
  readonly usage?: TaskInside['usage'];
  readonly inputs?: readonly { readonly key: string; readonly path: string; readonly request: JsonValue }[];
}

/** The report of a task in any state; `outcome` is there once it is terminal. */
export function runReport(
  view: TaskView,
  outcome: Outcome | undefined,
  steps: readonly StepRow[],
  cleanUp?: CleanUpState,
): RunReport {
  const error = reportedError(view, outcome);
  return {
    taskId: view.taskId,
    status: view.status,
    output: outcome?.kind === 'result' ? outcome.output : null,
    ...(error === undefined ? {} : { error }),
    ...(view.warnings.length === 0 ? {} : { warnings: view.warnings }),
    steps: steps.map(reportStep),
    ...(cleanUp === undefined
      ? {}
      : { cleanUp: { status: cleanUp.status, compensation: cleanUp.undone, warnings: cleanUp.warnings } }),
  };
}

/** The long form of the same. */
export function taskReport(
  view: TaskView,
  outcome: Outcome | undefined,
  steps: readonly StepRow[],
  cleanUp?: CleanUpState,
  inside?: TaskInside,
): TaskReport {
  const report = runReport(view, outcome, steps, cleanUp);
  return {
    ...report,
    ...(inside === undefined
      ? {}
      : {
          output: new Excerpt(OUTPUT_CHARACTERS).of(report.output, OUTPUT_CHARACTERS),
          input: inside.input,
          usage: inside.usage,
          steps: report.steps.map((step) => ({ ...step, ...inside.steps.get(step.path) })),
        }),
    workflow: view.workflow,
    digest: view.digest,
    statusMessage: view.statusMessage,
    percent: view.percent,
    phases: view.phases.map((phase) => ({
      name: phase.name,
      ...(phase.description === undefined ? {} : { description: phase.description }),
      status: phase.status,
      startedAt: time(phase.startedAt),
      endedAt: time(phase.endedAt),
    })),
    createdAt: isoTime(view.createdAt),
    lastUpdatedAt: isoTime(view.lastUpdatedAt),
    endedAt: time(view.endedAt),
    ttl: view.ttl,
    ...(view.wakeAt === undefined ? {} : { wakeAt: isoTime(view.wakeAt) }),
    ...(view.inputs.length === 0
      ? {}
      : {
          inputs: view.inputs.map(({ key, path, request }) => ({
            key,
            path,
            request: { method: request.method, params: request.params },
          })),
        }),
  };
}

/** The id of the step that a path leads to. */
export function stepId(path: string): string {
  return stepIdIn(lastSegment(path));
}

/** The exit code of a task's state, as `run` and `--watch` give it. */
export function exitCodeOf(status: TaskStatus): ExitCode {
  switch (status) {
    case 'completed':
      return EXIT.done;
    case 'failed':
    case 'cancelled':
      return EXIT.failed;
    case 'input_required':
      return EXIT.waiting;
    case 'working':
      return EXIT.done;
  }
}

/** What `tasks get` shows of an output; `tasks result` has all of it. */
const OUTPUT_CHARACTERS = 50_000;

/** One step of a report. */
export function reportStep(row: StepRow): ReportStep {
  return {
    path: row.path,
    status: row.status,
    attempts: row.attempts,
    startedAt: time(row.startedAt),
    endedAt: time(row.endedAt),
    ...(row.error === undefined ? {} : { error: failureOf(row.error) }),
    ...(row.cached === undefined ? {} : { cached: row.cached }),
  };
}

function reportedError(view: TaskView, outcome: Outcome | undefined): ReportError | undefined {
  if (outcome?.kind === 'cancelled') return { code: 'cancelled', message: outcome.reason };
  const failure = outcome?.failure ?? view.failure;
  return failure === undefined ? undefined : failureOf(failure);
}

function failureOf(failure: Failure): ReportError {
  const { code, message, step } = failure;
  return { code, message, ...(step === undefined ? {} : { step }) };
}

function time(epochMs: number | undefined): string | null {
  return epochMs === undefined ? null : isoTime(epochMs);
}
