import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { ProtocolDeps } from '../deps.ts';
import { RPC, WireError } from '../errors.ts';
import { findWorkflow } from '../tools.ts';

/** Visible ASCII, space and tab; anything else has to come as Base64. */
const PLAIN = /^[\t\u0020-\u007E]*$/u;

/**
 * The error for a request whose `Mcp-*` headers have characters that a header cannot carry. The SDK compares such a
 * value with the body as if they could, while what stands between client and server may read it differently. Only
 * `Mcp-Param-*` that the called tool declares count.
 */
export function checkHeaderCharacters(
  headers: Headers,
  body: unknown,
  deps: Pick<ProtocolDeps, 'definitions' | 'settings'>,
): WireError | undefined {
  const wrong = ['Mcp-Method', 'Mcp-Name', ...declaredHeaders(body, deps)].find(
    (name) => !PLAIN.test(headers.get(name) ?? ''),
  );
  if (wrong === undefined) return undefined;
  const text = `The ${wrong} header has characters that must be sent as =?base64?…?=`;
  return new WireError(RPC.headerMismatch, text);
}

function declaredHeaders(body: unknown, deps: Pick<ProtocolDeps, 'definitions' | 'settings'>): readonly string[] {
  if (!isJsonObject(body) || body['method'] !== 'tools/call') return [];
  const name = isJsonObject(body['params']) ? body['params']['name'] : undefined;
  const loaded = typeof name === 'string' ? findWorkflow(name, deps) : undefined;
  return loaded === undefined ? [] : namesIn(loaded.definition.input_schema);
}

function namesIn(schema: JsonObject): readonly string[] {
  const properties = isJsonObject(schema['properties']) ? Object.values(schema['properties']) : [];
  return properties
    .filter((property: JsonValue) => isJsonObject(property))
    .flatMap((property) => {
      const name = property['x-mcp-header'];
      return [...(typeof name === 'string' ? [`Mcp-Param-${name}`] : []), ...namesIn(property)];
    });
}
