import { createHash } from 'node:crypto';
import { isJsonObject } from '../../src/core/json.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { StoredEntry } from '../../src/engine/journal.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import type { History } from './kill-lane.ts';
import type { LedgerEntry } from './workspace.ts';

/** What the checker counted, for the floors of a test. */
export interface Verdict {
  readonly violations: readonly string[];
  /** Steps that were called more than once: the kill hit them in flight. */
  readonly repeated: number;
  readonly calls: number;
  readonly statuses: ReadonlyMap<string, number>;
}

/**
 * Compares three histories: what the client was told, what the downstream server was really called for, and what is on
 * the disk. Of the workflows of the lane none but `pays` may fail. Wall-clock times of one machine are compared, so
 * calls and checkpoints of one step need not be more than a millisecond apart.
 */
export async function checkHistories(
  history: History,
  ledger: readonly LedgerEntry[],
  store: TaskStore,
): Promise<Verdict> {
  const violations = [...history.violations];
  const statuses = new Map<string, number>();
  const byKey = new Map<string, LedgerEntry[]>();
  for (const call of ledger) {
    if (call.key === null) violations.push('a call came without its idempotency key');
    else byKey.set(call.key, [...(byKey.get(call.key) ?? []), call]);
  }
  const known = new Set<string>();
  const { items, damaged } = await store.range({ from: 'task:', to: 'task;', limit: 1_000_000 });
  violations.push(...damaged.map((key) => `${key} is damaged`));
  const records = new Map(items.map(({ key, value }) => [key.slice('task:'.length), isJsonObject(value) ? value : {}]));
  for (const { taskId } of history.told.values()) {
    if (!records.has(taskId)) violations.push(`${taskId} was acknowledged and is not there (D1)`);
  }
  for (const [taskId, record] of records) {
    const journal = await journalOf(store, taskId);
    for (const path of new Set(journal.flatMap((entry) => ('path' in entry ? [entry.path] : [])))) {
      const calls = byKey.get(keyOf(taskId, path)) ?? [];
      known.add(keyOf(taskId, path));
      violations.push(...stepViolations(taskId, path, journal, calls));
    }
    violations.push(...taskViolations(taskId, record, journal));
    const told = history.told.get(taskId);
    if (told === undefined) continue;
    statuses.set(told.status, (statuses.get(told.status) ?? 0) + 1);
    if (told.workflow === 'pays') {
      const paid = byKey.get(keyOf(taskId, 'pay')) ?? [];
      if (paid.length > 1) violations.push(`${taskId} paid ${paid.length} times though on_interrupt says fail (D4)`);
    } else if (told.status === 'failed') violations.push(`${taskId} (${told.workflow}) failed: ${String(told.ended)}`);
    if (told.status === 'cancelled' && !told.cancelAcked)
      statuses.set('cancelled unheard', (statuses.get('cancelled unheard') ?? 0) + 1);
    const [first] = told.answersAcked;
    const answers = journal.flatMap((entry) => (entry.type === 'input_answered' ? [entry.key] : []));
    if (first !== undefined && answers.length === 0) violations.push(`${taskId} lost an acknowledged answer (D8)`);
    if (new Set(answers).size < answers.length) violations.push(`${taskId} took two answers to one question (D8)`);
  }
  for (const prefix of ['open', 'clean']) {
    const left = await store.range({ from: `${prefix}:`, to: `${prefix};`, limit: 100 });
    violations.push(...left.items.map(({ key }) => `${key} is left over`));
  }
  const repeated = [...byKey.values()].filter((calls) => calls.length > 1).length;
  return { violations, repeated, calls: ledger.length, statuses };
}

/** D3, D4: never twice by one process but for a retry, never after its outcome was recorded. */
function stepViolations(
  taskId: string,
  path: string,
  journal: readonly StoredEntry[],
  calls: readonly LedgerEntry[],
): readonly string[] {
  const found: string[] = [];
  const perServer = new Map<number, number>();
  for (const { pid } of calls) perServer.set(pid, (perServer.get(pid) ?? 0) + 1);
  const retries = journal.filter((entry) => entry.type === 'attempt_failed' && entry.path === path).length;
  for (const [pid, count] of perServer)
    if (count > 1 + retries) found.push(`${taskId} ${path} was called ${count} times by the process of ${pid}`);
  const finished = journal.filter((entry) => entry.type === 'finished' && entry.path === path);
  if (finished.length > 1) found.push(`${taskId} ${path} has ${finished.length} checkpoints (D3)`);
  const [checkpoint] = finished;
  const late = calls.filter(({ at }) => checkpoint !== undefined && at > checkpoint.at + 1);
  if (late.length > 0) found.push(`${taskId} ${path} was called after its checkpoint (D3)`);
  return found;
}

/** D2, D9, D10: one outcome, a journal without gaps in the order of its times. */
function taskViolations(taskId: string, record: JsonObject, journal: readonly StoredEntry[]): readonly string[] {
  const found: string[] = [];
  const state = isJsonObject(record['state']) ? record['state'] : {};
  if (state['kind'] !== 'ended') found.push(`${taskId} has not ended (D2)`);
  if (journal.some(({ seq }, index) => seq !== index + 1)) found.push(`${taskId} has a gap in its journal (D10)`);
  if (journal.some(({ at }, index) => at < (journal[index - 1]?.at ?? 0)))
    found.push(`${taskId} goes back in time (D10)`);
  const ends = journal.filter(({ type }) => type === 'settled').length;
  if (ends > 1) found.push(`${taskId} has ${ends} outcomes (D2)`);
  return found;
}

async function journalOf(store: TaskStore, taskId: string): Promise<readonly StoredEntry[]> {
  const { items } = await store.range({ from: `j:${taskId}:`, to: `j:${taskId};`, limit: 100_000 });
  // Written by the engine and unchanged since (checksum).
  return items.map(({ value }) => value as unknown as StoredEntry);
}

/** The idempotency key of a step path, as docs/guarantees.md has it: SHA-256 of task and path. */
function keyOf(taskId: string, path: string): string {
  return createHash('sha256').update(`${taskId}/${path}`).digest('hex');
}
