import { describeFailure } from '../core/failure.ts';
import type { Failure } from '../core/failure.ts';
import type { Phase, RunProgress } from '../engine/ports.ts';
import type { EndedState, OpenState, TaskRecord } from './record.ts';
import type { PendingInput } from './task.ts';

/*
 * The life of a task as a pure function.
 * T3  A terminal task never changes; the one way out is `resumed`, from `failed`, when somebody asks for it.
 * T5  A transition that is not listed throws `TransitionBug`: the caller has a bug, the task has not failed.
 * D9  `rev` grows with every transition and `updatedAt` never goes back, whatever the clock does.
 */

/** What can happen to a task. */
export type TaskEventIn =
  /** A process takes the task: it was nobody's, or its runner is dead. `crashed`: the last runner died while it did something. */
  | { readonly type: 'claimed'; readonly runner: string; readonly crashed: boolean }
  | { readonly type: 'appended'; readonly count: number }
  | { readonly type: 'progressed'; readonly progress: RunProgress }
  /** The request's key must be `nextInputKey(record)`. */
  | { readonly type: 'input_requested'; readonly input: PendingInput }
  /** Answered, timed out or no longer wanted. */
  | { readonly type: 'input_closed'; readonly keys: readonly string[] }
  | {
      readonly type: 'settled';
      readonly status: 'completed' | 'failed';
      readonly failure?: Failure;
      readonly warnings: readonly string[];
    }
  | { readonly type: 'cancelled'; readonly reason: string }
  /** Its turn has come. */
  | { readonly type: 'begun' }
  | {
      readonly type: 'resumed';
      readonly runner: string | null;
      readonly expiresAt: number | null;
      /** Its new number in the line of its workflow. */
      readonly turn?: number;
    };

/** A transition that is not in the table. */
export class TransitionBug extends Error {
  override readonly name = 'TransitionBug';
}

/** The key of the next input request of a task. Keys are never reused. */
export function nextInputKey(record: TaskRecord): string {
  return `in-${record.inputCount + 1}`;
}

/** The record after the event. Throws `TransitionBug` when the event is not allowed in this state (T5). */
export function transition(record: TaskRecord, event: TaskEventIn, now: number): TaskRecord {
  const { state } = record;
  const rev = record.rev + 1;
  const updatedAt = Math.max(now, record.updatedAt);
  // What happens most is one copy.
  if (event.type === 'appended' && state.kind === 'open')
    return { ...record, rev, updatedAt, seq: record.seq + event.count };
  const next = { ...record, rev, updatedAt };
  if (state.kind === 'open') return openTransition(next, state, event);
  if (event.type === 'resumed' && state.status === 'failed') return resumed(next, event);
  throw new TransitionBug(`${event.type} of a task that is ${state.status}`);
}

function openTransition(next: TaskRecord, state: OpenState, event: TaskEventIn): TaskRecord {
  switch (event.type) {
    case 'claimed':
      return {
        ...next,
        epoch: next.epoch + 1,
        state: { ...state, runner: event.runner, crashes: crashes(next, state, event.crashed) },
      };
    case 'appended':
      return { ...next, seq: next.seq + event.count };
    case 'progressed':
      return progressed(next, state, event.progress);
    case 'input_requested':
      if (event.input.key !== nextInputKey(next)) throw new TransitionBug(`input key ${event.input.key}`);
      return { ...next, inputCount: next.inputCount + 1, state: { ...state, inputs: [...state.inputs, event.input] } };
    case 'input_closed':
      return { ...next, state: { ...state, inputs: state.inputs.filter(({ key }) => !event.keys.includes(key)) } };
    case 'begun':
      return { ...next, begunAt: next.updatedAt };
    case 'settled':
      return settled(next, event);
    case 'cancelled':
      return {
        ...next,
        message: `cancelled: ${event.reason}`,
        phases: closedPhases(next.phases, 'skipped', next.updatedAt),
        state: { kind: 'ended', status: 'cancelled', at: next.updatedAt },
      };
    case 'resumed':
      throw new TransitionBug('resumed a task that is open');
  }
}

/** Only a crash in the middle of work counts, and only until the journal grows: a task that waits for weeks may see many restarts. */
function crashes(next: TaskRecord, state: OpenState, crashed: boolean): OpenState['crashes'] {
  const inLine = next.turn !== undefined && next.begunAt === undefined;
  const waits = inLine || state.inputs.length > 0 || state.wakeAt !== undefined;
  if (!crashed || waits) return state.crashes;
  const { count, seq } = state.crashes;
  return { count: seq === next.seq ? count + 1 : 1, seq: next.seq };
}

function progressed(next: TaskRecord, state: OpenState, progress: RunProgress): TaskRecord {
  const { wakeAt: _before, ...rest } = state;
  return {
    ...next,
    message: progress.message,
    percent: Math.max(next.percent, Math.min(100, Math.floor(progress.percent))),
    phases: progress.phases,
    state: { ...rest, ...(progress.wakeAt !== undefined && { wakeAt: progress.wakeAt }) },
  };
}

function settled(next: TaskRecord, event: Extract<TaskEventIn, { type: 'settled' }>): TaskRecord {
  const state: EndedState = {
    kind: 'ended',
    status: event.status,
    at: next.updatedAt,
    ...(event.failure !== undefined && { failure: event.failure }),
  };
  const warnings = [...new Set([...next.warnings, ...event.warnings])];
  const phases = closedPhases(next.phases, event.status, next.updatedAt);
  if (event.status === 'completed') return { ...next, message: 'completed', percent: 100, phases, warnings, state };
  const message = event.failure === undefined ? 'failed' : describeFailure(event.failure);
  return { ...next, message, phases, warnings, state };
}

/** No phase of a task that has ended is under way: one that was becomes `last`, one that never began is skipped. */
function closedPhases(
  phases: readonly Phase[],
  last: 'completed' | 'failed' | 'skipped',
  at: number,
): readonly Phase[] {
  if (phases.every(({ status }) => status !== 'working' && status !== 'pending')) return phases;
  return phases.map((phase) => {
    if (phase.status === 'pending') return { ...phase, status: 'skipped' };
    return phase.status === 'working' ? { ...phase, status: last, endedAt: at } : phase;
  });
}

function resumed(next: TaskRecord, event: Extract<TaskEventIn, { type: 'resumed' }>): TaskRecord {
  const { begunAt: _begun, turn: _turn, ...again } = next;
  return {
    ...again,
    ...(event.turn !== undefined && { turn: event.turn }),
    epoch: next.epoch + 1,
    expiresAt: event.expiresAt,
    resumedAt: next.updatedAt,
    message: 'resumed',
    state: { kind: 'open', runner: event.runner, inputs: [], crashes: { count: 0, seq: next.seq } },
  };
}
