import type { StoredEntry } from '../engine/journal.ts';
import { notePath, WAIT_NOTE } from '../engine/paths.ts';
import { JournalState, stepPath } from './journal-state.ts';
import type { StepRow } from './task.ts';

/** The step table of a journal: one row per step path, in order of first appearance. `ended`: the task is over, nothing works any more. */
export function stepTable(journal: readonly StoredEntry[], ended: boolean): readonly StepRow[] {
  const rows = new Map<string, StepRow>();
  for (const entry of new JournalState(journal).entries()) {
    const row = rowAfter(entry, rows);
    if (row !== undefined) rows.set(row.path, row);
  }
  return ended ? [...rows.values()].map(ofEndedTask) : [...rows.values()];
}

function rowAfter(entry: StoredEntry, rows: ReadonlyMap<string, StepRow>): StepRow | undefined {
  switch (entry.type) {
    case 'started': {
      const startedAt = rows.get(entry.path)?.startedAt ?? entry.at;
      return { path: entry.path, status: 'working', attempts: entry.attempt, startedAt };
    }
    case 'attempt_failed': {
      const { path, attempt, failure } = entry;
      const startedAt = rows.get(path)?.startedAt;
      return {
        path,
        status: 'waiting',
        attempts: attempt,
        ...(startedAt !== undefined && { startedAt }),
        error: failure,
      };
    }
    case 'finished': {
      const { path, result, startedAt, at } = entry;
      const { status, attempts, error } = result;
      return { path, status, attempts, startedAt, endedAt: at, ...(error !== undefined && { error }) };
    }
    case 'timer':
    case 'input_requested':
      return waitingRow(entry.path, entry.at, rows);
    case 'handle':
    case 'decision':
    case 'input_answered':
    case 'resumed':
    case 'emitted':
    case 'settled':
      return undefined;
  }
}

/**
 * A step that waits shows so: a `wait` step by its own timer, which is the first thing it notes. Any other note beside a checkpoint
 * shows on the step's row, if it has one.
 */
function waitingRow(noted: string, at: number, rows: ReadonlyMap<string, StepRow>): StepRow | undefined {
  const path = stepPath(noted);
  const row = rows.get(path);
  const isItsOwn = noted === path || noted === notePath(path, WAIT_NOTE);
  if (row?.endedAt !== undefined || (row === undefined && !isItsOwn)) return undefined;
  return { attempts: 1, startedAt: at, ...row, path, status: 'waiting' };
}

function ofEndedTask(row: StepRow): StepRow {
  if (row.endedAt !== undefined) return row;
  const error = row.error ?? { code: 'interrupted', message: 'the task ended before the step did' };
  return { ...row, status: 'failed', error };
}
