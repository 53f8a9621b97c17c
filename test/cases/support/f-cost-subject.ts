import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { CLI } from '../../support/cli-process.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import type { RawMessage } from '../../support/raw-server.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

const WATCH = new URL('./f-cost-watch.mjs', import.meta.url).href;
const FAR = fileURLToPath(new URL('./f-cost-far.mjs', import.meta.url));

/** What something has cost a server. */
export interface Cost {
  /** Milliseconds of processor time for which the event loop was held at most. */
  readonly hold: number;
  /** Milliseconds of processor time of the main thread in all. */
  readonly total: number;
  /** Mebibytes that the process had at most beyond what it had before. */
  readonly grown: number;
  /** Mebibytes that are left of it after a collection. */
  readonly kept: number;
}

export interface SubjectSetup {
  /** Definitions by name; the name is put in. */
  readonly definitions: Readonly<Record<string, object>>;
  /** What the downstream server `far` does at a call of `go`; absent = there is no such server. */
  readonly far?: string;
  /** The same over HTTP. */
  readonly farUrl?: string;
  readonly transport?: 'stdio' | 'http';
  /** `name=token` entries. */
  readonly tokens?: string;
}

/** The built server in a process of its own that is watched. */
export interface Subject {
  readonly folder: string;
  /** Where it listens. */
  readonly url: string;
  /**
   * Writes a request with the text of its params as it stands; resolves with the answer. Rejects when the server ends,
   * or stays silent too long.
   */
  request(method: string, params: string): Promise<RawMessage>;
  /** Writes a line. Nothing comes of it. */
  write(line: string): void;
  /** What a request of the server is answered with: the text of a JSON-RPC result. */
  onRequest: ((message: RawMessage) => string) | undefined;
  /** What `work` has cost. */
  measure<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly cost: Cost }>;
  stderr(): string;
  end(): Promise<void>;
}

/** Every subject has it: a call of it loads what is loaded when it is first used. */
const WARM = { steps: [{ id: 'sum', type: 'set', values: { n: '{% 1 + 1 %}' } }], output: { n: '{{sum.output.n}}' } };
const WARM_FAR = { id: 'far', server: 'far', action: 'ok' };

/**
 * Starts it. Over stdio it shakes hands as a client of 2025-11-25 that shows forms and has a model, and makes a first
 * call of everything.
 */
export async function startSubject(setup: SubjectSetup): Promise<Subject> {
  const { path: folder, remove } = await tempDir();
  const hasFar = setup.far !== undefined || setup.farUrl !== undefined;
  // What comes with the list of tools is to come when it is measured.
  const warm =
    hasFar && setup.far !== 'tools' && setup.far !== 'schema' ? { ...WARM, steps: [...WARM.steps, WARM_FAR] } : WARM;
  await mkdir(join(folder, 'definitions'));
  for (const [name, definition] of Object.entries({ ...setup.definitions, warm })) {
    await writeFile(join(folder, 'definitions', `${name}.json`), JSON.stringify({ name, ...definition }));
  }
  const far =
    setup.farUrl === undefined ? { command: process.execPath, args: [FAR, setup.far] } : { url: setup.farUrl };
  await writeFile(join(folder, 'servers.json'), JSON.stringify({ mcpServers: hasFar ? { far } : {} }));

  const http = setup.transport === 'http';
  const args = ['--import', WATCH, CLI, 'serve', ...(http ? ['--http', '127.0.0.1:0'] : ['--stdio'])];
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      F_COST_WATCH: 'on',
      ...(setup.tokens === undefined ? {} : { MCP_WORKFLOW_TOKENS: setup.tokens }),
    },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  const [stdin, stdout, errors, door] = child.stdio as unknown as readonly [Duplex, Duplex, Duplex, Duplex]; // four pipes
  let stderr = '';
  let over: string | undefined;
  errors.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-200_000)));
  for (const stream of [stdin, door]) stream.on('error', () => undefined);

  const waiting = new Set<(error: Error) => void>();
  void closed.then(([code, signal]) => {
    over = `the server ended with ${String(code ?? signal)}: ${stderr.slice(-500)}`;
    for (const fail of waiting) fail(new Error(over));
  });
  /** Resolves as `begin` lets it, or fails with the end of the server or after too long a silence. */
  const answered = <T>(what: string, begin: (done: (value: T) => void) => void): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const fail = (error: Error): void => {
        clearTimeout(timer);
        waiting.delete(fail);
        reject(error);
      };
      const timer = setTimeout(() => fail(new Error(`no answer for ${PATIENCE_MS} ms: ${what}`)), PATIENCE_MS);
      waiting.add(fail);
      if (over !== undefined) return fail(new Error(over));
      begin((value) => {
        clearTimeout(timer);
        waiting.delete(fail);
        resolve(value);
      });
    });

  const replies: ((text: string) => void)[] = [];
  createInterface({ input: door }).on('line', (line) => replies.shift()?.(line));
  const ask = (word: 'begin' | 'end'): Promise<string> =>
    answered(word, (done) => {
      replies.push(done);
      door.write(`${word}\n`);
    });

  const open = new Map<unknown, (message: RawMessage) => void>();
  let ids = 0;
  const subject: Subject & { url: string } = {
    folder,
    url: '',
    onRequest: undefined,
    request: (method, params) =>
      answered(method, (done) => {
        const id = (ids += 1);
        open.set(id, done);
        stdin.write(`{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${params}}\n`);
      }),
    write: (line) => void stdin.write(`${line}\n`),
    measure: async (work) => {
      await ask('begin');
      const value = await work();
      // What is left to be done after the answer is part of it.
      const cost = JSON.parse(await ask('end')) as Cost; // of the watch
      return { value, cost };
    },
    stderr: () => stderr,
    end: async () => {
      child.kill('SIGKILL');
      await closed;
      await remove();
    },
  };
  if (http) {
    try {
      subject.url = await waitUntil('the server listens', () => {
        if (over !== undefined) throw new Error(over);
        return /http:\/\/127\.0\.0\.1:\d+\/mcp/u.exec(stderr)?.[0];
      });
    } catch (error) {
      await subject.end();
      throw error;
    }
    return subject;
  }
  createInterface({ input: stdout }).on('line', (line) => {
    const message = JSON.parse(line) as RawMessage; // what the built server writes is JSON-RPC
    if (message.method !== undefined && message.id !== undefined) {
      const answer = subject.onRequest?.(message) ?? '{}';
      stdin.write(`{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":${answer}}\n`);
      return;
    }
    open.get(message.id)?.(message);
    open.delete(message.id);
  });
  try {
    await subject.request(
      'initialize',
      '{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{"form":{}},"sampling":{}},"clientInfo":{"name":"cost","version":"1"}}',
    );
    subject.write('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    await subject.request('tools/call', '{"name":"warm","arguments":{}}');
  } catch (error) {
    await subject.end();
    throw error;
  }
  return subject;
}
