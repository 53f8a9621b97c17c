import type { Config } from '../config.ts';
import type { Logger } from '../core/logger.ts';
import type { Issue, JsonSchema, LoadedDefinition } from '../definition/model.ts';
import type { Schedules } from '../schedule/schedules.ts';
import type { TaskService } from '../tasks/task.ts';

/** The part of an open engine that the commands use; `compose.ts` builds it. */
export interface EngineDoor {
  readonly definitions: {
    list(): readonly LoadedDefinition[];
    get(name: string): LoadedDefinition | undefined;
    issues(): readonly Issue[];
  };
  readonly tasks: TaskService;
  readonly schedules: Pick<Schedules, 'list' | 'pause' | 'resume' | 'runNow'>;
  schema(): JsonSchema;
  serveHttp(host: string, port: number): Promise<{ readonly url: string; close(): Promise<void> }>;
  serveStdio(): Promise<{ readonly closed: Promise<void>; close(): Promise<void> }>;
  /** Stops runs (their tasks stay open for the next start), servers and the store. */
  close(): Promise<void>;
}

/**
 * `claims`: which tasks this process runs. `all`: its own and those that nobody runs (`serve`). `own`: those it creates (`run`).
 * `none`: it looks and answers only (`tasks …`).
 */
export interface OpenOptions {
  readonly claims: 'all' | 'own' | 'none';
  readonly logger: Logger;
  readonly watch?: boolean;
}

export type OpenEngine = (config: Config, options: OpenOptions) => Promise<EngineDoor>;
