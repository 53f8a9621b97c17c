import type { JSONRPCErrorResponse, JSONRPCMessage } from '@modelcontextprotocol/server';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { beyondBounds, type JsonBounds } from '../core/json-scan.ts';
import { RPC } from '../protocol/errors.ts';

/** A line as a message, or the error that answers it. */
export type Screened =
  | { readonly ok: true; readonly message: JSONRPCMessage }
  | { readonly ok: false; readonly answer: JSONRPCErrorResponse };

const MEMBERS = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error']);

/**
 * Reads one line. It lets through what the SDKs take to be a message; they drop anything else in silence, and the
 * client would wait for ever.
 */
export function screenMessage(line: Buffer, bounds: JsonBounds): Screened {
  const beyond = beyondBounds(line, bounds);
  if (beyond !== undefined) return tooMuch(line, beyond);
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8').trim());
  } catch {
    return refused(undefined, RPC.parseError, 'Parse error: the line is not JSON');
  }
  if (!isJsonObject(value)) return refused(undefined, RPC.invalidRequest, 'Invalid request: an object is expected');
  const problem = problemOf(value);
  if (problem !== undefined) return refused(value['id'], RPC.invalidRequest, `Invalid request: ${problem}`);
  return { ok: true, message: value as unknown as JSONRPCMessage }; // checked just now
}

/** An answer is never answered: whoever asked hears that it could not be read. */
function tooMuch(line: Buffer, beyond: string): Screened {
  const answer = unreadAnswer(line, beyond);
  return answer === undefined
    ? refused(idIn(line), RPC.invalidRequest, `Invalid request: the message ${beyond}`)
    : { ok: true, message: answer };
}

/**
 * In place of an answer that is over its bounds, and so not parsed: an error under its id. `undefined` for any other
 * message.
 */
export function unreadAnswer(bytes: Buffer, beyond: string): JSONRPCErrorResponse | undefined {
  const isAnswer =
    /^\s*\{\s*(?:"(?:jsonrpc|id)"\s*:\s*(?:\d{1,15}|"[^"\\]{1,100}")\s*,\s*){0,2}"(?:result|error)"\s*:/u.test(
      bytes.toString('utf8', 0, 400),
    );
  const id = isAnswer ? idIn(bytes) : undefined;
  if (id === undefined) return undefined;
  return { jsonrpc: '2.0', id, error: { code: RPC.invalidRequest, message: `the answer ${beyond}` } };
}

/** The id of a message that is not parsed, where it stands at one of its ends, as clients write it. */
function idIn(line: Buffer): string | number | undefined {
  const ends = [line.toString('utf8', 0, 200), line.subarray(-200).toString('utf8')];
  const found =
    /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?(?:"method"\s*:\s*"[^"\\]{1,100}"\s*,\s*)?"id"\s*:\s*(\d{1,15}|"[^"\\]{1,100}")/u.exec(
      ends[0] ?? '',
    ) ?? /"id"\s*:\s*(\d{1,15}|"[^"\\]{1,100}")\s*\}\s*$/u.exec(ends[1] ?? '');
  const text = found?.[1];
  return text === undefined ? undefined : text.startsWith('"') ? text.slice(1, -1) : Number(text);
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
