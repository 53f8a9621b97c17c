import { describeFailure } from '../core/failure.ts';
import type { Failure } from '../core/failure.ts';
import { statusOf } from '../core/outcome.ts';
import type { Outcome } from '../core/outcome.ts';
import type { RunEnd } from '../engine/ports.ts';
import { ANY_RUNNER, keys } from './keys.ts';
import type { TaskLimits } from './limits.ts';
import { asJson, runnerOf } from './record.ts';
import type { TaskRecord } from './record.ts';
import type { Batch } from '../store/task-store.ts';
import type { Applied } from './task-writer.ts';
import { transition } from './transition.ts';

/*
 * T4 Terminal status and outcome are one write: every change here puts the outcome and takes the task out of the open
 *    ones.
 */

/** The outcome of a workflow that failed for this reason. */
export function failedOutcome(failure: Failure): Extract<Outcome, { kind: 'result' }> {
  return {
    kind: 'result',
    result: { content: [{ type: 'text', text: describeFailure(failure) }], isError: true },
    output: null,
    failure,
  };
}

/** A run has come to its end. An outcome that is larger than the limit becomes a `limit_exceeded` failure (D16). */
export function settle(record: TaskRecord, end: RunEnd, limits: TaskLimits, now: number): Applied {
  const bytes = Buffer.byteLength(JSON.stringify(end.outcome));
  const outcome =
    bytes <= limits.outcomeBytes
      ? end.outcome
      : failedOutcome({
          code: 'limit_exceeded',
          message: `the result has ${bytes} bytes, more than ${limits.outcomeBytes}`,
        });
  const status = statusOf(outcome) === 'completed' ? 'completed' : 'failed';
  const failure = outcome.failure === undefined ? {} : { failure: outcome.failure };
  return {
    record: transition(record, { type: 'settled', status, ...failure, warnings: end.warnings }, now),
    entries: [{ type: 'settled', status, ...failure }],
    puts: [{ key: keys.outcome(record.id), value: asJson(outcome) }],
    deletes: rowsOfOpen(record),
  };
}

/** Somebody cancels the task. What its runner, if any, has to clean up is left to it in a row of its own. */
export function cancel(record: TaskRecord, reason: string, now: number): Applied {
  const outcome: Outcome = { kind: 'cancelled', reason };
  return {
    record: transition(record, { type: 'cancelled', reason }, now),
    entries: [{ type: 'settled', status: 'cancelled' }],
    puts: [{ key: keys.outcome(record.id), value: asJson(outcome) }, ...cleanUpRow(record)],
    // Until it is cleaned up it keeps its place in the line of its workflow (L2).
    deletes: cleanUpRow(record).length > 0 ? [keys.open(record.id)] : rowsOfOpen(record),
  };
}

/**
 * A task is failed from outside its run (ttl over, definition lost, crash loop), and cleaned up like a cancelled one.
 */
export function failFromOutside(record: TaskRecord, failure: Failure, now: number): Applied {
  return {
    record: transition(record, { type: 'settled', status: 'failed', failure, warnings: [] }, now),
    entries: [{ type: 'settled', status: 'failed', failure }],
    puts: [{ key: keys.outcome(record.id), value: asJson(failedOutcome(failure)) }, ...cleanUpRow(record)],
    deletes: cleanUpRow(record).length > 0 ? [keys.open(record.id)] : rowsOfOpen(record),
  };
}

/** The row that shows that a task is open, and its place in the line of its workflow. */
function rowsOfOpen(record: TaskRecord): readonly string[] {
  return [keys.open(record.id), ...placeOf(record)];
}

/** The row of a task's place in the line of its workflow, if it has one. */
export function placeOf({ id, workflow, turn }: TaskRecord): readonly string[] {
  return turn === undefined ? [] : [keys.turn(workflow, turn, id)];
}

/** The failure of a task whose ttl is over. */
export function ttlOver(record: TaskRecord): Failure {
  const seconds = Math.round(((record.expiresAt ?? record.createdAt) - record.createdAt) / 1000);
  return { code: 'limit_exceeded', message: `the task's time to live of ${seconds} s is over` };
}

/** A task that has no journal has done nothing that could be cleaned up. */
function cleanUpRow(record: TaskRecord): Batch['puts'] {
  if (record.seq === 0) return [];
  return [
    { key: keys.clean(record.id), value: { runner: runnerOf(record), epoch: record.epoch, seq: record.seq + 1 } },
  ];
}

/**
 * Tells the runner of a task that another process, or another part of this one, has changed it. Nobody runs it: tells
 * everybody.
 */
export function bell(before: TaskRecord, after: TaskRecord): Batch['puts'][number] {
  return { key: keys.bell(runnerOf(before) ?? ANY_RUNNER, before.id), value: { rev: after.rev } };
}
