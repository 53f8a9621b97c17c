// An MCP server on a pipe (2025-11-25) that answers what a file says, to the letter, since no SDK would let it. Every
// call goes to the ledger (LEDGER).
//
// The first argument names a JSON file: {initialize, list, tools: [tool, …], answers: {name: {result | error,
// progress}}}. The name of an answer is that of a tool or a prompt, or the URI of a resource. `initialize` and `list`
// are members that replace or join those of the results of `initialize` and `tools/list`.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { appendToLedger, idempotencyKeyOf } from './ledger-file.mjs';

/** @typedef {{ result?: unknown, error?: unknown, progress?: object }} Answer */
/** @type {{ initialize?: object, list?: object, tools?: object[], answers?: Record<string, Answer> }} */
const script = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));

const GREETING = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {}, resources: {}, prompts: {} },
  serverInfo: { name: 'verbatim', version: '1' },
};

function send(/** @type {object} */ message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  if (method === 'initialize') return send({ id, result: { ...GREETING, ...script.initialize } });
  if (method === 'tools/list') return send({ id, result: { tools: script.tools ?? [], ...script.list } });
  if (method === 'ping') return send({ id, result: {} });
  const name = params.name ?? params.uri;
  appendToLedger({ method, name, tool: name, args: params.arguments, key: idempotencyKeyOf(params), pid: process.pid });
  const { progress, ...answer } = script.answers?.[name] ?? { error: { code: -32602, message: `Unknown: ${name}` } };
  const { progressToken } = params._meta ?? {};
  if (progress !== undefined && progressToken !== undefined) {
    send({ method: 'notifications/progress', params: { progressToken, ...progress } });
  }
  return send({ id, ...answer });
});
