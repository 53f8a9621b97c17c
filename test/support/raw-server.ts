import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { CLI } from './cli-process.ts';

/** A message as the server wrote it. */
export interface RawMessage {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: { readonly structuredContent?: unknown; readonly content?: unknown; readonly isError?: boolean };
  readonly error?: { readonly code: number; readonly message: string };
}

/** The built server on a folder over stdio, to which any text is written. */
export interface RawServer {
  readonly pid: number;
  /**
   * Writes a request with the text of its params, as it stands, and resolves with the answer. Rejects when the server
   * ends.
   */
  request(method: string, params: string): Promise<RawMessage>;
  /** What a request of the server is answered with: the text of a JSON-RPC result. */
  onRequest: ((message: RawMessage) => string | undefined) | undefined;
  /** Milliseconds of processor time since it started. */
  cpu(): number;
  stderr(): string;
  stop(): Promise<number | null>;
}

/** Starts the server and shakes hands as a client of 2025-11-25 that can show forms. */
export async function startRawServer(folder: string, nodeFlags: readonly string[] = []): Promise<RawServer> {
  const child = spawn(process.execPath, [...nodeFlags, CLI, 'serve', '--stdio'], { cwd: folder, stdio: 'pipe' });
  const closed = once(child, 'close');
  const pid = child.pid ?? 0;
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => undefined);
  const waiting = new Map<unknown, { done: (message: RawMessage) => void; fail: (error: Error) => void }>();
  void closed.then(([code]) => {
    for (const { fail } of waiting.values())
      fail(new Error(`the server ended with ${String(code)}: ${stderr.slice(-500)}`));
  });
  let ids = 0;
  const server: RawServer = {
    pid,
    onRequest: undefined,
    request: (method, params) =>
      new Promise((done, fail) => {
        const id = (ids += 1);
        waiting.set(id, { done, fail });
        child.stdin.write(`{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${params}}\n`);
      }),
    // user and system time are fields 14 and 15, in hundredths of a second; the name before them is in brackets.
    cpu: () => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10;
    },
    stderr: () => stderr,
    stop: async () => {
      child.stdin.end();
      const [code] = (await closed) as [number | null];
      return code;
    },
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    // What the built server writes is JSON-RPC.
    const message = JSON.parse(line) as RawMessage;
    if (message.method !== undefined && message.id !== undefined) {
      const answer = server.onRequest?.(message);
      if (answer !== undefined)
        child.stdin.write(`{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":${answer}}\n`);
      return;
    }
    waiting.get(message.id)?.done(message);
    waiting.delete(message.id);
  });
  await server.request(
    'initialize',
    '{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{"form":{}}},"clientInfo":{"name":"raw","version":"1"}}',
  );
  child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  return server;
}
