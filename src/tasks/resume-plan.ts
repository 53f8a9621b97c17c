import type { Definition } from '../definition/model.ts';
import type { StoredEntry } from '../engine/journal.ts';
import type { StepKindTable } from '../engine/kind.ts';
import { stepIdIn } from '../engine/paths.ts';
import { handlerSteps } from '../engine/targets.ts';
import { JournalState } from './journal-state.ts';

/** What running a failed task again means for its journal. */
export type ResumePlan =
  | { readonly ok: true; readonly dropped: readonly string[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly reason: string };

type Finished = Extract<StoredEntry, { readonly type: 'finished' }>;

/** Failures that do not tell whether the call took effect. */
const OF_UNKNOWN_EFFECT: ReadonlySet<string> = new Set(['interrupted', 'timeout', 'transport']);

/**
 * Which checkpoints no longer count when a failed task runs again from `from`, or from the step that failed it.
 *
 * Without `from`, dropped are: the failed step, the blocks around it and what failed or was skipped directly inside
 * those; and of what came later everything that failed or was skipped, and every handler (targets, steps of a `catch`
 * or a `finally`, at any depth, and what is inside them). Completed steps of the main flow stay, also those that ran
 * beside the failed one. With `from` dropped are: that step, everything inside it, the blocks around it, and everything
 * that came later. A task whose finished steps were compensated is not resumed: their effects are gone.
 */
export function resumePlan(
  journal: readonly StoredEntry[],
  definition: Definition,
  kinds: StepKindTable,
  failedStep: string | undefined,
  from?: string,
): ResumePlan {
  const finished = [...new JournalState(journal).entries()].filter((entry) => entry.type === 'finished');
  if (finished.some(({ path }) => path.startsWith('cleanup/'))) {
    return { ok: false, reason: 'its finished steps were compensated' };
  }
  const start = finished.findLast((entry) => isStart(entry, from ?? failedStep, from !== undefined));
  if (from !== undefined && start === undefined) return { ok: false, reason: `step '${from}' has not run` };
  const dropped =
    start === undefined
      ? []
      : from === undefined
        ? afterFailure(finished, start, definition, handlerSteps(definition, kinds))
        : afterChoice(finished, start);
  return { ok: true, dropped: dropped.map(({ path }) => path), warnings: warningsOf(dropped, definition, kinds) };
}

function isStart(entry: Finished, wanted: string | undefined, chosen: boolean): boolean {
  return (entry.path === wanted || entry.step === wanted) && (chosen || entry.result.status === 'failed');
}

function afterChoice(finished: readonly Finished[], start: Finished): readonly Finished[] {
  return finished.filter(
    (entry) => entry.seq >= start.seq || isInside(entry.path, start.path) || isInside(start.path, entry.path),
  );
}

function afterFailure(
  finished: readonly Finished[],
  start: Finished,
  definition: Definition,
  handlers: ReadonlySet<string>,
): readonly Finished[] {
  const top = new Set(definition.steps.map(({ id }) => id));
  const dropped = new Set(finished.filter(({ path }) => path === start.path || isInside(start.path, path)));
  for (const entry of finished) {
    if (entry.seq <= start.seq) continue;
    const ids = entry.path.split('/').map(stepIdIn);
    const handler = entry.path.includes('@') || !top.has(ids[0] ?? '') || ids.some((id) => handlers.has(id));
    if (handler || entry.result.status !== 'completed') dropped.add(entry);
  }
  // What failed or was skipped inside a block that runs again would fail it again; top-down, blocks finish after their
  // members.
  for (const entry of finished.toReversed()) {
    const around = [...dropped].some((block) => isInside(entry.path, block.path));
    if (around && entry.result.status === 'failed') dropped.add(entry);
  }
  return finished.filter((entry) => dropped.has(entry));
}

/** Children of a block's later attempts stand under `block#n`. */
function isInside(path: string, block: string): boolean {
  return path.length > block.length && path.startsWith(block) && '/[#'.includes(path.charAt(block.length));
}

function warningsOf(dropped: readonly Finished[], definition: Definition, kinds: StepKindTable): readonly string[] {
  const idempotent = new Set<string>();
  collectIdempotent(definition.steps, idempotent);
  return dropped.flatMap(({ path, kind, step, result: { status, error } }) => {
    if (kinds.get(kind)?.effect !== 'acts' || idempotent.has(step)) return [];
    if (status === 'completed')
      return [`step '${path}' had finished and runs again: what it does outside happens a second time`];
    if (error === undefined || !OF_UNKNOWN_EFFECT.has(error.code)) return [];
    return [`step '${path}' failed as ${error.code} and runs again: what it does outside may happen a second time`];
  });
}

/**
 * Ids of steps declared `idempotent`, at any depth: whatever holds steps is searched, as the kinds' own keys are not
 * known here.
 */
function collectIdempotent(value: unknown, found: Set<string>): void {
  if (Array.isArray(value)) {
    for (const member of value) collectIdempotent(member, found);
  } else if (typeof value === 'object' && value !== null) {
    if ('id' in value && typeof value.id === 'string' && 'idempotent' in value && value.idempotent === true)
      found.add(value.id);
    for (const member of Object.values(value)) if (typeof member === 'object') collectIdempotent(member, found);
  }
}
