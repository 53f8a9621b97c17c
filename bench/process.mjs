// Starting and stopping the processes of figures, and talking to them without any client library in between.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Runs `child.mjs`; resolves with its lines, the time from spawn to each, and how it ended. */
export async function runChild(path, job, count = 0) {
  const began = performance.now();
  const child = spawn(process.execPath, [here('child.mjs'), path, job, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push({ ...JSON.parse(line), sinceSpawn: performance.now() - began });
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`${job} ended with ${code ?? signal}`);
  return lines;
}

/** A server on a pipe, and a raw client of it: one JSON-RPC message a line. */
export class Pipe {
  #child;
  #waiting = new Map();
  #id = 0;

  constructor(args) {
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let rest = '';
    this.#child.stdout.setEncoding('utf8').on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) this.#answer(JSON.parse(line));
    });
  }

  #answer(message) {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    this.#waiting.delete(message.id);
    if (message.error === undefined) waiting.resolve(message.result);
    else waiting.reject(new Error(message.error.message));
  }

  request(method, params) {
    const id = (this.#id += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    });
  }

  async initialize() {
    await this.request('initialize', INITIALIZE);
    this.#child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  }

  async close() {
    this.#child.stdin.end();
    await once(this.#child, 'close');
  }
}

export const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'bench', version: '1' },
};

/** Makes `count` requests, `width` at a time; resolves with requests per second. */
export async function rate(request, count, width) {
  let left = count;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await request();
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: width }, worker));
  return (count / (performance.now() - began)) * 1000;
}
