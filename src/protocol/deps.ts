import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { JsonObject } from '../core/json.ts';
import type { JsonBounds } from '../core/json-scan.ts';
import type { JsonSchema, LoadedDefinition } from '../definition/model.ts';
import type { StepSyntaxTable } from '../definition/step-syntax.ts';
import type { TaskService } from '../tasks/task.ts';
import type { ToolRoom } from './tool-rooms.ts';

/** The definitions that are served now. A definition that changed on disk is another value with another digest. */
export interface DefinitionSource {
  list(): readonly LoadedDefinition[];
  get(name: string): LoadedDefinition | undefined;
  /** Called after the set or the content of the definitions changed. Returns the unsubscribe function. */
  onChange(listener: () => void): () => void;
}

/**
 * What an operator-trusted server says of one of its tools. An absent member is unknown, and unknown counts as the
 * worst.
 */
export interface ToolFacts {
  readonly readOnly?: boolean;
  readonly destructive?: boolean;
  readonly idempotent?: boolean;
  readonly openWorld?: boolean;
}

/** Facts on a downstream tool; `undefined` = nothing is known. Never starts a server and never throws. */
export type FactsLookup = (server: string, tool: string) => ToolFacts | undefined;

export interface ProtocolSettings {
  /** Milliseconds a plain call may last before it is answered with the task's id while the run goes on (45 000). */
  readonly inlineWaitMs: number;
  /** A tool result whose JSON is longer than this many bytes goes to clients without Tasks as a summary with a link. */
  readonly resultLimitBytes: number;
  /** Workflows that are published: by name or tag. Absent = all. Tasks of the others stay reachable. */
  readonly expose?: { readonly names: readonly string[]; readonly tags: readonly string[] };
  /** How much one message of a client may hold; checked before it is parsed. */
  readonly messageBounds: JsonBounds;
  /** Publish `workflow_search` and `workflow_run` instead of one tool per workflow, for hosts with a tool limit. */
  readonly compact: boolean;
  /**
   * A `decline` or `cancel` that arrives sooner than this many milliseconds after the question was shown by nobody: the
   * host answered for the person, and the question stays open.
   */
  readonly instantDeclineMs: number;
}

export const DEFAULT_PROTOCOL_SETTINGS: ProtocolSettings = {
  inlineWaitMs: 45_000,
  resultLimitBytes: 100_000,
  messageBounds: { values: 100_000, depth: 200 },
  compact: false,
  instantDeclineMs: 200,
};

/** For `/readyz`: `ready` when the store is writable and recovery has been ordered. `problems` are fit to be shown. */
export interface Health {
  readonly ready: boolean;
  readonly problems: readonly string[];
}

/** Everything the protocol room needs from outside. Built by `compose`; one value for the process. */
export interface ProtocolDeps {
  readonly tasks: TaskService;
  readonly definitions: DefinitionSource;
  readonly facts: FactsLookup;
  readonly syntaxes: StepSyntaxTable;
  /** The JSON Schema of a definition, for `workflow://schema`. */
  readonly schema: () => JsonSchema;
  /**
   * The schedules of all workflows, by name, in `last` the `taskId` of a task of `local`. Absent = this process knows
   * none.
   */
  readonly schedules?: () => Promise<readonly (JsonObject & { readonly workflow: string })[]>;
  /** Rooms that publish tools of their own beside the workflows. */
  readonly toolRooms?: readonly ToolRoom[];
  readonly logger: Logger;
  readonly clock: Clock;
  /** Unguessable ids: session ids, correlation ids, event ids. */
  readonly ids: () => string;
  readonly settings: ProtocolSettings;
  readonly health: () => Health | Promise<Health>;
  /** Prometheus text. */
  readonly metrics: () => string;
  /**
   * At least 32 secret bytes that sign the `requestState` of multi round-trip requests, kept in the data folder, so
   * that every server on it, also after a restart, takes up a round that another began. Absent: a key that ends with
   * the process.
   */
  readonly requestStateKey?: Uint8Array;
  /** Name and version the server presents itself with. */
  readonly serverInfo: { readonly name: string; readonly version: string };
}
