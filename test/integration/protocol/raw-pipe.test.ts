import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { serveOnStdio, type StdioFront } from '../../../src/transports/stdio.ts';
import { protocolDeps } from '../../support/protocol-deps.ts';
import { watchedPipe } from '../../support/wire-watch.ts';

interface Answer {
  readonly id?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
  readonly result?: unknown;
}

const open: { input: PassThrough; front: StdioFront }[] = [];
afterEach(async () => {
  for (const { input, front } of open.splice(0)) {
    input.end();
    await front.closed;
  }
});

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 'init',
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};

/** A served pipe to write any bytes to. */
async function pipe(): Promise<{
  write: (text: string | Buffer) => void;
  /** The next message the server writes. */
  next: () => Promise<Answer>;
  front: StdioFront;
}> {
  const deps = protocolDeps();
  deps.publish('echo', async ({ input }) => ({ content: [{ type: 'text', text: JSON.stringify(input) }] }));
  const streams = watchedPipe({ input: new PassThrough(), output: new PassThrough() });
  const front = await serveOnStdio(deps, streams);
  open.push({ input: streams.input, front });
  const answers: Answer[] = [];
  const waiting: ((answer: Answer) => void)[] = [];
  let rest = '';
  streams.output.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const answer = JSON.parse(line) as Answer;
      const waiter = waiting.shift();
      if (waiter === undefined) answers.push(answer);
      else waiter(answer);
    }
  });
  return {
    front,
    write: (text) => void streams.input.write(text),
    next: () => {
      const answer = answers.shift();
      return answer === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(answer);
    },
  };
}

async function initialized(): ReturnType<typeof pipe> {
  const raw = await pipe();
  raw.write(`${JSON.stringify(INITIALIZE)}\n`);
  expect((await raw.next()).id).toBe('init');
  return raw;
}

describe('whatever a client writes to the pipe is answered, and the server lives', () => {
  test.each([
    ['no JSON', 'garbage', undefined, -32700],
    ['half a message', '{"jsonrpc":"2.0","id":1', undefined, -32700],
    ['a batch', '[]', undefined, -32600],
    ['a number', '7', undefined, -32600],
    ['another version of JSON-RPC', '{"jsonrpc":"1.0","id":3,"method":"ping"}', 3, -32600],
    ['a method that is no text', '{"jsonrpc":"2.0","id":4,"method":7}', 4, -32600],
    ['no method', '{"jsonrpc":"2.0","id":4}', 4, -32600],
    ['params that are a list', '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":[1]}', 5, -32600],
    ['an id that is null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', undefined, -32600],
    ['an id that is broken', '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', undefined, -32600],
    ['a stray member', '{"jsonrpc":"2.0","id":6,"method":"ping","extra":1}', 6, -32600],
    ['_meta that is a text', '{"jsonrpc":"2.0","id":7,"method":"ping","params":{"_meta":"x"}}', 7, -32600],
    [
      'a token that is an object',
      '{"jsonrpc":"2.0","id":8,"method":"ping","params":{"_meta":{"progressToken":{}}}}',
      8,
      -32600,
    ],
    ['an unknown method', '{"jsonrpc":"2.0","id":9,"method":"nope"}', 9, -32601],
    ['a method of an object prototype', '{"jsonrpc":"2.0","id":9,"method":"constructor"}', 9, -32601],
    ['an unknown tool', '{"jsonrpc":"2.0","id":10,"method":"tools/call","params":{"name":"ecko"}}', 10, -32602],
    ['a tool name that is a number', '{"jsonrpc":"2.0","id":10,"method":"tools/call","params":{"name":1}}', 10, -32602],
    [
      'arguments that are a list',
      '{"jsonrpc":"2.0","id":11,"method":"tools/call","params":{"name":"echo","arguments":[]}}',
      11,
      -32602,
    ],
    [
      'a ttl that is a text',
      '{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"echo","task":{"ttl":"x"}}}',
      12,
      -32602,
    ],
    [
      'a negative ttl',
      '{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"echo","task":{"ttl":-1}}}',
      12,
      -32602,
    ],
    [
      'an empty idempotency key',
      '{"jsonrpc":"2.0","id":13,"method":"tools/call","params":{"name":"echo","_meta":{"dev.mcp-workflow/idempotency-key":""}}}',
      13,
      -32602,
    ],
    [
      'an unknown resource',
      '{"jsonrpc":"2.0","id":14,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}',
      14,
      -32002,
    ],
    ['an unknown level', '{"jsonrpc":"2.0","id":15,"method":"logging/setLevel","params":{"level":"loud"}}', 15, -32602],
  ])('%s', async (_name, line, id, code) => {
    const raw = await initialized();
    raw.write(`${line}\n`);
    const answer = await raw.next();
    expect(answer.id).toBe(id);
    expect(answer.error?.code).toBe(code);
    raw.write('{"jsonrpc":"2.0","id":99,"method":"ping"}\n');
    expect(await raw.next()).toMatchObject({ id: 99, result: {} });
  });

  test('arguments nested too deep are refused', async () => {
    const raw = await initialized();
    const deep = `${'{"a":'.repeat(3_000)}1${'}'.repeat(3_000)}`;
    raw.write(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${deep}}}\n`);
    // It is not read that far: that these are arguments of a tool is not looked at.
    expect(await raw.next()).toMatchObject({
      id: 1,
      error: { code: -32600, message: expect.stringMatching(/nested deeper than \d+ levels/) as unknown },
    });
    raw.write('{"jsonrpc":"2.0","id":99,"method":"ping"}\n');
    expect(await raw.next()).toMatchObject({ id: 99, result: {} });
  });

  test('a malformed handshake is refused in a sentence, and a good one may follow', async () => {
    const raw = await pipe();
    raw.write('{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}\n');
    const { error } = await raw.next();
    expect(error?.code).toBe(-32602);
    expect(error?.message).toContain('clientInfo');
    raw.write(`${JSON.stringify(INITIALIZE)}\n`);
    expect((await raw.next()).id).toBe('init');
  });

  test('answers to nothing, errors without an id and unknown notifications are dropped', async () => {
    const raw = await initialized();
    raw.write('{"jsonrpc":"2.0","id":77,"result":{}}\n');
    raw.write('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}\n');
    raw.write('{"jsonrpc":"2.0","method":"notifications/nope"}\n\n\r\n');
    raw.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    expect(await raw.next()).toMatchObject({ id: 1, result: {} });
  });

  test('messages may come in any pieces, also cut inside a character', async () => {
    const raw = await initialized();
    const bytes = Buffer.from(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":"ü😀"}}}\r\n{"jsonrpc":"2.0","id":2,"method":"ping"}\n',
    );
    for (const byte of bytes) raw.write(Buffer.from([byte]));
    const answers = [await raw.next(), await raw.next()];
    expect(new Set(answers.map((answer) => answer.id))).toEqual(new Set([1, 2]));
    expect(JSON.stringify(answers)).toContain('ü😀');
  });

  test('a message without end closes the pipe', async () => {
    const raw = await initialized();
    for (let part = 0; part < 11; part += 1) raw.write(Buffer.alloc(1024 * 1024, 'x'));
    await raw.front.closed;
  });
});
