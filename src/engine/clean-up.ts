import { describeFailure, StepFailure } from '../core/failure.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { BoundWorkflow } from './bind.ts';
import type { Interpreter } from './interpreter.ts';
import type { Journal } from './journal.ts';
import type { BoundNode } from './kind.ts';
import { CLEAN_UP, childPath, cleanUpPrefix, lastSegment, NAMES_NOTE, notePath, prefixOf, scopeOf } from './paths.ts';
import type { Run } from './run.ts';

/** One thing that is to be undone. */
interface Undo {
  readonly of: BoundNode;
  readonly by: BoundNode;
  readonly path: string;
}

/** Finished steps that declare `compensate`, the last finished first (saga). What ran to clean up is not undone. */
export function undoList(bound: BoundWorkflow, journal: Journal): readonly Undo[] {
  if (bound.compensations.size === 0) return [];
  const list: Undo[] = [];
  for (const entry of journal.entries()) {
    if (entry.type !== 'finished' || entry.result.status !== 'completed') continue;
    if (entry.path.startsWith(`${CLEAN_UP}/`)) continue;
    const of = bound.byId.get(entry.step);
    const by = bound.compensations.get(entry.step);
    if (of !== undefined && by !== undefined) list.push({ of, by, path: entry.path });
  }
  return list.reverse();
}

/**
 * Runs the compensations in reverse order of what they undo, each a step with checkpoint and retries of its own under `cleanup/`.
 * One that fails for good is reported and the others go on. Returns one line for each: `{step, by, status, error?}`.
 */
export async function compensate(
  run: Run,
  interpreter: Interpreter,
  signal: AbortSignal,
): Promise<readonly JsonObject[]> {
  const report: JsonObject[] = [];
  for (const { of, by, path } of undoList(run.bound, run.ports.journal)) {
    const names = run.ports.journal.decision(notePath(path, NAMES_NOTE));
    const key = scopeOf(path);
    const scope = run.scope.iteration(key, isJsonObject(names) ? names : {});
    const place = { prefix: cleanUpPrefix(prefixOf(path)), scope, signal };
    const own = lastSegment(path);
    const segment = own === of.id ? by.id : `${by.id}@${own}`;
    try {
      await interpreter.step(by, place, segment);
      report.push({ step: of.id, by: by.id, status: 'completed' });
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      const text = describeFailure({ ...error.failure, step: error.failure.step ?? by.id });
      run.warn(childPath(CLEAN_UP, by.id), `compensation of step '${of.id}' failed: ${text}`);
      report.push({ step: of.id, by: by.id, status: 'failed', error: text });
    }
  }
  return report;
}

/** Runs the definition's `finally`, if it has one. Rejects with its failure. */
export async function runFinally(run: Run, interpreter: Interpreter, signal: AbortSignal): Promise<void> {
  const steps = run.bound.finally;
  if (steps !== undefined) await interpreter.sequence(steps, { prefix: CLEAN_UP, scope: run.scope, signal });
}
