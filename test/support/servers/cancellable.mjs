// A stdio MCP server whose tool `wait` answers only when it is cancelled; it writes `started` and `cancelled` to
// LEDGER.
import { appendFileSync } from 'node:fs';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const note = (/** @type {string} */ event) => appendFileSync(process.env.LEDGER ?? '/dev/null', `${event}\n`);
const server = new Server({ name: 'cancellable', version: '1.0.0' }, { capabilities: { tools: {} } });
server.setRequestHandler(ListToolsRequestSchema, () => ({
  tools: [{ name: 'wait', inputSchema: { type: 'object' } }],
}));
server.setRequestHandler(CallToolRequestSchema, async (_, { signal }) => {
  note('started');
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  note('cancelled');
  return { content: [] };
});
process.stdin.on('end', () => process.exit(0));
await server.connect(new StdioServerTransport());
