import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { deepText, keysText } from './f-cost-corpus.ts';
import { HttpCaller, inBatches, modern, silentConnections } from './f-cost-http.ts';
import { startSubject, type Cost, type Subject, type SubjectSetup } from './f-cost-subject.ts';
import { expectCheap } from './f-cost-trial.ts';
import type { CostRow } from './f-cost-trial.ts';

const NOTHING = { steps: [{ id: 's', type: 'set', values: { a: 1 } }] };
const TOKENS = { a: 'token-of-the-first-caller', b: 'token-of-the-second-caller' };
const SERVED: SubjectSetup = {
  definitions: { nothing: NOTHING },
  transport: 'http',
  tokens: `a=${TOKENS.a},b=${TOKENS.b}`,
};

/** A server over HTTP that two callers with tokens of their own reach. */
async function served(work: (subject: Subject, a: HttpCaller, b: HttpCaller) => Promise<void>): Promise<void> {
  const subject = await startSubject(SERVED);
  const a = new HttpCaller(subject.url, TOKENS.a);
  const b = new HttpCaller(subject.url, TOKENS.b);
  try {
    // Loads what is loaded when it is first used.
    await b.initialize();
    await b.post(...modern('tools/list', ''));
    await work(subject, a, b);
  } finally {
    a.close();
    b.close();
    await subject.end();
  }
}

const LEVELS = 2_000_000;

/** Bodies by what they are, with the headers that they need beside the session. */
const DEEP: readonly (readonly [what: string, body: () => readonly [string, Record<string, string>?]])[] = [
  [
    'a list of 2 000 000 levels in the arguments of a call',
    () => [
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"nothing","arguments":{"v":${deepText(LEVELS)}}}}`,
    ],
  ],
  [
    'an object of 600 000 levels in the params of a notification',
    () => [
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"a":${'{"a":'.repeat(600_000)}1${'}'.repeat(600_000)}}}`,
    ],
  ],
  ['an id of 2 000 000 levels', () => [`{"jsonrpc":"2.0","id":${deepText(LEVELS)},"method":"ping"}`]],
  [
    'a call of the newer generation with 2 000 000 levels',
    () => modern('tools/call', `"name":"nothing","arguments":{"v":${deepText(LEVELS)}}`),
  ],
];

export const BODY_ROWS: readonly CostRow[] = [
  ...DEEP.map(([what, body]) => ({
    title: `F7: ${what} is refused with 400 and an error that is not ours`,
    run: () =>
      served(async (subject, a) => {
        const { session = '' } = await a.initialize();
        const [text, headers = { 'mcp-session-id': session }] = body();
        const { value, cost } = await subject.measure(() => a.post(text, headers));
        expect(value.status).toBe(400);
        expect([-32600, -32602, -32700]).toContain(value.message.error?.code);
        expectCheap([cost], text.length);
      }),
  })),
  {
    title: 'F7: a handshake with 330 000 keys is refused, or taken for what it costs',
    run: () =>
      served(async (subject, a) => {
        const info = `{"name":"a","version":"1","x":${keysText(330_000)}}`;
        const { value, cost } = await subject.measure(() => a.initialize(info));
        expect([200, 400, 413]).toContain(value.status);
        expectCheap([cost], info.length);
      }),
  },
];

const MB = 1024 * 1024;

/** Mebibytes in a folder. */
async function sizeOf(folder: string): Promise<number> {
  const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0) / MB;
}

/** Neither the process nor the data folder keeps more of it than a few requests are large. */
async function expectLittleKept(subject: Subject, { hold, grown, kept }: Cost, before: number): Promise<void> {
  expectCheap([{ hold, grown: Math.min(grown, kept + GARBAGE_MB), total: 0, kept }], 4 * MB);
  expect(kept).toBeLessThan(40);
  expect((await sizeOf(join(subject.folder, 'data'))) - before).toBeLessThan(20);
}

/** What is thrown away again and not collected yet, of forty bodies of four mebibytes. */
const GARBAGE_MB = 60;

