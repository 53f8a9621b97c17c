import type { Failure } from '../core/failure.ts';
import { attemptPath, notePath, WAIT_NOTE } from '../engine/paths.ts';
import type { StoredEntry } from '../engine/journal.ts';
import { JournalState, stepPath } from './journal-state.ts';
import type { StepRow } from './task.ts';

/**
 * The step table of a journal: one row per step path, in order of first appearance. A step that was stopped because the
 * block around it came to its end says so. `ended`: the task is over, nothing works any more, unless it is `cleaning`
 * up.
 */
export function stepTable(journal: readonly StoredEntry[], ended: boolean, cleaning = false): readonly StepRow[] {
  const table = new Table();
  for (const entry of new JournalState(journal).entries()) table.add(entry);
  if (ended) table.end(cleaning);
  return [...table.rows.values()];
}

class Table {
  readonly rows = new Map<string, StepRow>();
  /** Paths of rows that have not ended. */
  readonly #open = new Set<string>();
  /** When the task ended, as far as the journal says so. */
  #settledAt: number | undefined;

  add(entry: StoredEntry): void {
    switch (entry.type) {
      case 'started': {
        const startedAt = this.rows.get(entry.path)?.startedAt ?? entry.at;
        return this.#put({ path: entry.path, status: 'working', attempts: entry.attempt, startedAt });
      }
      case 'attempt_failed': {
        const { path, attempt, failure } = entry;
        const startedAt = this.rows.get(path)?.startedAt;
        this.#put({
          path,
          status: 'waiting',
          attempts: attempt,
          ...(startedAt !== undefined && { startedAt }),
          error: failure,
        });
        return this.#close(attemptPath(path, attempt), path, entry.at);
      }
      case 'finished':
        return this.#finished(entry);
      case 'timer':
        return this.#waits(entry.path, entry.at, isOfWait(entry.path));
      case 'input_requested':
        return this.#waits(entry.path, entry.at, true);
      case 'settled':
        this.#settledAt = entry.at;
        return;
      case 'handle':
      case 'decision':
      case 'input_answered':
      case 'resumed':
      case 'emitted':
    }
  }

  #finished({ path, result, startedAt, at }: Extract<StoredEntry, { readonly type: 'finished' }>): void {
    const { status, attempts, error, view } = result;
    this.#put({
      path,
      status,
      attempts,
      // A process that went on with it after a crash counts from there; it began with the first.
      startedAt: Math.min(startedAt, this.rows.get(path)?.startedAt ?? startedAt),
      endedAt: at,
      ...(error !== undefined && { error }),
      ...(view?.['cached'] === true && { cached: true }),
    });
    this.#close(path, path, at);
    if (attempts > 1) this.#close(attemptPath(path, attempts), path, at);
  }

  /** The task is over. What was in flight has no end of its own: it went no further than the task. */
  end(cleaning: boolean): void {
    for (const path of this.#open) {
      const row = this.rows.get(path);
      if (row === undefined || (cleaning && path.startsWith('cleanup/'))) continue;
      this.rows.set(path, {
        ...row,
        status: 'failed',
        ...(this.#settledAt !== undefined && { endedAt: Math.max(this.#settledAt, row.startedAt ?? 0) }),
        error: row.error ?? cutOff('the task ended before the step did', row),
      });
    }
  }

  #put(row: StepRow): void {
    this.rows.set(row.path, row);
    if (row.endedAt === undefined) this.#open.add(row.path);
    else this.#open.delete(row.path);
  }

  /**
   * A step that waits shows so: for an answer to a question, its own or one of its child's, and a `wait` step by its
   * own timer, which is the first thing it notes. Any other timer beside a checkpoint shows on the step's row, if it
   * has one.
   */
  #waits(noted: string, at: number, makesRow: boolean): void {
    const path = stepPath(noted);
    const row = this.rows.get(path);
    if (row?.endedAt !== undefined || (row === undefined && !makesRow)) return;
    this.#put({ attempts: 1, startedAt: at, ...row, path, status: 'waiting' });
  }

  /** An attempt of a block has ended: what still ran inside it was stopped. */
  #close(prefix: string, block: string, at: number): void {
    for (const path of this.#open) {
      if (!path.startsWith(prefix) || !['/', '['].includes(path.charAt(prefix.length))) continue;
      const row = this.rows.get(path);
      if (row === undefined) continue;
      const why = `stopped, because '${block}' around it came to its end`;
      this.#put({ ...row, status: 'failed', endedAt: at, error: row.error ?? cutOff(why, row) });
    }
  }
}

/** Whether a timer is that of a `wait` step itself. */
function isOfWait(noted: string): boolean {
  const path = stepPath(noted);
  return noted === path || noted === notePath(path, WAIT_NOTE);
}

/** A row that works has its intent in the journal: the call had begun. */
function cutOff(why: string, { status }: StepRow): Failure {
  return {
    code: 'interrupted',
    message: status === 'working' ? `${why}; whether its call took effect is unknown` : why,
  };
}
