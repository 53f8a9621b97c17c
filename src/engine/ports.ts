import type { Clock } from '../core/clock.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Outcome, ToolResult } from '../core/outcome.ts';
import type { Definition } from '../definition/model.ts';
import type { InputRequest, Journal } from './journal.ts';

/** What every downstream call carries. */
export interface CallContext {
  readonly server: string;
  /**
   * Aborts on cancel, on the step's timeout and on shutdown; the call must then settle promptly and tell the server.
   */
  readonly signal: AbortSignal;
  /** Sent as `_meta["dev.mcp-workflow/idempotency-key"]`; equal on every attempt of a step. */
  readonly idempotencyKey: string;
  /**
   * To be called when the call's turn has come and its server is reached, directly before it is sent: rejects when the
   * task has ended or is another process's now, and nothing may be sent then.
   */
  readonly onTurn?: () => Promise<void>;
  /** Progress of the downstream call, if it reports any. */
  readonly onProgress?: (progress: {
    readonly progress: number;
    readonly total?: number;
    readonly message?: string;
  }) => void;
  /** A downstream task was created for this call: called before its result is awaited; durable when it resolves. */
  readonly onHandle?: (handle: JsonValue) => Promise<void>;
  /** A handle from an earlier attempt of this very call: re-attach to it instead of calling again. */
  readonly handle?: JsonValue;
}

/** What is known about repeating a tool call. `unknown` is treated as unsafe. */
export type Repeatability = 'read_only' | 'idempotent' | 'unknown';

/**
 * Other MCP servers. Every method rejects with a `StepFailure` (`server_not_found`, `tool_not_found`, `transport`,
 * `timeout`,
 * `invalid_arguments`, `limit_exceeded`, or a JSON-RPC number as text) and with the signal's reason on abort. One
 * server's trouble never reaches another's calls.
 */
export interface Downstream {
  /** A result with `isError` is returned, not thrown: what it means is the caller's business. */
  callTool(tool: string, args: JsonObject, context: CallContext): Promise<ToolResult>;
  readResource(uri: string, context: CallContext): Promise<{ readonly contents: readonly JsonObject[] }>;
  getPrompt(
    name: string,
    args: JsonObject,
    context: CallContext,
  ): Promise<{ readonly description?: string; readonly messages: readonly JsonObject[] }>;
  /**
   * Tells a server that nobody wants the task behind a handle any more; one that is over, or that the server does not
   * know, is as good. Rejects when the server cannot be told within half a minute.
   */
  abandon(server: string, handle: JsonValue, signal: AbortSignal): Promise<void>;
  /** From the tool's annotations when the operator trusts the server, else `unknown`. Never starts a server. */
  repeatability(server: string, tool: string): Repeatability;
  /**
   * The same after asking a trusted server that was not connected yet: it is about to be called anyway, and after a
   * crash its word decides whether an interrupted call may be made again. Never rejects but on abort; a server that
   * cannot be reached is `unknown`.
   */
  learnRepeatability(server: string, tool: string, signal: AbortSignal): Promise<Repeatability>;
}

/** What a model is asked: one turn. */
export interface ModelRequest {
  /** As in MCP's sampling: `{role: user | assistant, content: block or blocks}`. */
  readonly messages: readonly JsonObject[];
  readonly system?: string;
  /** The JSON Schema that the answer should fit; whether it does is for the caller to check. */
  readonly schema?: JsonObject;
  readonly maxTokens: number;
  readonly temperature?: number;
}

/**
 * What a model answered. `stop_reason` in MCP's words (`endTurn`, `maxTokens`, `stopSequence`, `toolUse`), or
 * `refusal`.
 */
export interface ModelAnswer {
  readonly text: string;
  /** The id of the model that answered, as the provider says it. */
  readonly model: string;
  readonly stop_reason: string;
  readonly usage: ModelUsage;
}

