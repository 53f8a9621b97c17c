import type { Caller } from './caller.ts';

/** What a transport knows of a connection when it asks a generation for a server. */
export interface ConnectionContext {
  readonly caller: Caller;
  /** Aborts when the server is stopping: requests that wait are answered at once. */
  readonly hurry: AbortSignal;
}
