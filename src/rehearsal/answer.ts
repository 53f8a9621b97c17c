import { StepFailure } from '../core/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { ContentBlock, Outcome, ToolResult } from '../core/outcome.ts';

/** What stands in for the outside world at one attempt of a step: it completes with an output, or it fails. */
export type Answer =
  | { readonly output: JsonValue }
  | { readonly error: { readonly code: string | undefined; readonly message: string; readonly data?: JsonValue } };

/**
 * A tool's result: an object is structured content, a list of content blocks is itself, anything else is text (JSON if
 * it is no text).
 */
export function toolResult(answer: Answer): ToolResult {
  if ('error' in answer) {
    const { code, message, data } = answer.error;
    if (code !== undefined && code !== 'tool_error') throw failureOf(answer, code);
    return {
      content: [{ type: 'text', text: message }],
      isError: true,
      ...(isJsonObject(data) ? { structuredContent: data } : {}),
    };
  }
  const { output } = answer;
  if (isJsonObject(output)) return { content: [textBlock(output)], structuredContent: output };
  if (isContent(output)) return { content: output };
  return { content: output === null ? [] : [textBlock(output)] };
}

/** The contents of a resource: a list of contents as it is, anything else as one text. */
export function resourceContents(answer: Answer, uri: string): readonly JsonObject[] {
  const output = outputOf(answer, 'transport');
  if (Array.isArray(output) && output.every(isJsonObject)) return output;
  return [{ uri, text: textIn(output) }];
}

/** The messages of a prompt: a list of messages as it is, anything else as one text of the user. */
export function promptMessages(answer: Answer): readonly JsonObject[] {
  const output = outputOf(answer, 'transport');
  if (Array.isArray(output) && output.every(isJsonObject)) return output;
  return [{ role: 'user', content: textBlock(output) }];
}

const NOT_ACCEPTED: ReadonlyMap<string, JsonValue | undefined> = new Map([
  ['input_declined', { action: 'decline' }],
  ['input_cancelled', { action: 'cancel' }],
  ['input_timeout', undefined],
]);

/**
 * The answer to a question by its MCP method. The failures that a person causes are what the person did, so that
 * `on_decline` and the like see them. `undefined` = nobody answered in time.
 */
export function inputResponse(answer: Answer, method: string): JsonValue | undefined {
  const code = 'error' in answer ? (answer.error.code ?? 'input_declined') : '';
  if (method === 'elicitation/create' && NOT_ACCEPTED.has(code)) return NOT_ACCEPTED.get(code);
  if ('error' in answer && answer.error.code === 'timeout') return undefined;
  const output = outputOf(answer, 'tool_error');
  switch (method) {
    case 'elicitation/create':
      return { action: 'accept', content: output };
    case 'roots/list':
      return { roots: output };
    default:
      return { role: 'assistant', model: 'rehearsal', content: textBlock(output) };
  }
}

/** How a child workflow ended. */
export function childOutcome(answer: Answer): Outcome {
  if ('output' in answer) {
    const output = isJsonObject(answer.output) ? answer.output : { result: answer.output };
    return { kind: 'result', result: { content: [textBlock(output)], structuredContent: output }, output };
  }
  const { code, message } = answer.error;
  if (code !== undefined && code !== 'child_failed') throw failureOf(answer, code);
  return {
    kind: 'result',
    result: { content: [{ type: 'text', text: message }], isError: true },
    output: null,
    failure: { code: 'child_failed', message },
  };
}

/** The output, or the failure thrown; `code` is for one that says none. */
export function outputOf(answer: Answer, code: string): JsonValue {
  if ('output' in answer) return answer.output;
  throw failureOf(answer, answer.error.code ?? code);
}

function failureOf({ error }: Extract<Answer, { error: unknown }>, code: string): StepFailure {
  const { message, data } = error;
  return new StepFailure({ code, message, ...(data === undefined ? {} : { data }) });
}

function isContent(value: JsonValue): value is readonly ContentBlock[] {
  return Array.isArray(value) && value.length > 0 && value.every((block) => isJsonObject(block) && 'type' in block);
}

function textBlock(value: JsonValue): ContentBlock {
  return { type: 'text', text: textIn(value) };
}

function textIn(value: JsonValue): string {
  if (typeof value === 'string') return value;
  return value === null ? '' : JSON.stringify(value);
}
