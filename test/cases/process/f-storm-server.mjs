// A stdio MCP server that writes a storm of messages during each call of `storm`, before it answers: `count` messages
// of the kind `kind`. During a call of `restless` it says again and again that its tools have changed, and waits each
// time until its client has answered a ping. Both answer how often the tools were listed so far. Written on a bare
// pipe: no SDK would be so rude.
import { createInterface } from 'node:readline';

const PIECE = 200;
const write = (/** @type {string} */ text) => new Promise((resolve) => process.stdout.write(text, resolve));
const text = (/** @type {object} */ message) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`;
const changed = text({ method: 'notifications/tools/list_changed' });

/** @type {Record<string, (n: number) => string>} */
const KINDS = {
  answers: (n) => text({ id: 1_000_000 + n, result: {} }),
  log: (n) => text({ method: 'notifications/message', params: { level: 'info', data: `something happened ${n}` } }),
  updates: (n) => text({ method: 'notifications/resources/updated', params: { uri: `file:///${n}` } }),
  unknown: (n) => text({ method: 'notifications/x', params: { n } }),
};

let listings = 0;
/** @type {(() => void) | undefined} */
let onReply;

async function call(/** @type {string} */ name, /** @type {any} */ args) {
  if (name === 'restless') {
    for (let round = 0; round < 100; round += 1) {
      const replied = new Promise((/** @type {(value?: any) => void} */ resolve) => (onReply = resolve));
      await write(changed + text({ id: `p${round}`, method: 'ping' }));
      await replied;
    }
    return;
  }
  const make = KINDS[args.kind];
  let piece = '';
  for (let n = 1; n <= args.count; n += 1) {
    piece += make?.(n) ?? '';
    if (n % PIECE !== 0 && n !== args.count) continue;
    await write(piece);
    piece = '';
  }
}

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { id, method, params } = JSON.parse(line);
    if (method === undefined) return onReply?.();
    const answer = (/** @type {object} */ result) => write(text({ id, result }));
    switch (method) {
      case 'initialize':
        return answer({
          protocolVersion: '2025-11-25',
          capabilities: { tools: { listChanged: true } },
          serverInfo: { name: 'storm', version: '1' },
        });
      case 'tools/list':
        listings += 1;
        return answer({ tools: ['storm', 'restless'].map((name) => ({ name, inputSchema: { type: 'object' } })) });
      case 'tools/call':
        await call(params.name, params.arguments);
        return answer({ content: [], structuredContent: { listings } });
      default:
        return undefined;
    }
  })
  .on('close', () => process.exit(0));
