import type { Failure } from '../core/failure.ts';
import type { TaskRecord } from './record.ts';

/** What becomes of a task that is found open. */
export type Recovery =
  | { readonly action: 'resume' }
  /** Its ttl is over. */
  | { readonly action: 'expire' }
  /** Somebody runs it, or it has ended. */
  | { readonly action: 'leave' }
  | { readonly action: 'fail'; readonly failure: Failure };

/** R1 Decides from the record, what is known of its definition and runner, and now; nothing else. */
export function decide(
  record: TaskRecord,
  definitionKnown: boolean,
  runnerAlive: boolean,
  now: number,
  maxCrashes: number,
): Recovery {
  if (record.state.kind === 'ended') return { action: 'leave' };
  if (record.expiresAt !== null && record.expiresAt <= now) return { action: 'expire' };
  if (runnerAlive) return { action: 'leave' };
  if (!definitionKnown) {
    const message = `the definition snapshot ${record.digest.slice(0, 12)} of '${record.workflow}' is missing or damaged`;
    return { action: 'fail', failure: { code: 'interrupted', message } };
  }
  const { count, seq } = record.state.crashes;
  if (count >= maxCrashes && seq === record.seq) {
    const message = `the process died ${count} times in a row as it began to run this task, without any progress (max_crashes)`;
    return { action: 'fail', failure: { code: 'interrupted', message } };
  }
  return { action: 'resume' };
}