export const KEPT_ROWS: readonly CostRow[] = [
  {
    title: 'F8: forty handshakes of 3.9 MB are not kept',
    run: () =>
      served(async (subject, a) => {
        const before = await sizeOf(join(subject.folder, 'data'));
        const info = `{"name":"a","version":"1","title":"${'x'.repeat(3_900_000)}"}`;
        const { value, cost } = await subject.measure(() => inBatches(40, 2, () => a.initialize(info)));
        for (const { status } of value) expect([200, 400, 413]).toContain(status);
        await expectLittleKept(subject, cost, before);
      }),
  },
  {
    title: 'F8: three hundred subscriptions to addresses of 60 kB in one session are not kept',
    run: () =>
      served(async (subject, a) => {
        const { session = '' } = await a.initialize();
        const before = await sizeOf(join(subject.folder, 'data'));
        const { value, cost } = await subject.measure(() =>
          inBatches(300, 2, (index) =>
            a.post(
              `{"jsonrpc":"2.0","id":${index},"method":"resources/subscribe","params":{"uri":"workflow://tasks/${index}-${'x'.repeat(60_000)}"}}`,
              { 'mcp-session-id': session },
            ),
          ),
        );
        for (const { status, message } of value) {
          expect([200, 400, 413]).toContain(status);
          expect(message.error?.code).not.toBe(-32603);
        }
        await expectLittleKept(subject, cost, before);
      }),
  },
  {
    title: 'F8: forty subscriptions/listen that each name resources of 3.9 MB are not kept',
    run: () =>
      served(async (subject, a) => {
        const before = await sizeOf(join(subject.folder, 'data'));
        const uris = Array.from({ length: 1_000 }, (_, index) => `"workflow://tasks/${index}-${'x'.repeat(3_900)}"`);
        const [body, headers] = modern(
          'subscriptions/listen',
          `"notifications":{"resourceSubscriptions":[${uris.join(',')}]}`,
        );
        const { value, cost } = await subject.measure(() => inBatches(40, 2, () => a.stream('POST', headers, body)));
        for (const status of value) expect([200, 400, 413]).toContain(status);
        await expectLittleKept(subject, cost, before);
      }),
  },
];

/** Whoever asks for more than its share may also lose the connection. */
const refused = (): undefined => undefined;

const streamOf = (session: string): Record<string, string> => ({
  'mcp-session-id': session,
  'mcp-protocol-version': '2025-11-25',
});

const PING = '{"jsonrpc":"2.0","id":2,"method":"ping"}';

export const SHARE_ROWS: readonly CostRow[] = [
  {
    title:
      'F9: one principal that opens 1 010 sessions, and a stream in each, ends no session of another and leaves it room',
    run: () =>
      served(async (_subject, a, b) => {
        const { session: idle = '' } = await b.initialize();
        await inBatches(1_010, 20, async () => {
          const session = (await a.initialize().catch(refused))?.session;
          if (session !== undefined) await a.stream('GET', streamOf(session)).catch(refused);
        });
        const inIdle = await b.post(PING, { 'mcp-session-id': idle });
        const { status, session = '' } = await b.initialize();
        const stream = await b.stream('GET', streamOf(session));
        expect({ inIdle: inIdle.status, status, stream }).toEqual({ inIdle: 200, status: 200, stream: 200 });
      }),
  },
  {
    title: 'F9: one principal that opens 1 030 subscriptions leaves room for another',
    run: () =>
      served(async (_subject, a, b) => {
        const [body, headers] = modern('subscriptions/listen', '"notifications":{"toolsListChanged":true}');
        await inBatches(1_030, 20, () => a.stream('POST', headers, body).catch(refused));
        expect(await b.stream('POST', headers, body)).toBe(200);
      }),
  },
  {
    title: 'F9: 4 100 connections of one address on which nothing is said do not shut the door for another',
    run: () =>
      served(async (subject, _a, b) => {
        const sockets = await silentConnections(subject.url, 4_100, '127.0.0.2');
        try {
          // A connection of its own: the ones that it has are open.
          const late = new HttpCaller(subject.url, TOKENS.b);
          const reply = await late.post(...modern('tools/list', '')).catch(refused);
          late.close();
          expect(reply?.status, 'the answer on a connection that was opened last').toBe(200);
          expect((await b.initialize()).status).toBe(200);
        } finally {
          for (const socket of sockets) socket.destroy();
        }
      }),
  },
];
