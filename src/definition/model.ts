import type { JsonObject, JsonValue } from '../core/json.ts';

/** A JSON Schema 2020-12 object, kept verbatim. */
export type JsonSchema = JsonObject;

/** `retry` of a step. Delays in seconds. A number may be a template that gives it. */
export interface RetryPolicy {
  /** Attempts in all, the first one included. */
  readonly max_attempts: number | string;
  readonly delay_seconds?: number | string;
  readonly backoff?: 'fixed' | 'linear' | 'exponential';
  readonly max_delay_seconds?: number | string;
  readonly jitter?: boolean;
  readonly retry_on?: readonly FailureMatch[];
  readonly no_retry_on?: readonly FailureMatch[];
  /** Step to run when every attempt has failed. Wins over the step's `on_error`. */
  readonly on_fail?: string;
}

/** An error code, or a text the error message contains (case-insensitive). */
export type FailureMatch = string | { readonly contains: string };

/** `on_error`: a step id, or a step id with arguments that replace the target's own. */
export type OnError = string | { readonly step: string; readonly arguments?: JsonObject };

/** Keys every step has, whatever its kind. */
export interface StepCommon {
  readonly id: string;
  readonly type: string;
  readonly description?: string;
  readonly phase?: string;
  /** A condition; when it is false the step is `skipped`. */
  readonly when?: string;
  /** For each attempt. */
  readonly timeout_seconds?: number | string;
  readonly retry?: RetryPolicy;
  readonly on_error?: OnError;
  readonly save_output_to?: string;
  readonly depends_on?: readonly string[];
  readonly can_fail_safely?: boolean;
  readonly critical?: boolean;
  readonly compensate?: Step;
  readonly idempotent?: boolean;
  readonly on_interrupt?: 'retry' | 'fail' | 'ask';
  readonly cache_seconds?: number;
}

/**
 * A step as written, with defaults filled in (`type: tool` where `server` and `action` are given) and checked against
 * the schema of its kind. Keys of the kind itself are read by the kind, which parses the step once when it is bound.
 */
export type Step = StepCommon & { readonly [key: string]: unknown };

/** One entry of `conditionals`, evaluated once, right after the last step it reads (rule 8). */
export interface Conditional {
  readonly name: string;
  readonly condition: string;
  readonly if_true: readonly string[];
  readonly if_false: readonly string[];
}

export interface Variables {
  /** Defaults of the arguments; `null` = no default. */
  readonly input: JsonObject;
  /** Initial `variables.output`; `undefined` when the definition does not declare it. */
  readonly output?: JsonObject;
  readonly global: JsonObject;
  readonly saved: JsonObject;
}

export interface CatchClause {
  /** Absent = every failure. */
  readonly match?: readonly FailureMatch[];
  readonly steps: readonly Step[];
}

export type Schedule = {
  readonly timezone?: string;
  readonly overlap?: 'skip' | 'queue' | 'allow' | 'cancel_previous';
  readonly catch_up?: 'none' | 'latest' | 'all';
  readonly catch_up_window_seconds?: number;
  readonly jitter_seconds?: number;
  readonly input?: JsonObject;
} & (
  | { readonly type: 'cron'; readonly expression: string }
  | { readonly type: 'interval'; readonly seconds: number }
  | { readonly type: 'once'; readonly at: string }
);

export interface Budget {
  readonly tool_calls?: number;
  readonly seconds?: number;
  readonly bytes?: number;
  readonly tokens?: number;
  readonly usd?: number;
}

/** One argument of a prompt; its values are texts, as MCP sends them. */
export interface PromptArgument {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly required?: boolean;
  /** Values to complete from; others are accepted too. */
  readonly values?: readonly string[];
}

/** One message of a prompt: an MCP content block with templates inside. */
export interface PromptMessage {
  readonly role: 'user' | 'assistant';
  readonly content: JsonObject;
}

