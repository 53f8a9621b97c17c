import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isJsonObject } from '../../src/core/json.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { createWorkspace, type Workspace } from './built-server.ts';
import { PATIENCE_MS } from './patience.ts';
import type { HttpEndpoint } from './wire-clients.ts';

/** A workspace without definitions. */
export async function emptyWorkspace(): Promise<Workspace> {
  const empty = await mkdtemp(join(tmpdir(), 'mcp-workflow-none-'));
  const workspace = await createWorkspace(empty);
  await rm(empty, { recursive: true });
  return workspace;
}

/** How a server answered over one of the seed's routes. */
export interface RouteAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: JsonObject;
}

/** A request to a path beside `/mcp`. */
export async function ask(
  server: Pick<HttpEndpoint, 'url' | 'headers'>,
  path: string,
  body: unknown,
  options: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<RouteAnswer> {
  const { method = 'POST', headers = {} } = options;
  const response = await fetch(server.url.replace(/\/mcp$/u, path), {
    method,
    headers: { 'content-type': 'application/json', ...server.headers, ...headers },
    signal: AbortSignal.timeout(PATIENCE_MS),
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const parsed: unknown = text.startsWith('{') ? JSON.parse(text) : { text };
  return { status: response.status, headers: response.headers, body: isJsonObject(parsed) ? parsed : {} };
}

/** The seed's body of a call, with an idempotency key if one is given. */
export function callBody(name: string, args: JsonObject, key?: string): JsonObject {
  const meta = key === undefined ? {} : { _meta: { 'dev.mcp-workflow/idempotency-key': key } };
  return { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, ...meta } };
}
