// A stdio MCP server that misbehaves in the way its first argument names. Written on bare pipes, since no SDK would do
// this.
// `node hostile.mjs list` prints the names. Every behaviour but those that break the handshake lists the tools `go` and
// `ok`;
// `ok` always answers, `go` misbehaves.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const behaviour = process.argv[2] ?? 'list';
const MB = 1024 * 1024;
const write = (/** @type {string} */ text) => new Promise((resolve) => process.stdout.write(text, resolve));
const send = (/** @type {any} */ message) => write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const answer = (/** @type {any} */ id, /** @type {string} */ text) =>
  send({ id, result: { content: [{ type: 'text', text }] } });
const forever = () => new Promise(() => undefined);

/** What happens when the process starts, before any message. @type {Record<string, () => unknown>} */
const AT_START = {
  exit_at_once: () => {
    process.stderr.write('missing configuration: API_URL\n');
    process.exit(7);
  },
  silent: forever,
  garbage_forever: async () => {
    for (;;) await write('this is not json\n'.repeat(1000));
  },
  endless_line_at_start: async () => {
    for (;;) await write('x'.repeat(64 * 1024));
  },
  banner: () => write('Server v1.0 listening…\n{"half": \n\n[1,2\n'),
  ignores_sigterm: () => process.on('SIGTERM', () => undefined),
  grandchildren: () => {
    // One that ends with its input, one that ignores everything but SIGKILL.
    spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    spawn(
      process.execPath,
      ['-e', "for (const s of ['SIGTERM','SIGHUP','SIGINT']) process.on(s, () => 0); setInterval(() => 0, 1000)"],
      { stdio: 'ignore' },
    );
  },
  flood_stderr: async () => {
    for (;;) {
      await new Promise((resolve) => process.stderr.write(`${'warning '.repeat(1000)}\n`.repeat(20), resolve));
      await sleep(1);
    }
  },
  exit_in_handshake: () => undefined,
  wrong_version: () => undefined,
  handshake_error: () => undefined,
};

/** What a call of `go` does. @type {Record<string, (id: any, params: any) => unknown>} */
const AT_CALL = {
  hang: forever,
  freezes: () => process.kill(process.pid, 'SIGSTOP'),
  exit_in_call: () => {
    process.stderr.write('out of luck\n');
    process.exit(9);
  },
  killed_in_call: () => process.kill(process.pid, 'SIGKILL'),
  exit_in_answer: async (id) => {
    await write(`{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","te`);
    process.exit(1);
  },
  wrong_id: (id) => answer(id + 1000, 'for somebody else'),
  id_as_text: (id) => answer(String(id), 'id as text'),
  null_id: () => send({ id: null, error: { code: -32603, message: 'no id' } }),
  duplicate: async (id) => {
    await answer(id, 'first');
    await answer(id, 'second');
    await answer(id, 'third');
  },
  unasked: async (id) => {
    for (let other = 500; other < 600; other += 1) await answer(other, 'x'.repeat(10_000));
    await answer(id, 'after a hundred answers to nothing');
  },
  garbage: async (id) => {
    await write('DEBUG about to answer\n\u0000\u0001\u0002\n{"jsonrpc":"1.0"}\n[]\nnull\n"text"\n42\n{}\n');
    await answer(id, 'after garbage');
  },
  not_utf8: async (id) => {
    await new Promise((resolve) => process.stdout.write(Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0x0a]), resolve));
    await answer(id, 'after bytes');
  },
  huge: async (id) => answer(id, 'x'.repeat(24 * MB)),
  huge_id_first: (id) =>
    write(`{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"${'x'.repeat(24 * MB)}"}]}}\n`),
  endless_line: async () => {
    await write('{"jsonrpc":"2.0","result":{"content":[{"type":"text","text":"');
    for (;;) await write('x'.repeat(64 * 1024));
  },
  many_megabytes: async (id) => {
    const params = { t: 'x'.repeat(MB) };
    for (let part = 0; part < 200; part += 1) await send({ method: 'notifications/x', params });
    await answer(id, 'after 200 megabytes of notifications');
  },
  drip: async (id) => {
    const text = JSON.stringify({
      jsonrpc: '2.0',
      id,
      result: { content: [{ type: 'text', text: 'x'.repeat(4000) }] },
    });
    for (const character of text) await write(character);
    await write('\n');
  },
  drip_for_ever: async () => {
    for (;;) {
      await write('x');
      await sleep(5);
    }
  },
  deep: (id) =>
    write(
      `{"jsonrpc":"2.0","id":${id},"result":{"content":[],"structuredContent":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}}\n`,
    ),
  infinite: (id) => write(`{"jsonrpc":"2.0","id":${id},"result":{"content":[],"structuredContent":{"n":[1e309]}}}\n`),
  prototype: (id) =>
    write(
      `{"jsonrpc":"2.0","id":${id},"result":{"content":[],"structuredContent":{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}}}\n`,
    ),
  no_result: (id) => send({ id }),
  result_is_text: (id) => send({ id, result: 'text' }),
  content_is_text: (id) => send({ id, result: { content: 'text' } }),
  block_without_type: (id) => send({ id, result: { content: [{ text: 'x' }] } }),
  unknown_block: (id) => send({ id, result: { content: [{ type: 'hologram', data: 1 }] } }),
  both: (id) => send({ id, result: { content: [] }, error: { code: 1, message: 'both' } }),
  odd_error: (id) => send({ id, error: { code: -32050, message: 'kaput', data: { why: 'reasons' } } }),
  error_without_message: (id) => send({ id, error: { code: -32050 } }),
  invalid_arguments: (id) => send({ id, error: { code: -32602, message: 'url must be a string' } }),
  crlf: (id) =>
    write(`${JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'crlf' }] } })}\r\n`),
  asks_back: async (id) => {
    await send({ id: 'a', method: 'sampling/createMessage', params: { messages: [], maxTokens: 10 } });
    await send({
      id: 'b',
      method: 'elicitation/create',
      params: { message: 'password?', requestedSchema: { type: 'object', properties: {} } },
    });
    await send({ id: 'c', method: 'roots/list' });
    const codes = [];
    while (codes.length < 3) codes.push((await nextReply()).error?.code ?? 'granted');
    await answer(id, codes.join(' '));
  },
  floods_requests: async (id) => {
    for (let n = 0; n < 20_000; n += 1) await send({ id: `q${n}`, method: 'roots/list' });
    await answer(id, 'after 20000 requests');
  },
  progress_for_ever: async (_, params) => {
    for (let progress = 1; ; progress += 1) {
      await send({
        method: 'notifications/progress',
        params: { progressToken: params._meta?.progressToken, progress },
      });
      await sleep(1);
    }
  },
  stops_reading: (id) => {
    process.stdin.pause();
    return answer(id, 'reads no more');
  },
};

