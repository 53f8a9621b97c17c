import { setMaxListeners } from 'node:events';
import { describeFailure, StepFailure, stepFailure, type Failure } from '../core/failure.ts';
import { humanDuration } from '../core/duration.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { Definition } from '../definition/model.ts';
import { EndOfTask, linkedController } from './abort.ts';
import { bindDefinition, type BoundWorkflow } from './bind.ts';
import { doRest, restOf, runFinally } from './clean-up.ts';
import { EarlierJournal } from './earlier-journal.ts';
import { errorNames, Interpreter } from './interpreter.ts';
import type { StepKindTable } from './kind.ts';
import { DEFAULT_ENGINE_LIMITS, type EngineLimits } from './limits.ts';
import type { RunEnd, RunPorts, RunTask, WorkflowRunner } from './ports.ts';
import { abandonRemotes, remotesOf } from './remotes.ts';
import { failureOutcome, successOutcome, workflowOutput } from './result.ts';
import { matchesFailure } from './retry.ts';
import { Run } from './run.ts';
import { mayReadSaved } from './saved-variables.ts';
import { numberOf, POSITIVE_SECONDS } from './numbers.ts';
import { WORKFLOW_PLACE } from './targets.ts';

/** Notes of the run itself. No step path begins with `!`. */
const FAILURE_NOTE = '!failure';
const OUTPUT_NOTE = '!output';

/** How the steps of a workflow ended, before it is cleaned up. */
type End = { readonly output: JsonObject } | { readonly failure: Failure };

/**
 * The engine. `kinds` says which step types there are; `limits` bound one task. A definition is bound once and shared
 * by all its tasks as long as the caller keeps the definition object.
 */
export function createWorkflowRunner(kinds: StepKindTable, limits: Partial<EngineLimits> = {}): WorkflowRunner {
  const bounds: EngineLimits = { ...DEFAULT_ENGINE_LIMITS, ...limits };
  const known = new WeakMap<Definition, BoundWorkflow>();
  const bind = (definition: Definition): BoundWorkflow => {
    const bound = known.get(definition) ?? bindDefinition(definition, kinds);
    known.set(definition, bound);
    return bound;
  };
  const prepare = (definition: Definition, task: RunTask, ports: RunPorts, signal: AbortSignal): Run => {
    setMaxListeners(0, signal);
    return new Run(bind(definition), task, ports, bounds, signal);
  };
  return {
    run: async (definition, task, ports, signal) => {
      signal.throwIfAborted();
      const run = prepare(definition, task, ports, signal);
      try {
        return await runWorkflow(run, signal);
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      }
    },
    mayReadSaved,
    needsCleanUp: (definition, journal) => {
      const bound = bind(definition);
      return (
        bound.finally !== undefined || remotesOf(bound, journal).length > 0 || restOf(bound, journal, true).length > 0
      );
    },
    cleanUp: async (definition, task, ports, signal) => {
      signal.throwIfAborted();
      const run = prepare(definition, task, { ...ports, journal: new EarlierJournal(ports.journal) }, signal);
      const interpreter = new Interpreter(run);
      await abandonRemotes(run, signal);
      const undone = await doRest(run, interpreter, restOf(run.bound, ports.journal, true), signal);
      const late = await settled(run, interpreter, signal, true);
      if (late !== undefined) run.warn('finally', `finally: ${describeFailure(late)}`);
      return { undone, warnings: run.warnings };
    },
  };
}

/**
 * Steps, then on failure `catch` and `on_error`, then compensation, then `finally`, then the outcome. The workflow's
 * `on_error` runs and the task still fails with the failure that led to it, unless it reaches a `succeed` step. A
 * failure of `finally` fails a task that had succeeded, and is a warning on one that had failed.
 */
async function runWorkflow(run: Run, signal: AbortSignal): Promise<RunEnd> {
  const interpreter = new Interpreter(run);
  let end = recorded(run) ?? (await mainPart(run, interpreter, signal));
  let undone: readonly JsonObject[] = [];
  if ('failure' in end) {
    // What is undone is read from the journal.
    if (run.deferred) await run.flush();
    undone = await doRest(run, interpreter, restOf(run.bound, run.ports.journal, false), signal, end.failure);
  } else if (run.bound.finally !== undefined) {
    run.note({ type: 'decision', path: OUTPUT_NOTE, value: end.output });
  }
  const late = await settled(run, interpreter, signal, false);
  if (late !== undefined && !('failure' in end)) end = { failure: late };
  else if (late !== undefined) run.warn('finally', `finally: ${describeFailure(late)}`);
  if (!('failure' in end)) {
    try {
      const outcome = await successOutcome(run, end.output);
      run.progress.completed(run.ports.clock.now());
      return { outcome, warnings: run.warnings };
    } catch (error) {
      end = { failure: failureOf(error) };
    }
  }
  return { outcome: failureOutcome(run, end.failure, undone), warnings: run.warnings };
}