/**
 * Tokens of one turn or several; `usd` is absent where the model has no price. `estimated`: the provider did not say,
 * and texts were counted.
 */
export interface ModelUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly total_tokens: number;
  readonly usd?: number;
  readonly estimated?: true;
}

/** The most that a turn can take. `usd` is absent where it cannot be known. */
export interface ModelBound {
  readonly tokens: number;
  readonly usd?: number;
}

/** One call of a model. */
export interface ModelCall {
  /** Aborts on cancel, on the step's timeout and on shutdown; the call must then settle promptly. */
  readonly signal: AbortSignal;
  /**
   * To be called when the call's turn has come, directly before it is sent: rejects when nothing may be sent (any
   * more).
   */
  readonly onTurn?: () => Promise<void>;
  /** The workflow that it is for, for those who count. */
  readonly workflow?: string;
}

/** The models of the models file. */
export interface Models {
  has(name: string): boolean;
  /** The most that this turn can take, before it is made. */
  most(name: string, request: ModelRequest): ModelBound;
  /**
   * Makes one turn, once: whoever calls decides about another try. Rejects with a `StepFailure`: `no_model` (unknown
   * name, its package or a variable is missing), `transport` (unreachable, 429, 5xx; with `retryAfterMs` where the
   * provider says when), `timeout`, `invalid_arguments` (any other 4xx),
   * `limit_exceeded`; and with the signal's reason on abort.
   */
  ask(name: string, request: ModelRequest, call: ModelCall): Promise<ModelAnswer>;
}

/**
 * Asks a person or the client's model. The request belongs to the task record: any connection may answer it, also after
 * a restart.
 */
export interface InputGate {
  /**
   * Records the request under a new key (or finds the one this path asked before) and resolves with the first valid
   * answer. Resolves `undefined` when `timeoutSeconds` have passed since the request was recorded. Rejects on abort.
   * When `signal` aborts and the run goes on (a sibling failed, a deadline passed), nobody wants the answer any more:
   * the request is to be withdrawn.
   */
  ask(
    path: string,
    request: InputRequest,
    options?: { readonly timeoutSeconds?: number; readonly signal?: AbortSignal },
  ): Promise<JsonValue | undefined>;
  /**
   * Whether somebody can be expected to answer. Absent = no: a step that was interrupted then fails instead of waiting
   * for nobody.
   */
  canAsk?(): boolean;
  /** Whether the client that made the task lends its model (sampling). `undefined`, or absent = not known. */
  samples?(): boolean | undefined;
}

/** Child workflows: tasks of their own, linked to the parent, cancelled with it. */
export interface Children {
  /** Starts the child of this step path, or finds the one that was started before. */
  start(path: string, workflow: string, input: JsonObject): Promise<{ readonly taskId: string }>;
  /**
   * How the child ended. Every question that it has open meanwhile goes to `ask`, once; what that resolves with is the
   * child's answer.
   * `withdrawn` aborts when the child wants it no more: answered elsewhere, timed out, ended.
   */
  outcome(taskId: string, signal: AbortSignal, ask?: AskForChild): Promise<Outcome>;
}

/** Puts a question of a child where the parent's own are put. Rejects when it is withdrawn. */
export type AskForChild = (
  question: { readonly path: string; readonly request: InputRequest },
  withdrawn: AbortSignal,
) => Promise<JsonValue | undefined>;

/** Where the run stands, for status messages and percent. Coalesced; never awaited by the engine. */
export interface ProgressSink {
  update(progress: RunProgress): void;
  /** A message for the client (an `emit` step, a downstream progress notification). */
  emit(event: {
    readonly message: string;
    readonly level: string;
    readonly progress?: number;
    readonly total?: number;
    readonly data?: JsonValue;
  }): void;
}

