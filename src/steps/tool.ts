import { z } from 'zod';
import type { Failure } from '../core/failure.ts';
import { isJsonObject, type JsonValue, objectOrEmpty } from '../core/json.ts';
import type { ToolResult } from '../core/outcome.ts';
import type { StepResult } from '../engine/journal.ts';
import { defineStepKind, type StepContext, type StepOutput } from '../engine/kind.ts';
import { parsedJson, textOf } from '../engine/step-view.ts';

/** Calls a tool of a downstream server. A result with `isError` is a failed attempt (rule 10). */
export const toolKind = defineStepKind({
  type: 'tool',
  effect: 'acts',
  isDefault: true,
  callsTools: true,
  asks: (what, server) => `${server ?? ''}.${what}`,
  summary:
    'Calls a tool of a downstream MCP server. `.output` is the structured content, else the text when every block is text, ' +
    'else the content blocks; `.text`, `.json`, `.content` and `.is_error` give the other views.',
  example: `id: list_files
type: tool
server: files
action: list_directory
arguments:
  path: "{{input.folder}}"
`,
  fields: () => ({
    server: z.string().min(1).describe('Name of the downstream server in the servers file.'),
    action: z.string().min(1).describe('Name of the tool.'),
    arguments: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Arguments of the tool; templates inside are rendered. Default {}.'),
  }),
  argumentsKey: 'arguments',
  servers: (spec) => [{ name: spec.server, at: ['server'] }],
  fixed: (spec) => [{ name: spec.action, at: ['action'] }],
  expressions: () => [{ at: ['arguments'], as: 'template' }],
  output: (spec) => ({ is: 'tool', server: spec.server, tool: spec.action }),
  call: (spec) => ({
    of: { server: spec.server, tool: spec.action },
    at: ['action'],
    argumentsKey: 'arguments',
  }),
  derived: { content: contentOf, text: (result) => textBlocks(contentOf(result)), json: jsonOf, is_error: isError },
  bind: (spec) => ({
    about: `${spec.server}.${spec.action}`,
    repeatability: (downstream, signal) => {
      const known = downstream.repeatability(spec.server, spec.action);
      return known === 'unknown' ? downstream.learnRepeatability(spec.server, spec.action, signal) : known;
    },
    abandon: (handle, downstream, signal) => downstream.abandon(spec.server, handle, signal),
    execute: async (context) => {
      const args = objectOrEmpty(await context.render(spec.arguments ?? {}));
      context.given(args);
      context.charge('tool_calls', 1);
      const result = await context.downstream.callTool(spec.action, args, callContext(context, spec.server));
      return resultOutput(result);
    },
  }),
});

/** What every downstream call of a step carries. */
export function callContext(
  context: StepContext,
  server: string,
): Parameters<StepContext['downstream']['callTool']>[2] {
  return {
    server,
    signal: context.signal,
    idempotencyKey: context.idempotencyKey,
    onProgress: ({ progress, total, message }) => {
      const part = total === undefined ? String(progress) : `${progress} of ${total}`;
      context.status(message ?? part);
      context.emit({
        level: 'info',
        message: message ?? `${context.path}: ${part}`,
        progress,
        ...(total === undefined ? {} : { total }),
      });
    },
    onHandle: (handle) => context.saveHandle(handle),
    ...(context.handle === undefined ? {} : { handle: context.handle }),
  };
}

function resultOutput(result: ToolResult): StepOutput {
  const content: JsonValue = [...result.content];
  if (result.isError === true) {
    const text = textBlocks(content);
    const failure: Failure = {
      code: 'tool_error',
      message: text === '' ? 'the tool reported an error without a text' : text,
      ...(result.structuredContent === undefined ? {} : { data: result.structuredContent }),
    };
    return { output: null, view: { content, is_error: true }, failure };
  }
  const output = outputOf(result, content);
  const derivable = JSON.stringify(contentFrom(output)) === JSON.stringify(content);
  return derivable ? { output } : { output, view: { content } };
}

function outputOf(result: ToolResult, content: readonly JsonValue[]): JsonValue {
  if (result.structuredContent !== undefined) return result.structuredContent;
  return result.content.every((block) => block.type === 'text') ? textBlocks(content) : content;
}

/**
 * The content a result has when nothing else was stored: one text block with the output, or the output itself when it
 * is the blocks.
 */
function contentFrom(output: JsonValue): JsonValue {
  return Array.isArray(output) ? output : [{ type: 'text', text: textOf(output) }];
}

function contentOf(result: StepResult): JsonValue {
  return result.view?.['content'] ?? (result.status === 'completed' ? contentFrom(result.output) : []);
}

/** The texts of a content block or of a list of them, a line each. */
export function textBlocks(content: JsonValue): string {
  const blocks: readonly JsonValue[] = Array.isArray(content) ? content : [content];
  return blocks
    .flatMap((block) => (isJsonObject(block) && typeof block['text'] === 'string' ? [block['text']] : []))
    .join('\n');
}

function jsonOf(result: StepResult): JsonValue {
  return parsedJson(textBlocks(contentOf(result)));
}

function isError(result: StepResult): JsonValue {
  return result.view?.['is_error'] === true;
}
