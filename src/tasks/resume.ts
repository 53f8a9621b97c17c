import { later } from './admission.ts';
import type { TaskContext } from './context.ts';
import { keys } from './keys.ts';
import { grantedTtl } from './limits.ts';
import { openRow } from './open-rows.ts';
import { loadRecord } from './record.ts';
import type { TaskRecord } from './record.ts';
import { resumePlan } from './resume-plan.ts';
import { loadEntries } from './run-journal.ts';
import { bell } from './ending.ts';
import { TaskError } from './task.ts';
import type { Change } from './task-writer.ts';
import type { TurnTickets } from './turn-tickets.ts';
import { transition } from './transition.ts';

/**
 * The change that runs a failed task again, with the warnings about what happens a second time. The task keeps its id,
 * its finished outputs and at least as long to live as a new one. Rejects with `TaskError('not_resumable')`,
 * `StoreError` or `DamagedValueError`.
 */
export async function resumeChange(
  context: TaskContext,
  seen: TaskRecord,
  from: string | undefined,
  tickets: TurnTickets,
): Promise<{ readonly apply: Change['apply']; readonly warnings: readonly string[] }> {
  const { store, snapshots, claims, runnerId, limits, kinds } = context;
  if (seen.state.kind === 'open') throw notResumable('the task has not ended');
  if (seen.state.status !== 'failed')
    throw notResumable(`the task is ${seen.state.status}; only a failed one is resumed`);
  if ((await store.get(keys.clean(seen.id))) !== undefined) throw notResumable('the task is still being cleaned up');
  const definition = await snapshots.load(seen.workflow, seen.digest);
  if (definition === undefined) throw notResumable('its definition snapshot is missing');
  const { entries, damaged } = await loadEntries(store, seen.id);
  if (damaged.length > 0) throw notResumable('its journal is damaged');
  const plan = resumePlan(entries, definition, kinds, seen.state.failure?.step, from);
  if (!plan.ok) throw notResumable(plan.reason);
  const parent = seen.parent === undefined ? undefined : await loadRecord(store, seen.parent.taskId);
  const ticket = await tickets.draw(seen, definition);
  const lastSeq = entries.at(-1)?.seq ?? 0;
  const runner = claims === 'none' ? null : runnerId;
  const apply: Change['apply'] = (record, now) => {
    if (record.rev !== seen.rev) throw notResumable('the task has changed meanwhile');
    const ttl = grantedTtl(record.expiresAt === null ? null : record.expiresAt - record.createdAt, limits);
    const kept = later(record.expiresAt, ttl === null ? null : now + ttl);
    const expiresAt = parent === undefined ? kept : later(kept, parent.record.expiresAt);
    // A clean-up may have written entries behind the record's back.
    const base = { ...record, seq: lastSeq };
    const next = transition(
      base,
      { type: 'resumed', runner, expiresAt, ...(ticket !== undefined && { turn: ticket.number }) },
      now,
    );
    return {
      record: next,
      entries: [{ type: 'resumed', ...(from !== undefined && { from }), dropped: plan.dropped }],
      ...(ticket !== undefined && { guards: ticket.guards }),
      puts: [
        ...(ticket?.puts ?? []),
        openRow(record, runner),
        ...(expiresAt === null ? [] : [{ key: keys.end(expiresAt, record.id), value: null }]),
        ...(runner === null ? [bell(next, next)] : []),
      ],
      deletes: [keys.outcome(record.id), keys.cleaned(record.id)],
    };
  };
  return { apply, warnings: plan.warnings };
}

/** The refusal of a resume. */
export function notResumable(reason: string): TaskError {
  return new TaskError('not_resumable', `the task cannot be resumed: ${reason}`);
}
