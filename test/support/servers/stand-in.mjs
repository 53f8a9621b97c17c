// What the stand-ins for the seed's servers share: an MCP server (2025-11-25, stdio) whose every call goes to the
// ledger (LEDGER) before it is answered, and whose answers a script can replace.
//
// STANDIN_SCRIPT names a JSON file: {"tools": {"verify": [answer, …]}, "resources": {"<uri>": […]}, "prompts":
// {"<name>": […]}}. The Nth call gets the Nth answer, later calls the last one. The count comes from the ledger, so it
// survives a restart (without a ledger it is the process's own). An answer is {text | json | result, is_error,
// delay_ms, held, error: {code, message}, exit, default: true};
// `held: true` waits until the test releases it, `default: true` means what the stand-in does by itself. `when:
// {argument: value}` limits an answer to calls with these arguments; such answers are counted by themselves.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import {
  CallToolRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { appendToLedger, idempotencyKeyOf, readLedger, released } from './ledger-file.mjs';

/**
 * @typedef {{ text?: string, json?: unknown, result?: any, is_error?: boolean, delay_ms?: number, held?: boolean,
 * error?: { code: number, message: string }, exit?: number, default?: boolean, when?: Record<string, unknown> }} Answer
 */
/**
 * @typedef {{ name: string, tools: any[], resources?: any[], prompts?: any[], call: (name: string, args: any) => any,
 * read?: (uri: string) => any, prompt?: (name: string, args: any) => any }} StandIn
 */

const scriptFile = process.env.STANDIN_SCRIPT;
const script = scriptFile === undefined ? {} : JSON.parse(readFileSync(scriptFile, 'utf8'));
/** @type {{ name: string, args: any }[]} */
const ownCalls = [];
let ownName = '';

export const textResult = (/** @type {string} */ text, more = {}) => ({ content: [{ type: 'text', text }], ...more });

/** Serves until its input ends. @param {StandIn} standIn */
export async function serve(standIn) {
  const { tools, resources, prompts } = standIn;
  const capabilities = { tools: {}, ...(resources ? { resources: {} } : {}), ...(prompts ? { prompts: {} } : {}) };
  const server = new Server({ name: standIn.name, version: '1.0.0' }, { capabilities });
  ownName = standIn.name;
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal }) => {
    const { name, arguments: args = {} } = params;
    if (!tools.some((tool) => tool.name === name)) throw new McpError(ErrorCode.InvalidParams, `Unknown tool: ${name}`);
    const answer = await answerOf('tools', 'tools/call', name, args, params, signal);
    if (answer === undefined) return standIn.call(name, args);
    return answer.result ?? textResult(textOf(answer), answer.is_error ? { isError: true } : {});
  });
  if (resources) {
    server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources }));
    server.setRequestHandler(ReadResourceRequestSchema, async ({ params }, { signal }) => {
      const answer = await answerOf('resources', 'resources/read', params.uri, {}, params, signal);
      if (answer !== undefined)
        return answer.result ?? { contents: [{ uri: params.uri, mimeType: 'text/plain', text: textOf(answer) }] };
      if (!resources.some((resource) => resource.uri === params.uri)) {
        throw new McpError(ErrorCode.InvalidParams, `Resource ${params.uri} not found`);
      }
      return standIn.read?.(params.uri);
    });
  }
  if (prompts) {
    server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts }));
    server.setRequestHandler(GetPromptRequestSchema, async ({ params }, { signal }) => {
      const { name, arguments: args = {} } = params;
      if (!prompts.some((prompt) => prompt.name === name))
        throw new McpError(ErrorCode.InvalidParams, `Unknown prompt: ${name}`);
      const answer = await answerOf('prompts', 'prompts/get', name, args, params, signal);
      if (answer === undefined) return standIn.prompt?.(name, args);
      return answer.result ?? { messages: [{ role: 'user', content: { type: 'text', text: textOf(answer) } }] };
    });
  }
  process.stdin.on('end', () => process.exit(0));
  await server.connect(new StdioServerTransport());
}

/** Notes the call; then what the script says about it, if anything. */
async function answerOf(
  /** @type {string} */ kind,
  /** @type {string} */ method,
  /** @type {string} */ name,
  /** @type {any} */ args,
  /** @type {any} */ params,
  /** @type {AbortSignal} */ signal,
) {
  /** @type {Answer[]} */
  const answers = script[kind]?.[name] ?? [];
  const before = (process.env.LEDGER === undefined ? ownCalls : readLedger()).filter(
    (entry) => entry.method === method && entry.name === name,
  );
  const entry = {
    server: ownName,
    method,
    name,
    tool: method === 'tools/call' ? name : undefined,
    args,
    key: idempotencyKeyOf(params),
    pid: process.pid,
  };
  appendToLedger(entry);
  ownCalls.push(entry);
  const special = answers.filter((answer) => answer.when !== undefined && matches(answer.when, args));
  const list = special.length > 0 ? special : answers.filter((answer) => answer.when === undefined);
  const when = special[0]?.when;
  const count = when === undefined ? before.length : before.filter((earlier) => matches(when, earlier.args)).length;
  const answer = list[Math.min(count, list.length - 1)];
  if (answer === undefined) return undefined;
  if (answer.delay_ms !== undefined) await sleep(answer.delay_ms, undefined, { signal });
  if (answer.held) await released(signal);
  if (answer.exit !== undefined) process.exit(answer.exit);
  if (answer.error !== undefined) throw new McpError(answer.error.code, answer.error.message);
  return answer.default ? undefined : answer;
}

function matches(/** @type {Record<string, unknown>} */ when, /** @type {any} */ args) {
  return Object.entries(when).every(([key, value]) => isDeepStrictEqual(args?.[key], value));
}

function textOf(/** @type {Answer} */ answer) {
  return answer.text ?? JSON.stringify(answer.json ?? null);
}
