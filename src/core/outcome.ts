import type { Failure } from './failure.ts';
import type { JsonObject, JsonValue } from './json.ts';

/** One content block of a tool result, as MCP spells it (`type: text | image | audio | resource | resource_link`). */
export type ContentBlock = JsonObject & { readonly type: string };

/** An MCP tool result in the form common to both generations. */
export interface ToolResult {
  readonly content: readonly ContentBlock[];
  readonly structuredContent?: JsonObject;
  readonly isError?: boolean;
  readonly _meta?: JsonObject;
}

/**
 * How a task ended, neutral of the protocol generation: each codec derives its status from this.
 * `result`: the workflow came to an end of its own, with `isError` when it failed; `failure` then says why.
 * `error`: a JSON-RPC error is the outcome (a `fail` step whose code is a number). `cancelled`: somebody cancelled it.
 */
export type Outcome =
  | { readonly kind: 'result'; readonly result: ToolResult; readonly output: JsonValue; readonly failure?: Failure }
  | {
      readonly kind: 'error';
      readonly code: number;
      readonly message: string;
      readonly data?: JsonValue;
      readonly failure: Failure;
    }
  | { readonly kind: 'cancelled'; readonly reason: string };

/** Status as people and the command line see it. Codecs have their own tables. */
export type TaskStatus = 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';

/** The neutral status of an outcome: a failed workflow is `failed`, whichever wire form it takes. */
export function statusOf(outcome: Outcome): 'completed' | 'failed' | 'cancelled' {
  switch (outcome.kind) {
    case 'result':
      return outcome.result.isError === true ? 'failed' : 'completed';
    case 'error':
      return 'failed';
    case 'cancelled':
      return 'cancelled';
  }
}
