import type { Failure } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Outcome, TaskStatus } from '../core/outcome.ts';
import type { InputRequest, StepStatus, StoredEntry } from '../engine/journal.ts';
import type { CleanUpReport, Phase } from '../engine/ports.ts';

/** The authorised caller. stdio and unauthenticated loopback HTTP are one principal, `local`. */
export type Principal = string;
export const LOCAL_PRINCIPAL: Principal = 'local';

/** A pending question of a task. Keys are unique for the task's life and never reused. */
export interface PendingInput {
  readonly key: string;
  readonly path: string;
  readonly request: InputRequest;
  readonly requestedAt: number;
  readonly expiresAt?: number;
}

/** A task as everyone outside `tasks` sees it: a snapshot, frozen. Times are epoch milliseconds. */
export interface TaskView {
  readonly taskId: string;
  readonly workflow: string;
  readonly digest: string;
  readonly principal: Principal;
  readonly status: TaskStatus;
  readonly statusMessage: string;
  readonly percent: number;
  readonly phases: readonly Phase[];
  readonly createdAt: number;
  readonly lastUpdatedAt: number;
  /** Set exactly when the status is terminal. */
  readonly endedAt?: number;
  /** Milliseconds from `createdAt` for which the task and its result are kept; `null` = for ever. */
  readonly ttl: number | null;
  /** Milliseconds a poller should wait. */
  readonly pollInterval: number;
  readonly inputs: readonly PendingInput[];
  /** When it only waits: the time it goes on by itself. */
  readonly wakeAt?: number;
  readonly parent?: { readonly taskId: string; readonly path: string };
  readonly scheduleTime?: string;
  /** Grows with every change; a reader never sees it go back. */
  readonly rev: number;
  readonly warnings: readonly string[];
  readonly failure?: Failure;
}

/** One row of a task's step table, derived from its journal. */
export interface StepRow {
  readonly path: string;
  readonly status: StepStatus | 'working' | 'waiting';
  readonly attempts: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly error?: Failure;
  /** Its result was one of an earlier call with the same inputs (`cache_seconds`). */
  readonly cached?: true;
}

/** What went into a step and what came out, as far as it is shown. */
export interface StepInside {
  /** What its call was made with, rendered. */
  readonly input?: JsonValue;
  readonly output?: JsonValue;
  /** What its attempts used of models. */
  readonly usage?: ModelUse;
}

/** Tokens of models, and US dollars where they have a price. */
export type ModelUse = { readonly tokens: number; readonly usd?: number };

/** What went into a task and what came out of its steps, for people: large values are cut, secret inputs are hidden. */
export interface TaskInside {
  readonly input: JsonObject;
  readonly usage: { readonly tool_calls: number } & ModelUse;
  /** By step path; steps that have neither input nor output may be missing. */
  readonly steps: ReadonlyMap<string, StepInside>;
  /** The same value without the values of secret inputs. */
  readonly hide: (value: JsonValue) => JsonValue;
}

/**
 * What is cleaned up after a task that was ended from outside (cancelled, or its ttl was over): the record has ended
 * already and stays as it is. `undone` and `warnings` are there once it is `done`.
 */
export interface CleanUpState extends CleanUpReport {
  readonly status: 'working' | 'done';
}

export interface CreateTask {
  readonly workflow: string;
  readonly arguments: JsonObject;
  readonly principal: Principal;
  /** Requested ttl in milliseconds; the actual one may be lower (limits). */
  readonly ttl?: number | null;
  /** Client's idempotency key: same principal + workflow + key → the same task. */
  readonly idempotencyKey?: string;
  readonly scheduleTime?: string;
  /** Whether the client lends its model (sampling); absent = not known, and it is asked where there is no other. */
  readonly samples?: boolean;
  /**
   * `root`: the task at the top of the tree, the parent itself when that has none above it; `expiresAt`: the parent's.
   */
  readonly parent?: {
    readonly taskId: string;
    readonly root: string;
    readonly path: string;
    readonly depth: number;
    readonly expiresAt: number | null;
  };
}

/** Why a request about tasks cannot be met. Codecs map `code` to the wire; messages are fit to be shown. */
export type TaskErrorCode =
  /** Unknown, expired or somebody else's: the same answer for all three. */
  | 'not_found'
  | 'unknown_workflow'
  | 'invalid_arguments'
  | 'already_terminal'
  /** The idempotency key was used with other arguments. */
  | 'idempotency_conflict'
  | 'limit_exceeded'
  /** `concurrency {on_conflict: reject}`. */
  | 'conflict'
  | 'invalid_input_response'
  | 'invalid_cursor'
  /** The store cannot be written: disk full, locked, broken. Nothing was changed. */
  | 'store_unavailable'
  | 'not_resumable';

