import type { Failure } from '../core/failure.ts';
import { deepFreeze, isJsonObject } from '../core/json.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { StoredEntry } from '../engine/journal.ts';
import type { Phase } from '../engine/ports.ts';
import { keys } from './keys.ts';
import type { PendingInput, Principal, TaskView } from './task.ts';
import { DamagedValueError } from '../store/task-store.ts';
import type { Stored, TaskStore } from '../store/task-store.ts';

/** Layout of the record (D15). */
export const RECORD_VERSION = 1;

/** A task that has not ended. Its status is `input_required` exactly while `inputs` is not empty. */
export interface OpenState {
  readonly kind: 'open';
  /** The process that runs it; `null` = nobody yet. */
  readonly runner: string | null;
  readonly inputs: readonly PendingInput[];
  /** When it only waits: the time it goes on by itself. */
  readonly wakeAt?: number;
  /** Crashes in a row without a new journal entry, and the journal's length at the last one. */
  readonly crashes: { readonly count: number; readonly seq: number };
}

/** A task that has ended. Never changes, except by an explicit `resume` of a failed one. */
export interface EndedState {
  readonly kind: 'ended';
  readonly status: 'completed' | 'failed' | 'cancelled';
  readonly at: number;
  readonly failure?: Failure;
}

/** The durable record of a task: everything a view needs, nothing that grows with the run except warnings. */
export interface TaskRecord {
  readonly version: typeof RECORD_VERSION;
  readonly id: string;
  readonly workflow: string;
  readonly digest: string;
  readonly principal: Principal;
  readonly createdAt: number;
  /** How many its process had made before it in that millisecond; absent = none. */
  readonly nth?: number;
  readonly updatedAt: number;
  /** `null` = kept for ever. */
  readonly expiresAt: number | null;
  readonly pollInterval: number;
  readonly depth: number;
  readonly parent?: { readonly taskId: string; readonly path: string };
  /** The task at the top, whose descendant this one is. */
  readonly root?: string;
  readonly scheduleTime?: string;
  /** Whether the client that made it lends its model; absent = not known. */
  readonly samples?: boolean;
  /** The key of its idempotency row. */
  readonly idempotency?: string;
  /** Grows by one with every transition. */
  readonly rev: number;
  /** Fencing: grows whenever the task changes hands (D6). */
  readonly epoch: number;
  /** Journal entries so far. */
  readonly seq: number;
  /** Input requests so far: their keys are `in-1`, `in-2`, … and never reused. */
  readonly inputCount: number;
  readonly resumedAt?: number;
  /** Its number in the line of its workflow, where that has `concurrency`. */
  readonly turn?: number;
  /** When its turn came. */
  readonly begunAt?: number;
  readonly message: string;
  readonly percent: number;
  readonly phases: readonly Phase[];
  readonly warnings: readonly string[];
  readonly state: OpenState | EndedState;
}

/**
 * The record with some members changed. Written out member by member, because V8 takes ten times as long to copy an
 * object and change the copy, and leaves a hidden class behind for each: this is done several times a step.
 */
export function changed(record: TaskRecord, changes: Partial<TaskRecord>): TaskRecord {
  return {
    version: record.version,
    id: record.id,
    workflow: record.workflow,
    digest: record.digest,
    principal: record.principal,
    createdAt: record.createdAt,
    updatedAt: changes.updatedAt ?? record.updatedAt,
    expiresAt: changes.expiresAt === undefined ? record.expiresAt : changes.expiresAt,
    pollInterval: record.pollInterval,
    depth: record.depth,
    rev: changes.rev ?? record.rev,
    epoch: changes.epoch ?? record.epoch,
    seq: changes.seq ?? record.seq,
    inputCount: changes.inputCount ?? record.inputCount,
    message: changes.message ?? record.message,
    percent: changes.percent ?? record.percent,
    phases: changes.phases ?? record.phases,
    warnings: changes.warnings ?? record.warnings,
    state: changes.state ?? record.state,
    ...(record.nth !== undefined && { nth: record.nth }),
    ...(record.parent !== undefined && { parent: record.parent }),
    ...(record.root !== undefined && { root: record.root }),
    ...(record.scheduleTime !== undefined && { scheduleTime: record.scheduleTime }),
    ...(record.idempotency !== undefined && { idempotency: record.idempotency }),
    ...lent(record.samples),
    ...timesOf(changes.resumedAt ?? record.resumedAt, changes.turn ?? record.turn, changes.begunAt ?? record.begunAt),
  };
}

/** Whether the client lends its model, where that is known. */
function lent(samples: boolean | undefined): Pick<TaskRecord, 'samples'> | undefined {
  return samples === undefined ? undefined : { samples };
}

/** Most tasks have none of these. */
function timesOf(
  resumedAt: number | undefined,
  turn: number | undefined,
  begunAt: number | undefined,
): Pick<TaskRecord, 'resumedAt' | 'turn' | 'begunAt'> | undefined {
  if (resumedAt === undefined && turn === undefined && begunAt === undefined) return undefined;
  return {
    ...(resumedAt !== undefined && { resumedAt }),
    ...(turn !== undefined && { turn }),
    ...(begunAt !== undefined && { begunAt }),
  };
}