if (behaviour === 'list') {
  process.stdout.write(`${[...Object.keys(AT_START), ...Object.keys(AT_CALL)].join('\n')}\n`);
  process.exit(0);
}
if (!(behaviour in AT_START) && !(behaviour in AT_CALL)) throw new Error(`no behaviour '${behaviour}'`);

/** @type {any[]} */
const replies = [];
/** @type {(() => void) | undefined} */
let replied;
async function nextReply() {
  while (replies.length === 0) await new Promise((/** @type {(value?: any) => void} */ resolve) => (replied = resolve));
  return replies.shift();
}
const staysAfterInput = ['ignores_sigterm'].includes(behaviour);

await Promise.race([Promise.resolve(AT_START[behaviour]?.()), sleep(50)]);
createInterface({ input: process.stdin })
  .on('line', (line) => void receive(JSON.parse(line)))
  .on('close', () => {
    if (staysAfterInput) setInterval(() => undefined, 1000);
    else process.exit(0);
  });

async function receive(/** @type {any} */ message) {
  const { id, method, params } = message;
  if (method === undefined) {
    replies.push(message);
    return replied?.();
  }
  switch (method) {
    case 'initialize':
      if (behaviour === 'exit_in_handshake') process.exit(4);
      if (behaviour === 'silent' || behaviour === 'garbage_forever' || behaviour === 'endless_line_at_start') return;
      if (behaviour === 'handshake_error') return send({ id, error: { code: -32603, message: 'licence expired' } });
      return send({
        id,
        result: {
          protocolVersion: behaviour === 'wrong_version' ? '1999-01-01' : '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: 'hostile', version: '1' },
        },
      });
    case 'tools/list':
      return send({ id, result: { tools: ['go', 'ok'].map((name) => ({ name, inputSchema: { type: 'object' } })) } });
    case 'ping':
      return send({ id, result: {} });
    case 'tools/call':
      if (params.name === 'ok') return answer(id, 'ok');
      return AT_CALL[behaviour]?.(id, params) ?? answer(id, `went ${behaviour}`);
    default:
      return undefined;
  }
}
