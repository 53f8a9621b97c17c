import { describeFailure } from '../core/failure.ts';
import type { Failure } from '../core/failure.ts';
import type { Phase, RunProgress } from '../engine/ports.ts';
import { changed, changedOpen } from './record.ts';
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
  /**
   * A process takes the task: it was nobody's, or its runner is dead. `crashed`: the last runner died while it did
   * something.
   */
  | { readonly type: 'claimed'; readonly runner: string; readonly crashed: boolean }
  /** Its runner has lived with it for long enough: what killed earlier ones is forgiven. */
  | { readonly type: 'outlived' }
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

/** What every transition changes. */
interface Step {
  readonly rev: number;
  readonly updatedAt: number;
}

/** The record after the event. Throws `TransitionBug` when the event is not allowed in this state (T5). */
export function transition(record: TaskRecord, event: TaskEventIn, now: number): TaskRecord {
  const { state } = record;
  const step = { rev: record.rev + 1, updatedAt: Math.max(now, record.updatedAt) };
  if (state.kind === 'open') return openTransition(record, state, event, step);
  if (event.type === 'resumed' && state.status === 'failed') return resumed(record, event, step);
  throw new TransitionBug(`${event.type} of a task that is ${state.status}`);
}

function openTransition(record: TaskRecord, state: OpenState, event: TaskEventIn, step: Step): TaskRecord {
  const { rev, updatedAt } = step;
  const withState = (changes: Partial<OpenState>): OpenState =>
    changedOpen(state, state.wakeAt === undefined ? changes : { wakeAt: state.wakeAt, ...changes });
  switch (event.type) {
    case 'claimed': {
      const next = withState({ runner: event.runner, crashes: crashes(record, state, event.crashed) });
      return changed(record, { rev, updatedAt, epoch: record.epoch + 1, state: next });
    }
    case 'outlived':
      return changed(record, { rev, updatedAt, state: withState({ crashes: { count: 0, seq: record.seq } }) });
    case 'appended':
      return changed(record, { rev, updatedAt, seq: record.seq + event.count });
    case 'progressed':
      return progressed(record, state, event.progress, step);
    case 'input_requested': {
      if (event.input.key !== nextInputKey(record)) throw new TransitionBug(`input key ${event.input.key}`);
      const next = withState({ inputs: [...state.inputs, event.input] });
      return changed(record, { rev, updatedAt, inputCount: record.inputCount + 1, state: next });
    }
    case 'input_closed': {
      const next = withState({ inputs: state.inputs.filter(({ key }) => !event.keys.includes(key)) });
      return changed(record, { rev, updatedAt, state: next });
    }
    case 'begun':
      return changed(record, { rev, updatedAt, begunAt: updatedAt });
    case 'settled':
      return settled(record, event, step);
    case 'cancelled':
      return changed(record, {
        rev,
        updatedAt,
        message: `cancelled: ${event.reason}`,
        phases: closedPhases(record.phases, 'skipped', updatedAt),
        state: { kind: 'ended', status: 'cancelled', at: updatedAt },
      });
    case 'resumed':
      throw new TransitionBug('resumed a task that is open');
  }
}

/**
 * Only a crash in the middle of work counts, and only until the journal grows: a task that waits for weeks may see many
 * restarts.
 */
function crashes(next: TaskRecord, state: OpenState, crashed: boolean): OpenState['crashes'] {
  const inLine = next.turn !== undefined && next.begunAt === undefined;
  const waits = inLine || state.inputs.length > 0 || state.wakeAt !== undefined;
  if (!crashed || waits) return state.crashes;
  const { count, seq } = state.crashes;
  return { count: seq === next.seq ? count + 1 : 1, seq: next.seq };
}

function progressed(record: TaskRecord, state: OpenState, progress: RunProgress, step: Step): TaskRecord {
  const { message, phases, wakeAt } = progress;
  return changed(record, {
    rev: step.rev,
    updatedAt: step.updatedAt,
    message,
    percent: Math.max(record.percent, Math.min(100, Math.floor(progress.percent))),
    phases,
    state: wakeAt === state.wakeAt ? state : changedOpen(state, wakeAt === undefined ? {} : { wakeAt }),
  });
}

function settled(record: TaskRecord, event: Extract<TaskEventIn, { type: 'settled' }>, step: Step): TaskRecord {
  const { rev, updatedAt } = step;
  const state: EndedState = {
    kind: 'ended',
    status: event.status,
    at: updatedAt,
    ...(event.failure !== undefined && { failure: event.failure }),
  };
  const warnings = [...new Set([...record.warnings, ...event.warnings])];
  const phases = closedPhases(record.phases, event.status, updatedAt);
  const failed = event.failure === undefined ? 'failed' : describeFailure(event.failure);
  const said = event.status === 'completed' ? { message: 'completed', percent: 100 } : { message: failed };
  return changed(record, { rev, updatedAt, phases, warnings, state, ...said });
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

function resumed(record: TaskRecord, event: Extract<TaskEventIn, { type: 'resumed' }>, step: Step): TaskRecord {
  const { begunAt: _begun, turn: _turn, ...again } = record;
  return {
    ...again,
    ...(event.turn !== undefined && { turn: event.turn }),
    rev: step.rev,
    updatedAt: step.updatedAt,
    epoch: record.epoch + 1,
    expiresAt: event.expiresAt,
    resumedAt: step.updatedAt,
    message: 'resumed',
    state: { kind: 'open', runner: event.runner, inputs: [], crashes: { count: 0, seq: record.seq } },
  };
}
