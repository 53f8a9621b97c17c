// A stdio MCP server on bare pipes that closes its standard output, and nothing else, when its first argument says:
// `at_start`, `in_handshake`, `in_call`, `in_call_mid_line`, `after_call`. It lives until its input ends. Lists `go`.
import { closeSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

const when = process.argv[2] ?? 'in_call';
const OUT = 1;
const send = (/** @type {any} */ message) => writeSync(OUT, `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const hangUp = () => closeSync(OUT);
// Nothing but the end of its input ends it.
setInterval(() => undefined, 1000);

if (when === 'at_start') hangUp();
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, method, params } = JSON.parse(line);
    if (method === 'initialize') {
      if (when === 'at_start') return;
      if (when === 'in_handshake') {
        hangUp();
        return;
      }
      const serverInfo = { name: 'half-closed', version: '1' };
      send({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo } });
    } else if (method === 'tools/list') {
      send({ id, result: { tools: [{ name: 'go', inputSchema: { type: 'object' } }] } });
    } else if (method === 'tools/call') {
      if (when === 'in_call_mid_line') writeSync(OUT, `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"res`);
      if (when === 'after_call') send({ id, result: { content: [{ type: 'text', text: 'done' }] } });
      hangUp();
    } else if (id !== undefined) {
      send({ id, error: { code: -32601, message: 'Method not found' } });
    }
  })
  .on('close', () => process.exit(0));
