import { parseJSONRPCMessage, type JSONRPCMessage } from '@modelcontextprotocol/client';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';

/** Members whose contents belong to the server's data: a `null` inside them means something. */
const DATA = new Set([
  'structuredContent',
  'arguments',
  'inputSchema',
  'outputSchema',
  'requestedSchema',
  'data',
  '_meta',
]);

/**
 * A message of a server as it was meant. A member that may be absent and is `null` is absent, whatever the message:
 * languages whose absent values are null write them so.
 */
export function withoutNulls(message: JsonObject): JsonObject {
  // No result and no error is no answer: what asked for one says so.
  const answersNothing = message['result'] === null && (message['error'] ?? null) === null;
  return { ...withoutNullMembers(message), ...(answersNothing ? { result: null } : {}) };
}

/** What a server may tell us unasked; anything else of the kind has nobody who listens. */
const HEARD = new Set([
  'notifications/cancelled',
  'notifications/progress',
  'notifications/tools/list_changed',
  'notifications/elicitation/complete',
]);

/** A notification that nobody here listens to: it goes no further, and costs no more than its reading. */
export function isUnheard(value: JsonValue): boolean {
  if (!isJsonObject(value) || value['id'] !== undefined) return false;
  const { method } = value;
  return typeof method === 'string' && method.startsWith('notifications/') && !HEARD.has(method);
}

/**
 * The message of a line; `undefined` for a notification that nobody listens to. @throws whatever is wrong with it: it
 * is no JSON, or no JSON-RPC.
 */
export function readServerMessage(text: string): JSONRPCMessage | undefined {
  const value = JSON.parse(text) as JsonValue;
  if (isUnheard(value)) return undefined;
  return parseJSONRPCMessage(isJsonObject(value) && text.includes('null') ? withoutNulls(value) : value);
}

/**
 * The text of a message without its nulls, for a reader that is not ours; the same text where nothing is to be done, or
 * it is no JSON.
 */
export function textWithoutNulls(text: string): string {
  if (!text.includes('null')) return text;
  try {
    const value = JSON.parse(text) as JsonValue;
    return isJsonObject(value) ? JSON.stringify(withoutNulls(value)) : text;
  } catch {
    return text;
  }
}

function withoutNullMembers(value: JsonObject): JsonObject {
  const kept: Record<string, JsonValue> = {};
  for (const [key, member] of Object.entries(value)) {
    if (member === null) continue;
    kept[key] = DATA.has(key) ? member : cleaned(member);
  }
  return kept;
}

function cleaned(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(cleaned);
  return isJsonObject(value) ? withoutNullMembers(value) : value;
}
