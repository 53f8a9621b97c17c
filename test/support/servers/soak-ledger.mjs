// The downstream server of the soak (2025-11-25, stdio): notes each call with its idempotency key in the file named by
// LEDGER and fsyncs it BEFORE it answers. What it answers depends on `label` alone, so that a run with faults and one
// without can be compared.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import {
  CallToolRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { appendToLedger, idempotencyKeyOf, readLedger } from './ledger-file.mjs';

const properties = {
  task: { type: 'string' },
  label: { type: 'string' },
  delay_ms: { type: 'number' },
  /** The first so many calls with this task and label fail, whatever their key. */
  fail_calls: { type: 'integer' },
  /** Calls with the first so many keys that come with this task and label fail, however often they come. */
  fail_keys: { type: 'integer' },
};
const inputSchema = { type: 'object', properties, required: ['task', 'label'], additionalProperties: false };
const TOOLS = [
  { name: 'effect', description: 'Does something, unless it is told to fail', inputSchema },
  { name: 'hang', description: 'Never answers', inputSchema },
  { name: 'crash', description: 'Exits the first time it is called with this task and label', inputSchema },
];

const server = new Server(
  { name: 'soak-ledger', version: '1.0.0' },
  { capabilities: { tools: {}, resources: {}, prompts: {} } },
);
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: TOOLS }));
server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: [] }));
server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
  resourceTemplates: [{ uriTemplate: 'soak://{label}', name: 'anything' }],
}));
server.setRequestHandler(ListPromptsRequestSchema, () => ({
  prompts: [{ name: 'say', arguments: [{ name: 'label', required: true }] }],
}));
server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => ({
  contents: [{ uri: params.uri, mimeType: 'text/plain', text: `text of ${params.uri}` }],
}));
server.setRequestHandler(GetPromptRequestSchema, ({ params }) => ({
  messages: [{ role: 'user', content: { type: 'text', text: `say ${String(params.arguments?.label)}` } }],
}));

server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
  const { name } = params;
  const args = /** @type {Record<string, any>} */ (params.arguments ?? {});
  if (!TOOLS.some((tool) => tool.name === name)) throw new McpError(ErrorCode.InvalidParams, `Unknown tool: ${name}`);
  const key = idempotencyKeyOf(params);
  const earlier = needsEarlier(name, args)
    ? readLedger().filter((one) => one.tool === name && one.args.task === args.task && one.args.label === args.label)
    : [];
  appendToLedger({ tool: name, args, key, pid: process.pid, engine: process.ppid });
  if (name === 'hang') return new Promise(() => undefined);
  if (name === 'crash' && earlier.length === 0) return process.exit(3);
  if (args.delay_ms) await sleep(args.delay_ms, undefined, { signal: extra.signal });
  if (fails(args, key, earlier)) {
    return { content: [{ type: 'text', text: `no, not ${args.label}` }], isError: true };
  }
  const structuredContent = { label: args.label, value: valueOf(args.label) };
  return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent };
});

function needsEarlier(name, args) {
  return name === 'crash' || args.fail_calls !== undefined || args.fail_keys !== undefined;
}

function fails(args, key, earlier) {
  if (earlier.length < (args.fail_calls ?? 0)) return true;
  const keys = [...new Set(earlier.map((one) => one.key))];
  const nth = keys.includes(key) ? keys.indexOf(key) : keys.length;
  return nth < (args.fail_keys ?? 0);
}

function valueOf(label) {
  return createHash('sha256').update(label).digest().readUInt32BE(0) % 100;
}

server.onclose = () => process.exit(0);
process.stdin.on('end', () => process.exit(0));
await server.connect(new StdioServerTransport());