export class TaskError extends Error {
  override readonly name = 'TaskError';
  readonly code: TaskErrorCode;
  readonly data: JsonValue | undefined;
  constructor(code: TaskErrorCode, message: string, data?: JsonValue, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.data = data;
  }
}

export interface ListQuery {
  readonly principal: Principal;
  readonly cursor?: string;
  /** Default 50, at most 200. */
  readonly limit?: number;
  readonly workflow?: string;
  readonly status?: TaskStatus;
}

/**
 * Something changed: `view` is the state after it, already durable. `messages` are events that do not change the state
 * (`emit`, progress).
 */
export type TaskEvent =
  | { readonly type: 'changed'; readonly view: TaskView }
  | {
      readonly type: 'message';
      readonly taskId: string;
      readonly principal: Principal;
      readonly level: string;
      readonly message: string;
      readonly progress?: number;
      readonly total?: number;
      readonly data?: JsonValue;
    };

/**
 * The life of tasks, as protocol, schedule and command line use it. `TaskManager` implements it. Every method that
 * changes something resolves when the change is durable (T2) and rejects with `TaskError`.
 */
export interface TaskService {
  /** Validates the arguments, makes the record durable and starts the run. The view returned is `working`. */
  create(request: CreateTask): Promise<TaskView>;
  /** `undefined`: unknown, expired or not the principal's. */
  get(taskId: string, principal: Principal): Promise<TaskView | undefined>;
  /** Newest first. */
  list(query: ListQuery): Promise<{ readonly tasks: readonly TaskView[]; readonly nextCursor?: string }>;
  /** The outcome of a terminal task; `undefined` while it is not terminal. `not_found` as above. */
  outcome(taskId: string, principal: Principal): Promise<Outcome | undefined>;
  /** Journal in order, from `afterSeq` (exclusive). */
  journal(taskId: string, principal: Principal, afterSeq?: number): Promise<readonly StoredEntry[]>;
  /** Step table in order of first appearance. */
  steps(taskId: string, principal: Principal): Promise<readonly StepRow[]>;
  /** What went in and what came out; with `path`, of that step alone and more of it. */
  inside(taskId: string, principal: Principal, path?: string): Promise<TaskInside>;
  /** What was or is cleaned up after a task that was ended from outside; `undefined`: nothing was to be. */
  cleanUp(taskId: string, principal: Principal): Promise<CleanUpState | undefined>;
  /**
   * Whether a living process has the task and it has not ended. Rejects with `TaskError`: `not_found`,
   * `store_unavailable`.
   */
  isRun(taskId: string, principal: Principal): Promise<boolean>;
  /**
   * Resolves when nothing is left to clean up after a task that has ended, nor after its children. Rejects on abort.
   */
  cleanedUp(taskId: string, principal: Principal, signal: AbortSignal): Promise<void>;
  /**
   * Resolves with the view as soon as its `rev` is above `afterRev` or it is terminal. Rejects on abort. Also sees
   * changes made by another process.
   */
  waitForChange(taskId: string, principal: Principal, afterRev: number, signal: AbortSignal): Promise<TaskView>;
  /** `already_terminal` when it has ended; otherwise the task is `cancelled`, durably, when this resolves. */
  cancel(taskId: string, principal: Principal, reason?: string): Promise<TaskView>;
  /**
   * Answers a pending input. The first valid answer wins: `accepted`. A key that was answered, timed out or never
   * existed is
   * `ignored`, harmlessly. An answer that does not fit the requested schema rejects with `invalid_input_response`.
   */
  respond(taskId: string, principal: Principal, key: string, response: JsonValue): Promise<'accepted' | 'ignored'>;
  /**
   * Runs a failed task again from the failed step (or `from`), its finished outputs kept. `warnings` name steps with
   * side effects that run again. An open task that nobody runs is taken up where it stands; one that a living process
   * runs is `not_resumable`.
   */
  resume(
    taskId: string,
    principal: Principal,
    options?: { readonly from?: string },
  ): Promise<{ readonly view: TaskView; readonly warnings: readonly string[] }>;
  /** Events of one task or, without `taskId`, of all. Returns the unsubscribe function. */
  subscribe(listener: (event: TaskEvent) => void, taskId?: string): () => void;
}
