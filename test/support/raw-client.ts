import { isJsonObject } from '../../src/core/json.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { PATIENCE_MS } from './patience.ts';

/** The answer was a JSON-RPC error. */
export class RawError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const REVISION = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': REVISION,
  'io.modelcontextprotocol/clientInfo': { name: 'recorder', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {
    elicitation: {},
    extensions: { 'io.modelcontextprotocol/tasks': {} },
  },
};

/**
 * One request of the 2026-07-28 generation without any SDK, for a server that may be killed meanwhile: resolves with
 * the result, rejects with
 * `RawError`, or with whatever `fetch` says when there was no answer, as when `gone` aborts before it comes.
 */
export async function rawRequest(
  url: string,
  method: string,
  params: JsonObject,
  meta: JsonObject = {},
  gone?: AbortSignal,
): Promise<JsonObject> {
  const name = params['name'] ?? params['taskId'] ?? params['uri'];
  const response = await fetch(url, {
    method: 'POST',
    // Whatever is wrong: a server answers or is gone.
    signal: AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), ...(gone === undefined ? [] : [gone])]),
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': REVISION,
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: { ...META, ...meta } } }),
  });
  const message = lastMessage(await response.text());
  const { result, error } = message;
  if (isJsonObject(error)) throw new RawError(Number(error['code']), textOf(error, 'message'));
  if (!isJsonObject(result)) throw new Error(`no answer: ${JSON.stringify(message)}`);
  return result;
}

/** Calls a workflow whose task is required; resolves with the id of its task. */
export async function rawCreate(
  url: string,
  workflow: string,
  meta: JsonObject = {},
  args: JsonObject = {},
): Promise<string> {
  return textOf(await rawRequest(url, 'tools/call', { name: workflow, arguments: args }, meta), 'taskId');
}

/** The status of a task. */
export async function rawStatus(url: string, taskId: string): Promise<string> {
  return textOf(await rawRequest(url, 'tasks/get', { taskId }), 'status');
}

/** A member that has to be a text. */
export function textOf(value: JsonObject, member: string): string {
  const text = value[member];
  if (typeof text !== 'string') throw new Error(`no ${member} in ${JSON.stringify(value)}`);
  return text;
}

/** The response, whether it came alone or as the last event of a stream; a stream that broke off before has none. */
function lastMessage(text: string): JsonObject {
  const lines = text.startsWith('{')
    ? [text]
    : text.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []));
  const messages = lines.map((line): unknown => JSON.parse(line));
  const last = messages.findLast((message) => isJsonObject(message) && ('result' in message || 'error' in message));
  if (!isJsonObject(last)) throw new Error('the answer broke off');
  return last;
}
