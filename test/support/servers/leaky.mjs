// A stdio MCP server that repeats its environment and arguments wherever it can: results, errors, error data, stderr.
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const server = new Server({ name: 'leaky', version: '1.0.0' }, { capabilities: { tools: {} } });
const token = process.env.TOKEN ?? '';
process.stderr.write(`starting with ${token}\n`);
server.setRequestHandler(ListToolsRequestSchema, () => ({
  tools: ['environment', 'fail', 'die'].map((name) => ({ name, inputSchema: { type: 'object' } })),
}));
server.setRequestHandler(CallToolRequestSchema, ({ params }) => {
  const base64 = Buffer.from(token).toString('base64');
  if (params.name === 'fail') {
    throw Object.assign(new Error(`no access with ${token}`), {
      code: -32000,
      data: { url: `https://x/?t=${encodeURIComponent(token)}` },
    });
  }
  if (params.name === 'die') {
    process.stderr.write(`fatal: ${token}\n`, () => process.exit(1));
    return new Promise(() => undefined);
  }
  const structuredContent = { ...process.env, sameAsArgument: process.argv[2] === `--key=${token}`, base64 };
  return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent };
});
process.stdin.on('end', () => process.exit(0));
await server.connect(new StdioServerTransport());
