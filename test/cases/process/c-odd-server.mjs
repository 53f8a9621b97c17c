// A stdio MCP server that does what its first argument says, a JSON text. Written on a bare pipe, since no SDK would do
// most of it. Its only tool `go` answers with where and how the process runs.
import { createInterface } from 'node:readline';

/**
 * `first` is written before anything else, `before` before every line; `stderr` and `exit` end the process at once,
 * `crash` throws;
 * `initialize`, `list`, `tool` and `result` are laid over the answers; `envelope` over every message; `textIds` makes
 * ids texts; `silent` answers nothing.
 * @type {{ first?: string, before?: string, stderr?: string, exit?: number, crash?: string, initialize?: object, list?:
 *   object, tool?: object, result?: object,
 *   envelope?: object, textIds?: boolean, silent?: boolean }}
 */
const plan = JSON.parse(process.argv[2] ?? '{}');

const write = (/** @type {string} */ text) => void process.stdout.write(text);
const send = (/** @type {object} */ message) =>
  write(`${plan.before ?? ''}${JSON.stringify({ jsonrpc: '2.0', ...message, ...plan.envelope })}\n`);

if (plan.stderr !== undefined) process.stderr.write(plan.stderr, () => process.exit(plan.exit ?? 1));
if (plan.crash !== undefined) throw new Error(plan.crash.replace('$TOKEN', process.env.TOKEN ?? ''));
write(plan.first ?? '');

const whereabouts = () => ({
  cwd: process.cwd(),
  args: process.argv.slice(3),
  script: process.argv[1],
  env: { SAID: process.env.SAID ?? null },
});

/** @type {Record<string, () => object>} */
const answers = {
  initialize: () => ({
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'odd', version: '1' },
    ...plan.initialize,
  }),
  'tools/list': () => ({ tools: [{ name: 'go', inputSchema: { type: 'object' }, ...plan.tool }], ...plan.list }),
  'tools/call': () => ({ content: [], structuredContent: whereabouts(), ...plan.result }),
  ping: () => ({}),
};

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, method } = JSON.parse(line);
    const answer = answers[method];
    if (plan.silent === true || id === undefined || answer === undefined) return;
    send({ id: plan.textIds === true ? String(id) : id, result: answer() });
  })
  .on('close', () => process.exit(0));
