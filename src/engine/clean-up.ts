import { describeFailure, StepFailure, type Failure } from '../core/failure.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { EndOfTask } from './abort.ts';
import type { BoundWorkflow } from './bind.ts';
import { errorNames, type Interpreter } from './interpreter.ts';
import type { Journal, StoredEntry } from './journal.ts';
import type { BoundNode, Sequence } from './kind.ts';
import {
  CLEAN_UP,
  childPath,
  cleanUpPrefix,
  FINALLY_NOTE,
  lastSegment,
  NAMES_NOTE,
  notePath,
  prefixOf,
  scopeOf,
  stepIdIn,
} from './paths.ts';
import type { Place } from './place.ts';
import type { Finished } from './results.ts';
import type { Run } from './run.ts';

/** One thing that is left to do: undo a finished step, or run the `finally` of a `try` that a cancel cut off. */
export type Rest =
  | { readonly kind: 'undo'; readonly of: BoundNode; readonly by: BoundNode; readonly entry: Finished }
  | { readonly kind: 'finally'; readonly steps: Sequence; readonly prefix: string; readonly names: JsonObject };

/**
 * What is left to do, the newest first (saga): finished steps that declare `compensate`, and with `interrupted` every
 * `finally` that was entered and whose `try` never ended. What ran to clean up is not undone. A function of the
 * journal.
 */
export function restOf(bound: BoundWorkflow, journal: Journal, interrupted: boolean): readonly Rest[] {
  const rest: Rest[] = [];
  for (const entry of journal.entries()) {
    const found = undoOf(bound, entry) ?? (interrupted ? finallyOf(bound, journal, entry) : undefined);
    if (found !== undefined) rest.push(found);
  }
  return rest.reverse();
}

function undoOf(bound: BoundWorkflow, entry: StoredEntry): Rest | undefined {
  if (entry.type !== 'finished' || entry.result.status !== 'completed') return undefined;
  // What another task did is not this one's to undo.
  if (entry.path.startsWith(`${CLEAN_UP}/`) || entry.result.view?.['cached'] === true) return undefined;
  const of = bound.byId.get(entry.step);
  const by = bound.compensations.get(entry.step);
  return of === undefined || by === undefined ? undefined : { kind: 'undo', of, by, entry };
}

function finallyOf(bound: BoundWorkflow, journal: Journal, entry: StoredEntry): Rest | undefined {
  const suffix = notePath('', FINALLY_NOTE);
  if (entry.type !== 'decision' || !entry.path.endsWith(suffix) || entry.path.startsWith(`${CLEAN_UP}/`))
    return undefined;
  const prefix = entry.path.slice(0, -suffix.length);
  const path = prefix.replace(/#\d+$/u, '');
  if (journal.finished(path) !== undefined) return undefined;
  const steps = bound.byId.get(stepIdIn(lastSegment(path)))?.bound.finally;
  if (steps === undefined) return undefined;
  return { kind: 'finally', steps, prefix, names: isJsonObject(entry.value) ? entry.value : {} };
}

/**
 * Does what is left, each step with checkpoint and retries of its own under `cleanup/`. What fails for good is reported
 * and the others go on. Each sees what the step that it undoes gave, the names of its iteration, and in `error` why the
 * task failed (all null after a cancel). Returns one line for each step that was to be undone: `{step, by, status,
 * error?}`.
 */
export async function doRest(
  run: Run,
  interpreter: Interpreter,
  rest: readonly Rest[],
  signal: AbortSignal,
  cause?: Failure,
): Promise<readonly JsonObject[]> {
  const report: JsonObject[] = [];
  if (rest.length > 0) run.results.recall(run.ports.journal.entries());
  for (const item of rest) {
    const failed = await attempt(() =>
      item.kind === 'undo' ? undo(run, interpreter, item, signal, cause) : runTail(run, interpreter, item, signal),
    );
    if (item.kind === 'undo') {
      const line = { step: item.of.id, by: item.by.id, status: failed === undefined ? 'completed' : 'failed' };
      report.push(failed === undefined ? line : { ...line, error: failed });
    }
    if (failed !== undefined) {
      const what = item.kind === 'undo' ? `compensation of step '${item.of.id}'` : 'finally';
      run.warn(childPath(CLEAN_UP, what), `${what}: ${failed}`);
    }
  }
  return report;
}

async function attempt(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof EndOfTask) return undefined;
    if (!(error instanceof StepFailure)) throw error;
    return describeFailure(error.failure);
  }
}

/** After a cancel nothing has failed. */
const NO_ERROR: JsonObject = {
  error: { code: null, message: null, step: null, data: null },
  failed_step: { id: null },
};

async function undo(
  run: Run,
  interpreter: Interpreter,
  { of, by, entry }: Extract<Rest, { kind: 'undo' }>,
  signal: AbortSignal,
  cause: Failure | undefined,
): Promise<void> {
  const { path } = entry;
  const names = run.ports.journal.decision(notePath(path, NAMES_NOTE));
  const bound = { ...(isJsonObject(names) ? names : {}), ...(cause === undefined ? NO_ERROR : errorNames(cause)) };
  const scope = run.scope.iteration(scopeOf(path), bound).showing(entry);
  const own = lastSegment(path);
  const segment = own === of.id ? by.id : `${by.id}@${own}`;
  await interpreter.step(by, { prefix: cleanUpPrefix(prefixOf(path)), scope, signal }, segment);
}

async function runTail(
  run: Run,
  interpreter: Interpreter,
  { steps, prefix, names }: Extract<Rest, { kind: 'finally' }>,
  signal: AbortSignal,
): Promise<void> {
  const scope = run.scope.iteration(scopeOf(prefix), names);
  const place: Place = { prefix: cleanUpPrefix(prefix), scope, signal };
  await interpreter.sequence(steps, place);
}

/**
 * Runs the definition's `finally`, if it has one: as part of the run, or `late`, after a cancel. Rejects with its
 * failure.
 */
export async function runFinally(
  run: Run,
  interpreter: Interpreter,
  signal: AbortSignal,
  late: boolean,
): Promise<void> {
  const steps = run.bound.finally;
  if (steps === undefined) return;
  await interpreter.sequence(steps, { scope: run.scope, signal, prefix: late ? CLEAN_UP : '' });
}