/** The failure of `finally`, if any. */
async function settled(
  run: Run,
  interpreter: Interpreter,
  signal: AbortSignal,
  late: boolean,
): Promise<Failure | undefined> {
  try {
    await runFinally(run, interpreter, signal, late);
    return undefined;
  } catch (error) {
    if (error instanceof EndOfTask) return undefined;
    return failureOf(error);
  }
}

/**
 * How the main part ended in an earlier process, noted with the first entry of what came after it; not what a `resumed`
 * took back.
 */
function recorded(run: Run): End | undefined {
  let end: End | undefined;
  for (const entry of run.ports.journal.entries()) {
    if (entry.type === 'resumed') end = undefined;
    if (entry.type !== 'decision' || !isJsonObject(entry.value)) continue;
    // `failed` below wrote a Failure under this path.
    if (entry.path === FAILURE_NOTE) end = { failure: entry.value as unknown as Failure };
    if (entry.path === OUTPUT_NOTE) end = { output: entry.value };
  }
  return end;
}

async function mainPart(run: Run, interpreter: Interpreter, signal: AbortSignal): Promise<End> {
  let deadline: Awaited<ReturnType<typeof startDeadline>> | undefined;
  try {
    deadline = await startDeadline(run, signal);
    const place = { prefix: '', scope: run.scope, signal: deadline.signal };
    const end = await interpreter.sequence(run.bound.main, place);
    return { output: await workflowOutput(run, end.output, false) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EndOfTask) return await endedEarly(run, error.output);
    return await failed(run, interpreter, failureOf(error), signal);
  } finally {
    deadline?.release();
  }
}

async function endedEarly(run: Run, output: JsonValue): Promise<End> {
  try {
    return { output: await workflowOutput(run, output, true) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

/** `catch` in order, then `on_error`. */
async function failed(run: Run, interpreter: Interpreter, first: Failure, signal: AbortSignal): Promise<End> {
  let failure = first;
  const scope = run.scope.with(errorNames(failure));
  const place = { prefix: '', scope, signal };
  try {
    const clause = run.bound.catch.find(({ match }) => match === undefined || matchesFailure(first, match));
    if (clause !== undefined) {
      const end = await interpreter.sequence(clause.steps, place);
      return { output: await workflowOutput(run, end.output, false) };
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EndOfTask) return await endedEarly(run, error.output);
    failure = failureOf(error);
  }
  const target = run.bound.errorTargets.get(WORKFLOW_PLACE);
  try {
    if (target !== undefined) {
      await interpreter.target(target, { ...place, scope: run.scope.with(errorNames(failure)) }, WORKFLOW_PLACE);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EndOfTask) return await endedEarly(run, error.output);
    run.warn('on_error', `on_error: ${describeFailure(failureOf(error))}`);
  }
  run.note({ type: 'decision', path: FAILURE_NOTE, value: { ...failure } });
  return { failure };
}

/**
 * `timeout_seconds` and `budget.seconds` count from the task's creation, or from when its turn came or it was resumed,
 * downtime included.
 */
async function startDeadline(
  run: Run,
  signal: AbortSignal,
): Promise<{ readonly signal: AbortSignal; release(): void }> {
  const { timeout_seconds: given, budget } = run.bound.definition;
  const render = (text: string): Promise<JsonValue> => run.render(text, run.scope, 'timeout_seconds');
  const timeout = given === undefined ? undefined : await numberOf(given, 'timeout_seconds', POSITIVE_SECONDS, render);
  if (timeout === undefined && budget?.seconds === undefined) return { signal, release: () => undefined };
  const controller = linkedController(signal);
  const timers = linkedController(signal);
  const arm = (seconds: number, failure: StepFailure): void => {
    const left = Math.min(
      (run.task.begunAt ?? run.task.createdAt) + seconds * 1000 - run.ports.clock.now(),
      seconds * 1000,
    );
    run.ports.clock.sleep(Math.max(0, left), timers.signal).then(
      () => {
        controller.abort(failure);
      },
      () => undefined,
    );
  };
  if (timeout !== undefined) {
    arm(timeout, stepFailure('timeout', `the workflow did not end within ${humanDuration(timeout * 1000)}`));
  }
  if (budget?.seconds !== undefined) {
    const text = `the workflow did not end within its budget of ${humanDuration(budget.seconds * 1000)}`;
    arm(budget.seconds, stepFailure('budget_exceeded', text));
  }
  return {
    signal: controller.signal,
    release: () => {
      timers.abort(new Error('over'));
      timers.release();
      controller.release();
    },
  };
}

function failureOf(error: unknown): Failure {
  if (error instanceof StepFailure) return error.failure;
  throw error;
}
