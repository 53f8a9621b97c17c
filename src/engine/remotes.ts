import { StepFailure } from '../core/failure.ts';
import type { JsonValue } from '../core/json.ts';
import type { BoundWorkflow } from './bind.ts';
import type { Journal, StoredEntry } from './journal.ts';
import type { BoundNode, Sequence } from './kind.ts';
import { CLEAN_UP, childPath, lastSegment, prefixOf, stepIdIn } from './paths.ts';
import type { Run } from './run.ts';

/** A remote task that a step has started and that nobody follows any more. */
interface Remote {
  readonly node: BoundNode;
  readonly handle: JsonValue;
}

/** What journals say of handles. */
type Handles = Pick<Journal, 'finished' | 'lastAttempt'> & { entries(): Iterable<StoredEntry> };

/**
 * The remote tasks that a step was waiting for, in the order in which they were started; a handle that was followed by
 * another is left out.
 */
export function openHandles(journal: Handles): readonly Extract<StoredEntry, { type: 'handle' }>[] {
  const found = new Map<string, Extract<StoredEntry, { type: 'handle' }>>();
  for (const entry of journal.entries()) {
    if (entry.type === 'handle' && !isOver(journal, entry.path, entry.attempt)) found.set(entry.path, entry);
  }
  return [...found.values()];
}

/**
 * The remote tasks whose steps did not come to their end before the task was ended from outside, but for those of a
 * `finally`: clean-up goes on with these. A function of the journal.
 */
export function remotesOf(bound: BoundWorkflow, journal: Journal): readonly Remote[] {
  return openHandles(journal).flatMap(({ path, handle }) => {
    const node = bound.byId.get(stepIdIn(lastSegment(path)));
    if (path.startsWith(`${CLEAN_UP}/`) || node?.bound.abandon === undefined || isInFinally(bound, node)) return [];
    return [{ node, handle }];
  });
}

function isInFinally(bound: BoundWorkflow, node: BoundNode): boolean {
  for (let at: BoundNode | undefined = node; at !== undefined; at = at.parent) {
    const last: Sequence | undefined = at.parent === undefined ? bound.finally : at.parent.bound.finally;
    if (last?.nodes.includes(at) === true) return true;
  }
  return false;
}

/** What followed a remote task has come to its end, or a block around it: then it was given up at once. */
function isOver(journal: Handles, path: string, number: number): boolean {
  const last = journal.lastAttempt(path);
  if (last?.type === 'attempt_failed' && last.attempt >= number) return true;
  for (let of = path; of !== ''; of = prefixOf(of)) {
    if (journal.finished(of.replace(/(?:#\d+)?(?:\[\d+\])?$/u, '')) !== undefined) return true;
  }
  return false;
}

/**
 * Cancels remote tasks, all at once. One that cannot be reached is a warning: its server has to end it by its own time
 * to live.
 */
export async function abandonRemotes(run: Run, signal: AbortSignal): Promise<void> {
  const remotes = remotesOf(run.bound, run.ports.journal);
  await Promise.all(
    remotes.map(async ({ node, handle }) => {
      try {
        await node.bound.abandon?.(handle, run.ports.downstream, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof StepFailure)) throw error;
        run.warn(
          childPath(CLEAN_UP, node.id),
          `the task of step '${node.id}' on its server was not cancelled: ${error.message}`,
        );
      }
    }),
  );
}
