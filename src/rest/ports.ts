import type { Issue } from '../definition/model.ts';
import type { Caller } from '../protocol/caller.ts';
import type { ProtocolDeps } from '../protocol/deps.ts';
import type { Schedules } from '../schedule/schedules.ts';

/** What the REST API is told of a downstream server. Never its command, its address, its environment or its process. */
export interface RestServer {
  readonly server: string;
  readonly kind: string;
  readonly state: string;
  /** Tools as last seen; absent = it was never connected. */
  readonly tools?: number;
  readonly starts: number;
  readonly active: number;
  readonly queued: number;
  readonly lastError?: string;
  readonly retryInMs?: number;
}

/** Everything the REST room needs from outside. Built by `compose`; one value for the process. */
export interface RestPorts extends Pick<
  ProtocolDeps,
  'tasks' | 'definitions' | 'facts' | 'syntaxes' | 'settings' | 'logger' | 'clock' | 'ids' | 'serverInfo'
> {
  readonly schedules: Pick<Schedules, 'list' | 'pause' | 'resume' | 'runNow' | 'upcoming'>;
  readonly servers: () => readonly RestServer[];
  /** What is wrong with the definition files as they are now. */
  readonly issues: () => readonly Issue[];
}

/**
 * Who asks. `listsAll` false: callers are not told apart and need not be one person, so a task id is the only secret,
 * and nothing that shows ids of others is answered.
 */
export type RestCaller = Pick<Caller, 'principal' | 'listsAll'>;
