import { z } from 'zod';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { ContentBlock, ToolResult } from '../core/outcome.ts';

/** Results are read as loosely as is safe: a block of a type that came after us is passed on, not refused. */
export const toolResultSchema = z.looseObject({
  content: z.array(z.looseObject({ type: z.string() })).optional(),
  isError: z.boolean().optional(),
});

export const resourceResultSchema = z.looseObject({ contents: z.array(z.looseObject({})) });

export const promptResultSchema = z.looseObject({
  description: z.string().optional(),
  messages: z.array(z.looseObject({})),
});

/**
 * The answer of `tools/call`. Structured content that is no object is put under `result`, as the SDK does for older
 * peers.
 */
export function toToolResult(answer: z.infer<typeof toolResultSchema>): ToolResult {
  const structured = fromJson(answer['structuredContent']);
  const meta = fromJson(answer['_meta']);
  return {
    // Each block has a type (checked) and the rest of it comes out of JSON.
    content: (answer.content ?? []) as unknown as readonly ContentBlock[],
    ...(structured === undefined || structured === null
      ? {}
      : { structuredContent: isJsonObject(structured) ? structured : { result: structured } }),
    ...(answer.isError === true ? { isError: true } : {}),
    ...(isJsonObject(meta) ? { _meta: meta } : {}),
  };
}

/** The parse door for objects of answers: they come out of JSON, so their members are JSON values. */
export function jsonObjects(values: readonly Record<string, unknown>[]): readonly JsonObject[] {
  return values as unknown as readonly JsonObject[];
}

function fromJson(value: unknown): JsonValue | undefined {
  return value as JsonValue | undefined;
}
