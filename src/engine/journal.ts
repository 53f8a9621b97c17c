import type { Failure, StepFailure } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';

/**
 * How a step path ended. `skipped`: its `when` was false, its dependency failed, or the task was cancelled before it.
 */
export type StepStatus = 'completed' | 'failed' | 'skipped';

/**
 * What a step leaves behind: the checkpoint. `view` holds what templates can read beside `.output` (`text`, `json`,
 * `content`,
 * `messages`, `iterations`, …); members equal to what `output` already gives are left out and derived on read.
 */
export interface StepResult {
  readonly status: StepStatus;
  readonly output: JsonValue;
  readonly view?: JsonObject;
  readonly error?: Failure;
  /** Attempts made, 0 for a skipped step. */
  readonly attempts: number;
}

/** What a task, or one attempt of a step, has used of its budget. `bytes`: of results, as JSON. */
export interface Usage {
  readonly tool_calls: number;
  readonly tokens: number;
  readonly bytes: number;
  /** US dollars for turns of models that we call and that have a price. */
  readonly usd: number;
}

/**
 * A request to a person or to the client's model, in MCP's own shape (`elicitation/create`, `sampling/createMessage`,
 * `roots/list`).
 */
export interface InputRequest {
  readonly method: string;
  readonly params: JsonObject;
}

/**
 * One entry of a task's journal. Entries are appended in order, without gaps, and never changed. `path` is a step path,
 * or a step path followed by `!` and a word for what a step notes beside its checkpoint (`poll[3]!delay`, `pick!case`):
 * such a path is no step of its own. Only `started`, `attempt_failed` and `finished` entries make a row in a step
 * table.
 *
 * `started` is the intent before a call that is not known to be safe to repeat. `finished` is the checkpoint. `timer`
 * fixes a wake-up time, so that a restart waits for the rest only. `handle` is the id of a downstream task to re-attach
 * to.
 * `given` is what the attempt called another server or workflow with, rendered, large parts cut: for people who look,
 * nothing reads it back.
 * `used` is what this one attempt used, its bytes only where the workflow has a budget; the attempts of a step and its
 * checkpoint together are its whole use.
 * `decision` fixes a choice that a replay could not derive (random, time, outside state), or an answer of a model,
 * which is not to be paid twice.
 */
export type JournalEntry =
  | { readonly type: 'started'; readonly path: string; readonly step: string; readonly attempt: number }
  | {
      readonly type: 'attempt_failed';
      readonly path: string;
      readonly step: string;
      readonly attempt: number;
      readonly failure: Failure;
      readonly retryAt?: number;
      /** What the attempt left for the next one to go on from. */
      readonly view?: JsonObject;
      readonly used?: Partial<Usage>;
      readonly given?: JsonValue;
    }
  | { readonly type: 'handle'; readonly path: string; readonly attempt: number; readonly handle: JsonValue }
  | { readonly type: 'timer'; readonly path: string; readonly wakeAt: number }
  | {
      readonly type: 'decision';
      readonly path: string;
      readonly value: JsonValue;
      /** What it took to come by it, where that is counted with this entry and with no other: a turn of a model. */
      readonly used?: Partial<Usage>;
    }
  | {
      readonly type: 'input_requested';
      readonly path: string;
      readonly key: string;
      readonly request: InputRequest;
      readonly expiresAt?: number;
    }
  | { readonly type: 'input_answered'; readonly key: string; readonly response: JsonValue }
  | {
      readonly type: 'finished';
      readonly path: string;
      readonly step: string;
      readonly kind: string;
      readonly startedAt: number;
      readonly result: StepResult;
      readonly saved?: JsonObject;
      readonly used?: Partial<Usage>;
      readonly given?: JsonValue;
    }
  | { readonly type: 'resumed'; readonly from?: string; readonly dropped: readonly string[] }
  | { readonly type: 'emitted'; readonly path: string; readonly message: string; readonly level: string }
  | { readonly type: 'settled'; readonly status: string; readonly failure?: Failure };

/**
 * An entry as stored: numbered from 1 without gaps, with the wall-clock time of its commit, or of its making where that
 * was deferred.
 */
export type StoredEntry = JournalEntry & { readonly seq: number; readonly at: number };

/**
 * The journal of one run as the engine uses it. Reads are from memory: everything committed before this run started
 * plus what it appended itself.
 */
export interface Journal {
  /**
   * Every entry that counts, in order of `seq`: entries of paths that a later `resumed` dropped are left out, so that
   * this and
   * `finished` never disagree. Read once when a run starts (results by name, writes to variables, what to compensate).
   */
  entries(): Iterable<StoredEntry>;
  finished(path: string): Extract<StoredEntry, { type: 'finished' }> | undefined;
  /**
   * The last `started`/`attempt_failed` of a path that has no `finished`: an attempt was in flight, or a retry was
   * waiting.
   */
  lastAttempt(path: string): Extract<StoredEntry, { type: 'started' | 'attempt_failed' }> | undefined;
  timer(path: string): number | undefined;
  decision(path: string): JsonValue | undefined;
  handle(path: string): { readonly attempt: number; readonly handle: JsonValue } | undefined;
  /**
   * Appends entries in one atomic commit and resolves when they are durable, with their sequence numbers. Rejects with
   * `Interruption('fenced')` when another process runs the task now, and with the store's error when the write failed;
   * in both cases nothing was written. What `refusal` says it throws.
   */
  append(...entries: readonly JournalEntry[]): Promise<readonly StoredEntry[]>;
  /** Why these entries cannot be appended now: one is too large, or there are too many. Absent = every entry can. */
  refusal?(...entries: readonly JournalEntry[]): StepFailure | undefined;
  /**
   * Takes entries that become durable with the next append (also one of nothing) or with the task's outcome, whichever
   * comes first, and gives them numbered in their order. Nothing outside the run may follow from them before that; a
   * crash until then takes them away.
   * `undefined` = append them instead; a journal without this method never takes any.
   */
  defer?(...entries: readonly JournalEntry[]): readonly StoredEntry[] | undefined;
}
