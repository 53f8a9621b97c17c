// A real MCP server (2025-11-25, stdio) that is the ground truth of "what was really called": each call is appended to
// the file named by LEDGER and fsynced BEFORE it is answered. Run with `node ledger.mjs`.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { CallToolRequestSchema, ErrorCode, ListToolsRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js';
import { appendToLedger, countInLedger, idempotencyKeyOf, released } from './ledger-file.mjs';

const labelSchema = { type: 'string' };
const schema = (properties, required = []) => ({ type: 'object', properties, required });
const common = {
  label: labelSchema,
  delay_ms: { type: 'number' },
  held: { type: 'integer' },
  fail_times: { type: 'integer' },
  fail_code: { type: 'integer' },
  big_bytes: { type: 'integer' },
};
const TOOLS = [
  {
    name: 'record',
    description:
      'Notes a label; can be slow, fail its first N calls, answer with many bytes, and be held by the test from the Nth call on',
    inputSchema: schema(common, ['label']),
  },
  {
    name: 'slow',
    description: 'Answers after delay_ms, with progress on the way',
    inputSchema: schema({ label: labelSchema, delay_ms: { type: 'number' } }, ['label']),
  },
  {
    name: 'flaky',
    description: 'Fails with isError the first fail_times calls per label, also across restarts',
    inputSchema: schema(common, ['label']),
  },
  { name: 'hang', description: 'Never answers', inputSchema: schema({ label: labelSchema }) },
  {
    name: 'crash',
    description: 'Notes the call and exits',
    inputSchema: schema({ label: labelSchema, exit_code: { type: 'integer' }, times: { type: 'integer' } }),
  },
  {
    name: 'echo',
    description: 'Answers with its arguments as text and structured content',
    inputSchema: { type: 'object' },
  },
  {
    name: 'read_only',
    description: 'Annotated as read-only',
    inputSchema: schema({ label: labelSchema }),
    annotations: { readOnlyHint: true },
  },
  {
    name: 'idempotent',
    description: 'Annotated as idempotent',
    inputSchema: schema({ label: labelSchema }),
    annotations: { idempotentHint: true, destructiveHint: false },
  },
];
const instance = randomUUID().slice(0, 8);
const server = new Server({ name: 'ledger', version: '1.0.0' }, { capabilities: { tools: {} } });
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: TOOLS }));

server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
  const { name } = params;
  const args = /** @type {Record<string, any>} */ (params.arguments ?? {});
  const label = String(args.label ?? '');
  if (!TOOLS.some((tool) => tool.name === name)) throw new McpError(ErrorCode.InvalidParams, `Unknown tool: ${name}`);
  const before = countInLedger(name, args.label);
  appendToLedger({ tool: name, args, key: idempotencyKeyOf(params), pid: process.pid, instance });
  const text = (value, more = {}) => ({ content: [{ type: 'text', text: value }], ...more });
  switch (name) {
    case 'echo':
      return text(JSON.stringify(args), { structuredContent: args });
    case 'hang':
      return new Promise(() => undefined);
    case 'crash':
      if (args.times !== undefined && before >= args.times) return text('survived');
      process.stderr.write(`crashing as told: ${label}\n`);
      return process.exit(args.exit_code ?? 3);
    case 'slow': {
      const total = 5;
      for (let step = 1; step <= total; step += 1) {
        await sleep((args.delay_ms ?? 500) / total, undefined, { signal: extra.signal });
        const progressToken = extra._meta?.progressToken;
        if (progressToken !== undefined) {
          await extra.sendNotification({
            method: 'notifications/progress',
            params: { progressToken, progress: step, total, message: `part ${step}` },
          });
        }
      }
      return text(`slow ${label}`);
    }
    case 'flaky':
      if (before < (args.fail_times ?? 1)) return text(`flaky failure ${before + 1} of ${label}`, { isError: true });
      return text(`ok ${label}`);
    default:
      if (args.delay_ms) await sleep(args.delay_ms, undefined, { signal: extra.signal });
      if (args.held !== undefined && before + 1 >= args.held) await released(extra.signal);
      if (before < (args.fail_times ?? 0)) {
        if (args.fail_code !== undefined) throw new McpError(args.fail_code, `failure ${before + 1} of ${label}`);
        return text(`failure ${before + 1} of ${label}`, { isError: true });
      }
      return text(args.big_bytes ? 'x'.repeat(args.big_bytes) : `${name} ${label} #${before + 1}`);
  }
});

server.onclose = () => process.exit(0);
process.stdin.on('end', () => process.exit(0));
await server.connect(new StdioServerTransport());