/** An open state with some members changed; `wakeAt` is that of `changes`, or none. */
export function changedOpen(state: OpenState, changes: Partial<OpenState>): OpenState {
  return {
    kind: 'open',
    runner: changes.runner === undefined ? state.runner : changes.runner,
    inputs: changes.inputs ?? state.inputs,
    crashes: changes.crashes ?? state.crashes,
    ...(changes.wakeAt !== undefined && { wakeAt: changes.wakeAt }),
  };
}

/** A record with the mark that guards its next write. */
export interface MarkedRecord {
  readonly record: TaskRecord;
  readonly mark: string;
}

/** Whoever runs an open task; `null` = nobody, or it has ended. */
export function runnerOf(record: TaskRecord): string | null {
  return record.state.kind === 'open' ? record.state.runner : null;
}

/** The record as the store keeps it. */
export function recordValue(record: TaskRecord): JsonValue {
  return asJson(record);
}

/** Any value of ours that is JSON by construction (readonly data, no functions), as the store takes it. */
export function asJson(value: object): JsonValue {
  // An interface has no index signature, so the compiler cannot see that it is JSON; undefined members vanish on write.
  return value as unknown as JsonValue;
}

/** The door for records: the checksum has vouched for the bytes, the version is checked here. */
export function recordOf(stored: Stored): MarkedRecord {
  if (!isJsonObject(stored.value) || stored.value['version'] !== RECORD_VERSION) {
    throw new DamagedValueError(stored.key, `${stored.key}: not a record of version ${RECORD_VERSION}`);
  }
  // Written by `recordValue` and unchanged since (checksum), in the version we know.
  return { record: deepFreeze(stored.value as unknown as TaskRecord), mark: stored.mark };
}

/** The door for journal entries, as `recordOf`. */
export function entryOf(stored: Stored): StoredEntry {
  return stored.value as unknown as StoredEntry;
}

/** The door for rows whose value is one of our own small objects. */
export function objectOf(stored: Stored): JsonObject {
  if (!isJsonObject(stored.value)) throw new DamagedValueError(stored.key, `${stored.key}: not an object`);
  return stored.value;
}

/** Reads a record. `undefined` = no such task; rejects with `DamagedValueError` or `StoreError`. */
export async function loadRecord(store: TaskStore, id: string): Promise<MarkedRecord | undefined> {
  const stored = await store.get(keys.task(id));
  return stored === undefined ? undefined : recordOf(stored);
}

/**
 * What a row leads to is not there. Resolves with the damage, unless the row is gone by now too, as where a task was
 * removed in between.
 */
export async function missingRecord(store: TaskStore, row: string, id: string): Promise<DamagedValueError | undefined> {
  if ((await store.get(row)) === undefined || (await loadRecord(store, id)) !== undefined) return undefined;
  return new DamagedValueError(keys.task(id), `${keys.task(id)}: missing, though ${row} leads to it`);
}

/** Reads many records; a damaged one is reported and taken for missing, so that the others go on (D14). */
export async function loadRecords(
  store: TaskStore,
  ids: readonly string[],
  onDamaged: (key: string, message: string) => void,
): Promise<readonly (MarkedRecord | undefined)[]> {
  try {
    const found = await store.getMany(ids.map((id) => keys.task(id)));
    return found.map((stored) => stored && recordOf(stored));
  } catch (error) {
    if (!(error instanceof DamagedValueError)) throw error;
    return Promise.all(
      ids.map(async (id) => {
        try {
          return await loadRecord(store, id);
        } catch (reason) {
          if (!(reason instanceof DamagedValueError)) throw reason;
          onDamaged(reason.key, reason.message);
          return undefined;
        }
      }),
    );
  }
}

/** The snapshot that everybody outside sees. */
export function viewOf(record: TaskRecord): TaskView {
  const { state } = record;
  return Object.freeze({
    taskId: record.id,
    workflow: record.workflow,
    digest: record.digest,
    principal: record.principal,
    status: state.kind === 'ended' ? state.status : state.inputs.length > 0 ? 'input_required' : 'working',
    statusMessage: record.message,
    percent: record.percent,
    phases: record.phases,
    createdAt: record.createdAt,
    lastUpdatedAt: record.updatedAt,
    ...(state.kind === 'ended' && { endedAt: state.at }),
    ttl: record.expiresAt === null ? null : record.expiresAt - record.createdAt,
    pollInterval: record.pollInterval,
    inputs: state.kind === 'open' ? state.inputs : [],
    ...(state.kind === 'open' && state.wakeAt !== undefined && { wakeAt: state.wakeAt }),
    ...(record.parent !== undefined && { parent: record.parent }),
    ...(record.scheduleTime !== undefined && { scheduleTime: record.scheduleTime }),
    rev: record.rev,
    warnings: record.warnings,
    ...(state.kind === 'ended' && state.failure !== undefined && { failure: state.failure }),
  });
}
