/** What the configuration files of MCP hosts call what we have. One table a kind of word. */
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';

/** Where hosts keep their servers: Claude, Cursor and most others · VS Code · Codex and Continue · Zed · opencode. */
const LISTS = ['mcpServers', 'servers', 'mcp_servers', 'context_servers', 'mcp'];

/** Windsurf, Gemini CLI · opencode. */
const KEYS: ReadonlyMap<string, string> = new Map([
  ['serverUrl', 'url'],
  ['httpUrl', 'url'],
  ['environment', 'env'],
  ['env_file', 'envFile'],
]);

const TYPES: ReadonlyMap<JsonValue, string> = new Map<JsonValue, string>([
  ['local', 'stdio'],
  ['command', 'stdio'],
  ['remote', 'http'],
  ['streamable-http', 'http'],
  ['streamableHttp', 'http'],
  ['streamable_http', 'http'],
]);

/** Keys that only a host understands: no hint what else they could mean. */
export const PASSED_OVER: ReadonlySet<string> = new Set([
  'alwaysAllow',
  'autoApprove',
  'description',
  'dev',
  'disabledTools',
  'enabledTools',
  'excludeTools',
  'includeTools',
  'gallery',
  'icon',
  'name',
  'oauth',
  'timeout',
  'transportType',
  'trust',
  'version',
]);

/** The object of servers in a file, and its key. */
export function serversOf(root: JsonValue): { readonly key: string; readonly servers: JsonObject } | undefined {
  if (!isJsonObject(root)) return undefined;
  const key = LISTS.find((name) => isJsonObject(root[name]));
  const servers = key === undefined ? undefined : root[key];
  return key !== undefined && isJsonObject(servers) ? { key, servers } : undefined;
}

/** An entry in our words. What we have ourselves beats what another host calls it. */
export function inHostWords(entry: JsonObject): JsonObject {
  const words: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(entry)) {
    const ours = KEYS.get(key);
    if (ours === undefined) words[key] = value;
    else if (entry[ours] === undefined) words[ours] = value;
  }
  const { type, command, enabled, args } = words;
  if (type !== undefined) words['type'] = TYPES.get(type) ?? type;
  if (Array.isArray(command) && args === undefined) {
    const [program, ...others] = command as readonly JsonValue[];
    if (program !== undefined) words['command'] = program;
    words['args'] = others;
  }
  if (typeof enabled === 'boolean') {
    words['disabled'] = words['disabled'] === true || !enabled;
    delete words['enabled'];
  }
  return words;
}
