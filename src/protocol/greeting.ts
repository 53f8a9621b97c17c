/**
 * The answers to the two messages with which a client begins, without any SDK: hosts give a server on a pipe about a
 * second for the first answer, and loading both SDKs, the definitions and the store can take longer. A test holds them
 * to what the servers of both generations answer.
 */
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { INSTRUCTIONS } from './instructions.ts';

export interface ServerInfo {
  readonly name: string;
  readonly version: string;
}

/** Revisions with a handshake, the newest first. */
const SESSION_REVISIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07'];
const STATELESS_REVISION = '2026-07-28';
const META = 'io.modelcontextprotocol/';
const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';
const DISCOVERY_TTL_MS = 3_600_000;

const COMMON: JsonObject = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  completions: {},
  logging: {},
};

/**
 * What a server of 2025-11-25 declares. A list of tasks would show the ids of others where callers are not told apart.
 */
export function sessionCapabilities(identified: boolean): JsonObject {
  const tasks = { ...(identified ? { list: {} } : {}), cancel: {}, requests: { tools: { call: {} } } };
  return { ...COMMON, tasks };
}

/** What a server of 2026-07-28 declares. */
export const STATELESS_CAPABILITIES: JsonObject = { ...COMMON, extensions: { [TASKS_EXTENSION]: {} } };

/**
 * The answer to the first message of a pipe, when it is a beginning that is in order; `undefined` for anything else,
 * which is for the server itself to answer.
 */
export function greetingFor(message: unknown, serverInfo: ServerInfo): JsonObject | undefined {
  if (!isJsonObject(message) || message['jsonrpc'] !== '2.0' || !isJsonObject(message['params'])) return undefined;
  const { id, method, params } = message;
  if (typeof id !== 'string' && !(typeof id === 'number' && Number.isSafeInteger(id))) return undefined;
  const result =
    method === 'initialize'
      ? sessionGreeting(params, serverInfo)
      : method === 'server/discover'
        ? statelessGreeting(params, serverInfo)
        : undefined;
  return result === undefined ? undefined : { jsonrpc: '2.0', id, result };
}

function sessionGreeting(params: JsonObject, serverInfo: ServerInfo): JsonObject | undefined {
  const { protocolVersion, capabilities, clientInfo } = params;
  // What is in any way out of the ordinary is checked by the SDK.
  if (typeof protocolVersion !== 'string' || !isPlain(capabilities) || !isNamed(clientInfo)) return undefined;
  return {
    protocolVersion: SESSION_REVISIONS.includes(protocolVersion) ? protocolVersion : (SESSION_REVISIONS[0] ?? ''),
    capabilities: sessionCapabilities(true),
    serverInfo: { ...serverInfo },
    instructions: INSTRUCTIONS,
  };
}

function statelessGreeting(params: JsonObject, serverInfo: ServerInfo): JsonObject | undefined {
  const meta = params['_meta'];
  if (!isJsonObject(meta) || meta[`${META}protocolVersion`] !== STATELESS_REVISION) return undefined;
  if (!isPlain(meta[`${META}clientCapabilities`]) || !isNamed(meta[`${META}clientInfo`])) return undefined;
  return {
    supportedVersions: [STATELESS_REVISION],
    capabilities: STATELESS_CAPABILITIES,
    instructions: INSTRUCTIONS,
    resultType: 'complete',
    ttlMs: DISCOVERY_TTL_MS,
    cacheScope: 'public',
    _meta: { [`${META}serverInfo`]: { ...serverInfo } },
  };
}

/** An object of objects, as capabilities are. */
function isPlain(value: unknown): boolean {
  return isJsonObject(value) && Object.values(value).every((member) => isJsonObject(member));
}

function isNamed(value: unknown): boolean {
  return isJsonObject(value) && typeof value['name'] === 'string' && typeof value['version'] === 'string';
}
