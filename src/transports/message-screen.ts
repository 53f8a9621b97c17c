import type { JSONRPCErrorResponse, JSONRPCMessage } from '@modelcontextprotocol/server';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { RPC } from '../protocol/errors.ts';

/** A line as a message, or the error that answers it. */
export type Screened =
  | { readonly ok: true; readonly message: JSONRPCMessage }
  | { readonly ok: false; readonly answer: JSONRPCErrorResponse };

const MEMBERS = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error']);

/**
 * Reads one line. It lets through what the SDKs take to be a message; they drop anything else in silence, and the client would
 * wait for ever.
 */
export function screenMessage(line: string): Screened {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return refused(undefined, RPC.parseError, 'Parse error: the line is not JSON');
  }
  if (!isJsonObject(value)) return refused(undefined, RPC.invalidRequest, 'Invalid request: an object is expected');
  const problem = problemOf(value);
  if (problem !== undefined) return refused(value['id'], RPC.invalidRequest, `Invalid request: ${problem}`);
  return { ok: true, message: value as unknown as JSONRPCMessage }; // checked just now
}

function problemOf(message: JsonObject): string | undefined {
  if (message['jsonrpc'] !== '2.0') return 'jsonrpc: "2.0" is expected';
  const stray = Object.keys(message).find((key) => !MEMBERS.has(key));
  if (stray !== undefined) return `${stray}: no such member`;
  const { method } = message;
  if (method === undefined) {
    // An answer is never answered. One that fits no request of ours is dropped further on.
    return Object.hasOwn(message, 'result') || Object.hasOwn(message, 'error') ? undefined : 'method: missing';
  }
  if (Object.hasOwn(message, 'id') && !isId(message['id'])) return 'id: a string or an integer is expected';
  if (typeof method !== 'string') return 'method: a string is expected';
  return Object.hasOwn(message, 'params') ? problemOfParams(message['params']) : undefined;
}

function problemOfParams(params: unknown): string | undefined {
  if (!isJsonObject(params)) return 'params: an object is expected';
  const meta = params['_meta'];
  if (meta === undefined) return undefined;
  if (!isJsonObject(meta)) return 'params/_meta: an object is expected';
  const token = meta['progressToken'];
  if (token !== undefined && !isId(token)) return 'params/_meta/progressToken: a string or an integer is expected';
  const related = meta['io.modelcontextprotocol/related-task'];
  if (related !== undefined && !(isJsonObject(related) && typeof related['taskId'] === 'string')) {
    return 'params/_meta/io.modelcontextprotocol/related-task: an object with a taskId is expected';
  }
  return undefined;
}

function isId(id: unknown): id is string | number {
  return typeof id === 'string' || (typeof id === 'number' && Number.isSafeInteger(id));
}

function refused(id: unknown, code: number, message: string): Screened {
  return { ok: false, answer: { jsonrpc: '2.0', ...(isId(id) ? { id } : {}), error: { code, message } } };
}
