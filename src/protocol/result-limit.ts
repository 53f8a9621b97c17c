import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { ContentBlock, ToolResult } from '../core/outcome.ts';
import { URI } from './resource-uris.ts';

/** How much of a large text is shown before the link. */
const HEAD_CHARS = 2_000;

/** What a host shows of it: the blocks, or the structured content, which says the same. It counts once. */
function sizeOf({ content, structuredContent }: ToolResult): number {
  return Math.max(...[content, structuredContent ?? null].map((part) => Buffer.byteLength(JSON.stringify(part))));
}

/**
 * A result for a client that has no Tasks: as it is, or, when its JSON is longer than `limitBytes`, the beginning of
 * its text and a link to the whole of it, so that no host cuts it silently. `structured` is what becomes of
 * `structuredContent`: it goes, or it gives way to what the published output schema admits instead of it. A failure
 * needs none.
 */
export function limitResult(
  result: ToolResult,
  taskId: string,
  options: { readonly limitBytes: number; readonly structured: 'drop' | JsonObject },
): ToolResult {
  const bytes = sizeOf(result);
  if (bytes <= options.limitBytes) return result;
  const uri = URI.taskResult(taskId);
  const text = result.content
    .map((block) => (typeof block['text'] === 'string' ? block['text'] : ''))
    .filter(Boolean)
    .join('\n');
  const parts = [
    `The result has ${bytes} bytes, too many to show here. The whole of it is the resource ${uri}.`,
    ...(text === '' ? [] : [`It begins:\n${text.slice(0, HEAD_CHARS)}${text.length > HEAD_CHARS ? '…' : ''}`]),
    ...(isJsonObject(result.structuredContent)
      ? [`Members of the structured result: ${Object.keys(result.structuredContent).slice(0, 50).join(', ')}.`]
      : []),
  ];
  const content: ContentBlock[] = [
    { type: 'text', text: parts.join('\n\n') },
    { type: 'resource_link', uri, name: `result of ${taskId}`, mimeType: 'application/json', size: bytes },
  ];
  const { structured } = options;
  return {
    content,
    ...(structured === 'drop' || result.isError === true ? {} : { structuredContent: structured }),
    ...(result.isError === true ? { isError: true } : {}),
  };
}
