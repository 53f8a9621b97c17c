// The floor of every request: the same SDK and transports, a handler that looks into a map, and nothing else. `--stdio`
// or HTTP on any port.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, GetTaskRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const tasks = new Map();

function bare() {
  const capabilities = { tools: {}, tasks: { requests: { tools: { call: {} } } } };
  const server = new Server({ name: 'bare', version: '1' }, { capabilities });
  server.setRequestHandler(CallToolRequestSchema, (request) => {
    if (request.params.task === undefined) {
      const output = { n: 1 };
      return { content: [{ type: 'text', text: JSON.stringify(output) }], structuredContent: output };
    }
    const now = new Date().toISOString();
    const task = { taskId: randomUUID(), status: 'working', createdAt: now, lastUpdatedAt: now, ttl: 60_000 };
    tasks.set(task.taskId, { ...task, pollInterval: 1000, statusMessage: 'step 1 of 1: day, waiting' });
    return { task: tasks.get(task.taskId) };
  });
  server.setRequestHandler(GetTaskRequestSchema, (request) => {
    const task = tasks.get(request.params.taskId);
    if (task === undefined) throw new Error('no such task');
    return { ...task };
  });
  return server;
}

if (process.argv[2] === '--stdio') {
  await bare().connect(new StdioServerTransport());
} else {
  const sessions = new Map();
  const front = createServer(async (request, response) => {
    const known = sessions.get(request.headers['mcp-session-id']);
    if (known !== undefined) return known.handleRequest(request, response);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => sessions.set(id, transport),
    });
    await bare().connect(transport);
    return transport.handleRequest(request, response);
  });
  front.listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${front.address().port}/mcp\n`));
}
