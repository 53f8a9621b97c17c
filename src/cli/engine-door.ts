import type { Config } from '../config.ts';
import type { Logger } from '../core/logger.ts';
import type { Issue, JsonSchema, LoadedDefinition } from '../definition/model.ts';
import type { ToolFacts } from '../downstream/tool-table.ts';
import type { Schedules } from '../schedule/schedules.ts';
import type { Greeted } from '../transports/greeter.ts';
import type { TaskService } from '../tasks/task.ts';

/** The part of an open engine that the commands use; `compose.ts` builds it. */
export interface EngineDoor {
  readonly definitions: {
    list(): readonly LoadedDefinition[];
    get(name: string): LoadedDefinition | undefined;
    issues(): readonly Issue[];
    errorsOf(name: string): readonly Issue[];
  };
  readonly tasks: TaskService;
  readonly schedules: Pick<Schedules, 'list' | 'upcoming' | 'pause' | 'resume' | 'runNow'>;
  schema(): JsonSchema;
  serveHttp(host: string, port: number): Promise<{ readonly url: string; close(): Promise<void> }>;
  serveStdio(greeted?: Greeted): Promise<{ readonly closed: Promise<void>; close(): Promise<void> }>;
  /** Stops runs (their tasks stay open for the next start), servers and the store. */
  close(): Promise<void>;
}

/**
 * `claims`: which tasks this process runs. `all`: its own and those that nobody runs (`serve`). `own`: those it creates
 * (`run`).
 * `none`: it looks and answers only (`tasks …`).
 */
export interface OpenOptions {
  readonly claims: 'all' | 'own' | 'none';
  readonly logger: Logger;
  readonly watch?: boolean;
  /** Nothing is to be kept that is not there yet: a data folder that does not exist is not made, and looks empty. */
  readonly onlyLooks?: boolean;
  /**
   * The command is about tasks alone: it goes on without a folder of definitions, and says where there are no tasks at
   * all.
   */
  readonly aboutTasks?: boolean;
  /** Called when the definitions are known and nothing has been made yet; what it throws ends the opening. */
  readonly prepare?: (definitions: EngineDoor['definitions']) => Promise<void>;
}

export type OpenEngine = (config: Config, options: OpenOptions) => Promise<EngineDoor>;

/**
 * The servers of the servers file without the rest of the engine: no definitions, no store. Nothing starts before it is
 * asked for.
 */
export interface ServersDoor {
  /** Names in the order of the file, without those that are disabled. */
  readonly names: readonly string[];
  /**
   * Starts or reaches a server and gives its tools. Rejects with a `StepFailure` that says why it cannot be reached,
   * and with the signal's reason.
   */
  tools(server: string, signal: AbortSignal): Promise<readonly ToolFacts[]>;
  /** Stops every server that was started. */
  close(): Promise<void>;
}

/** @throws ConfigError when the servers file cannot be read */
export type OpenServers = (config: Config, logger: Logger) => Promise<ServersDoor>;
