import type { Caller } from './caller.ts';
import type { JsonObject } from '../core/json.ts';
import type { ProgressTick } from './progress.ts';

/** What a transport knows of a connection when it asks a generation for a server. */
export interface ConnectionContext {
  readonly caller: Caller;
  /** Aborts when the server is stopping: requests that wait are answered at once. */
  readonly hurry: AbortSignal;
  /** Of a connection that can go on in another process. */
  readonly calls?: ResumableCalls;
}

/**
 * What the next process has to know of a connection that can go on there: which task each plain call has become, and
 * the tasks that its client is told of.
 */
export interface ResumableCalls {
  /** The call has become this task, which is durable. */
  began(requestId: string | number, taskId: string): void;
  /** What this call became in the process before; `undefined` for a new call. Asked once. */
  resumed(requestId: string | number): ResumedCall | undefined;
  /** The connection is told of this task from now on. */
  watches(taskId: string): void;
  /** It is not any more: the task has ended, or others took its place. */
  unwatches(taskId: string): void;
  /** The tasks that the connection was told of in the process before. Asked once. */
  watched(): readonly WatchedTask[];
}

/** A plain call of the process before: its task, and the progress that its client was told last. */
export interface ResumedCall {
  readonly taskId: string;
  readonly progress?: ProgressTick;
}

/**
 * A task that a client was told of by the process before, with the state that it was told last, as it went over the
 * wire.
 */
export interface WatchedTask {
  readonly taskId: string;
  readonly told: JsonObject | undefined;
}
