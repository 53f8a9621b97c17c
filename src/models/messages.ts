import type { ModelMessage } from 'ai';
import { isJsonObject, objectOrEmpty, type JsonObject, type JsonValue } from '../core/json.ts';

type UserPart = Exclude<Extract<ModelMessage, { role: 'user' }>['content'], string>[number];

/** Messages of MCP's sampling as the library takes them. A block that a model cannot be shown is its JSON text. */
export function toModelMessages(messages: readonly JsonObject[]): ModelMessage[] {
  return messages.map(({ role, content }) => {
    const blocks: readonly JsonValue[] = Array.isArray(content) ? content : [content ?? ''];
    if (role === 'assistant') {
      return { role, content: blocks.map((block) => ({ type: 'text' as const, text: textOf(block) })) };
    }
    return { role: 'user', content: blocks.map(userPart) };
  });
}

function userPart(block: JsonValue): UserPart {
  const { type, data, mimeType } = objectOrEmpty(block);
  if (typeof data !== 'string' || typeof mimeType !== 'string') return { type: 'text', text: textOf(block) };
  switch (type) {
    case 'image':
      return { type: 'image', image: data, mediaType: mimeType };
    case 'audio':
      return { type: 'file', data, mediaType: mimeType };
    default:
      return { type: 'text', text: textOf(block) };
  }
}

function textOf(block: JsonValue): string {
  if (typeof block === 'string') return block;
  if (isJsonObject(block)) {
    const { text, resource } = block;
    if (typeof text === 'string') return text;
    const inside = objectOrEmpty(resource)['text'];
    if (typeof inside === 'string') return inside;
  }
  return JSON.stringify(block);
}
