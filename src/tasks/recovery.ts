import type { Failure } from '../core/failure.ts';
import type { TaskRecord } from './record.ts';

/** Crashes in a row without progress after which a task is given up: it probably kills whoever runs it. */
export const MAX_CRASHES = 10;

/** What becomes of a task that is found open. */
export type Recovery =
  | { readonly action: 'resume' }
  /** Its ttl is over. */
  | { readonly action: 'expire' }
  /** Somebody runs it, or it has ended. */
  | { readonly action: 'leave' }
  | { readonly action: 'fail'; readonly failure: Failure };

/** R1 Decides from the record, what is known of its definition and runner, and now; nothing else. */
export function decide(record: TaskRecord, definitionKnown: boolean, runnerAlive: boolean, now: number): Recovery {
  if (record.state.kind === 'ended') return { action: 'leave' };
  if (record.expiresAt !== null && record.expiresAt <= now) return { action: 'expire' };
  if (runnerAlive) return { action: 'leave' };
  if (!definitionKnown) {
    const message = `the definition snapshot ${record.digest.slice(0, 12)} of '${record.workflow}' is missing or damaged`;
    return { action: 'fail', failure: { code: 'interrupted', message } };
  }
  const { count, seq } = record.state.crashes;
  if (count >= MAX_CRASHES && seq === record.seq) {
    const message = `the process died ${count} times in a row while it ran this task, without any progress`;
    return { action: 'fail', failure: { code: 'interrupted', message } };
  }
  return { action: 'resume' };
}