/**
 * A prompt in the words of the author. Templates read `input` (the arguments), `answer` (what a person entered in the
 * form of `ask`) and
 * `workflow.name`. Without a `name` it takes the place of the prompt that every workflow has.
 */
export interface WorkflowPrompt {
  readonly name?: string;
  readonly title?: string;
  readonly description?: string;
  /** Absent = the arguments of the workflow. */
  readonly arguments?: readonly PromptArgument[];
  /**
   * A form for the person, before the messages are made. `schema` is a flat JSON Schema object, as MCP elicitation
   * allows.
   */
  readonly ask?: { readonly message: string; readonly schema: JsonSchema };
  readonly messages: readonly PromptMessage[];
}

/**
 * A resource beside a workflow. Exactly one of `uri` and `uri_template`, and exactly one of `text`, `blob` (base64) and
 * `file` (a path beside the definition's file). With `uri_template`, text is a template over `input`, the variables of
 * the URI.
 */
export interface WorkflowResource {
  readonly uri?: string;
  readonly uri_template?: string;
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly mime_type?: string;
  readonly text?: string;
  readonly blob?: string;
  readonly file?: string;
}

/** A test of a definition, run by `mcp-workflow test` with mocked steps. */
export interface DefinitionTest {
  readonly name: string;
  readonly input?: JsonObject;
  readonly mocks?: { readonly [stepId: string]: JsonObject };
  readonly expect: JsonObject;
}

/**
 * A valid definition: deeply frozen, defaults filled in, safe to run. The same value is kept as a task's snapshot, so
 * it is plain JSON all through and `parseSnapshot` gives it back after a restart.
 */
export interface Definition {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly variables: Variables;
  /** As declared, else inferred from `variables.input` (types from the defaults, unknown arguments refused). */
  readonly input_schema: JsonSchema;
  readonly output_schema?: JsonSchema;
  readonly output?: JsonValue;
  readonly result?: {
    readonly content?: readonly (JsonObject | string)[] | string;
    readonly is_error?: boolean | string;
  };
  /** Wire word of `execution.taskSupport`. */
  readonly task: 'optional' | 'required' | 'forbidden';
  readonly strict: boolean;
  readonly timeout_seconds?: number | string;
  readonly concurrency?: { readonly limit: number; readonly on_conflict?: 'queue' | 'reject' | 'cancel_previous' };
  readonly budget?: Budget;
  readonly idempotency_key?: string;
  readonly schedule?: Schedule;
  readonly secrets: readonly string[];
  readonly prompt?: WorkflowPrompt;
  readonly resources?: readonly WorkflowResource[];
  readonly steps: readonly Step[];
  readonly conditionals: readonly Conditional[];
  readonly on_error?: OnError;
  readonly catch?: readonly CatchClause[];
  readonly finally?: readonly Step[];
  readonly tests: readonly DefinitionTest[];
}

/** The content of a file that a definition names: a text when it is UTF-8, else base64. */
export type AttachedFile = { readonly text: string } | { readonly blob: string };

/** Why a file that a definition names could not be had. Whoever reads it is told. */
export interface MissingFile {
  readonly problem: string;
}

/** A definition with what identifies its content. */
export interface LoadedDefinition {
  readonly definition: Definition;
  /** SHA-256 over the canonical JSON of `definition`, hex. Tasks name their snapshot by it. */
  readonly digest: string;
  /** Path of the file it came from, for messages. */
  readonly file: string;
  /** The files that `resources` name, by the path as it is written there. Absent = it names none. */
  readonly files?: { readonly [path: string]: AttachedFile | MissingFile };
}

/** One thing that is wrong with a definition file. `line` and `column` are 1-based. */
export interface Issue {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Stable word, e.g. `unknown_step`; the list is in docs/definition-language.md. */
  readonly code: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** JSON Pointer-like path inside the document, e.g. `/steps/2/arguments`. */
  readonly path?: string;
}
