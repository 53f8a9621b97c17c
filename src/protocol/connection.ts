import type { Caller } from './caller.ts';
import type { ProgressTick } from './progress.ts';

/** What a transport knows of a connection when it asks a generation for a server. */
export interface ConnectionContext {
  readonly caller: Caller;
  /** Aborts when the server is stopping: requests that wait are answered at once. */
  readonly hurry: AbortSignal;
  /** Of a connection that can go on in another process. */
  readonly calls?: ResumableCalls;
}

/** Plain calls of a connection that can go on in another process: which task each has become. */
export interface ResumableCalls {
  /** The call has become this task, which is durable. */
  began(requestId: string | number, taskId: string): void;
  /** What this call became in the process before; `undefined` for a new call. Asked once. */
  resumed(requestId: string | number): ResumedCall | undefined;
}

/** A plain call of the process before: its task, and the progress that its client was told last. */
export interface ResumedCall {
  readonly taskId: string;
  readonly progress?: ProgressTick;
}