/** One phase of a run (seed 004): `phase` keys in order of appearance, else one per step of the top-level sequence. */
export interface Phase {
  readonly name: string;
  readonly description?: string;
  readonly status: 'pending' | 'working' | 'completed' | 'failed' | 'skipped';
  readonly startedAt?: number;
  readonly endedAt?: number;
}

export interface RunProgress {
  /** Text for a person: `step 3 of 7: screenshot, attempt 2`. */
  readonly message: string;
  /** Floor of completed phases × 100 / phases. Never goes back. */
  readonly percent: number;
  readonly phases: readonly Phase[];
  /** When the run only waits: the wall-clock time at which it goes on by itself. */
  readonly wakeAt?: number;
}

/** Randomness for jitter, in [0, 1). */
export type Random = () => number;

/** A result that is used again. `view` holds what the step left beside its output, values it assigned included. */
export interface KeptResult {
  readonly output: JsonValue;
  readonly view?: JsonObject;
}

/**
 * Results of steps with `cache_seconds`, shared by the tasks of one workflow and principal. A convenience: neither
 * method rejects, what cannot be read is not there, and what cannot be kept is not.
 */
export interface ResultCache {
  /** The result that was kept under this key no longer than `maxAgeMs` ago, by the wall clock. */
  get(key: string, maxAgeMs: number): Promise<KeptResult | undefined>;
  put(key: string, result: KeptResult, ms: number): Promise<void>;
}

/** Everything a run needs from outside; nothing else reaches the engine (invariant E4). */
export interface RunPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly downstream: Downstream;
  readonly input: InputGate;
  readonly children: Children;
  readonly progress: ProgressSink;
  readonly journal: Journal;
  /** Absent = there is no models file. */
  readonly models?: Models;
  /** Absent = `cache_seconds` has no effect. */
  readonly cache?: ResultCache;
}

/** What a run is about. */
export interface RunTask {
  readonly taskId: string;
  readonly createdAt: number;
  /** When its turn came, where it had to wait for one, or when it was last resumed: its time limits count from then. */
  readonly begunAt?: number;
  /** Validated arguments of the call, defaults not yet merged. */
  readonly input: JsonObject;
  /** `variables.saved` as of the task's creation. */
  readonly saved: JsonObject;
  /** The occurrence that started it, ISO 8601, for `schedule.time`. */
  readonly scheduleTime?: string;
  /** Depth of nesting by `workflow` steps; 0 at the top. */
  readonly depth: number;
}

/** How a run ended, and what a client should know beside it. */
export interface RunEnd {
  readonly outcome: Exclude<Outcome, { kind: 'cancelled' }>;
  readonly warnings: readonly string[];
}

/** What was done to clean up after a task that was ended from outside. */
export interface CleanUpReport {
  /** One line for each step that was to be undone: `{step, by, status: completed | failed, error?}`. */
  readonly undone: readonly JsonObject[];
  readonly warnings: readonly string[];
}

/**
 * The engine as the task manager uses it. `run` walks the definition from the top; a step path with a checkpoint
 * returns it, so the same call starts a task and resumes one after a crash. It rejects only with the signal's reason
 * (`Interruption`), with the journal's rejection, or on a bug; a failed workflow is an outcome.
 */
export interface WorkflowRunner {
  run(definition: Definition, task: RunTask, ports: RunPorts, signal: AbortSignal): Promise<RunEnd>;
  /** False only when no run of the definition can read what earlier ones have saved; `task.saved` may then be empty. */
  mayReadSaved(definition: Definition): boolean;
  /**
   * True when something is left to do after a cancel: a finished step with `compensate`, or a `finally`. Decided from
   * the journal.
   */
  needsCleanUp(definition: Definition, journal: Journal): boolean;
  /**
   * Runs that rest, with checkpoints of its own under `cleanup/…` paths. Resumable like `run`; the report is then of
   * the whole.
   */
  cleanUp(definition: Definition, task: RunTask, ports: RunPorts, signal: AbortSignal): Promise<CleanUpReport>;
}
