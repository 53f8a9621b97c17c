import { isJsonObject } from '../core/json.ts';

/**
 * The id that the answer to this body has to carry: that of a request, as far as it is one. Absent otherwise, never
 * `null`: JSON-RPC has `null` for an id that could not be read, and the schemas of MCP do not.
 */
export function answeredId(body: unknown): { readonly id?: string | number } {
  if (!isJsonObject(body) || typeof body['method'] !== 'string') return {};
  const { id } = body;
  return isId(id) ? { id } : {};
}

function isId(id: unknown): id is string | number {
  return typeof id === 'string' || (typeof id === 'number' && Number.isSafeInteger(id));
}

/**
 * The SDKs refuse a request over HTTP with `id: null`, or repeat an id that is none. The same answer with the id of the
 * request in `body`, or without one.
 */
export async function withAnsweredId(response: Response, body: unknown): Promise<Response> {
  if (response.status < 400 || response.headers.get('content-type')?.startsWith('application/json') !== true) {
    return response;
  }
  const text = await response.text();
  const { status, headers } = response;
  const answer: unknown = JSON.parse(text);
  if (!isJsonObject(answer) || isId(answer['id'])) return new Response(text, { status, headers });
  const { jsonrpc, error } = answer;
  return new Response(JSON.stringify({ jsonrpc, ...answeredId(body), error }), { status, headers });
}
