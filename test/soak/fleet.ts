import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCli } from '../support/cli-process.ts';
import type { Running } from '../support/cli-process.ts';
import { waitUntil } from '../support/wait-until.ts';

/** A server that can be asked now. */
export interface Target {
  readonly index: number;
  readonly url: string;
  /** Aborts as soon as nobody answers there any more: it was killed or stopped. */
  readonly gone: AbortSignal;
}

interface Life {
  readonly running: Running;
  url: string | undefined;
  gone: AbortController;
  stopped: boolean;
}

const PRELOAD = new URL('../support/shifted-clock.mjs', import.meta.url).href;

/**
 * Servers on one folder, and what can happen to them. Their clocks, the wall clocks only, are those of the fleet; those
 * of their downstream servers are right.
 */
export class Fleet {
  readonly #folder: string;
  readonly #lives: (Life | undefined)[];
  readonly #clock: string;
  /** Servers that ended though nobody told them to. */
  readonly died: string[] = [];
  /** When a process that had been stopped was woken. */
  readonly woken: { readonly pid: number | undefined; readonly at: number }[] = [];
  /** Milliseconds that the clock is off by. */
  #offset = 0;

  constructor(folder: string, size: number) {
    this.#folder = folder;
    this.#lives = Array.from({ length: size }, () => undefined);
    this.#clock = join(folder, 'clock');
    this.setClock(0);
  }

  get size(): number {
    return this.#lives.length;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Those that answer now. */
  targets(): readonly Target[] {
    return this.#lives.flatMap((life, index) => {
      if (life === undefined || life.stopped) return [];
      life.url ??= /"url":"(?<url>[^"]+)"/.exec(life.running.stderr())?.groups?.['url'];
      return life.url === undefined ? [] : [{ index, url: life.url, gone: life.gone.signal }];
    });
  }

  pid(index: number): number | undefined {
    return this.#lives[index]?.running.child.pid;
  }

  /** Starts a server; it is a target once it serves. */
  start(index: number): void {
    if (this.#lives[index] !== undefined) return;
    const env = { NODE_OPTIONS: `--import=${PRELOAD}`, CLOCK_OFFSET_FILE: this.#clock };
    const running = startCli(['serve', '--http', '127.0.0.1:0'], this.#folder, env);
    const life = { running, url: undefined, gone: new AbortController(), stopped: false };
    this.#lives[index] = life;
    void running.finished.then(({ code, stderr }) => {
      if (this.#lives[index] === life) this.died.push(`a server died by itself: ${code} ${stderr.slice(-2000)}`);
    });
  }

  /** Starts what does not run, and resolves when all serve. */
  async all(): Promise<void> {
    for (let index = 0; index < this.size; index += 1) this.start(index);
    await waitUntil('all serve', () => this.targets().length === this.size, 120_000);
  }

  /** SIGKILL. */
  async kill(index: number): Promise<void> {
    const life = this.#lives[index];
    this.#lives[index] = undefined;
    life?.gone.abort(new Error('killed'));
    life?.running.child.kill('SIGKILL');
    await life?.running.finished;
  }

  /** SIGSTOP, until `wake`. */
  stop(index: number): void {
    const life = this.#lives[index];
    if (life === undefined) return;
    life.stopped = true;
    life.running.child.kill('SIGSTOP');
    life.gone.abort(new Error('stopped'));
  }

  /** SIGCONT. */
  wake(index: number): void {
    const life = this.#lives[index];
    if (life === undefined) return;
    life.gone = new AbortController();
    life.stopped = false;
    this.woken.push({ pid: life.running.child.pid, at: Date.now() });
    life.running.child.kill('SIGCONT');
  }

  /** Sets the wall clock of all servers, at once. */
  setClock(offset: number): void {
    this.#offset = offset;
    // In one piece: a server may read it at any moment.
    writeFileSync(`${this.#clock}.new`, String(offset));
    renameSync(`${this.#clock}.new`, this.#clock);
  }

  /** Nothing can be written by one server for a while, once it serves: without a disk none starts. Needs `prlimit`. */
  async fillDisk(index: number, ms: number): Promise<void> {
    await waitUntil('it serves', () => this.targets().some((target) => target.index === index), 120_000);
    const pid = this.pid(index);
    if (pid === undefined) return;
    const limit = (bytes: string): void => {
      execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
    };
    limit('1');
    await sleep(ms);
    // Nobody else ends it meanwhile: faults come one after the other.
    limit('unlimited');
  }

  /** The end of all, as an operator would. */
  async end(): Promise<readonly string[]> {
    const lives = this.#lives.flatMap((life) => life ?? []);
    this.#lives.fill(undefined);
    for (const { running, stopped } of lives) {
      if (stopped) running.child.kill('SIGCONT');
      running.child.kill('SIGTERM');
    }
    return (await Promise.all(lives.map(({ running }) => running.finished))).map(({ stderr }) => stderr);
  }
}

/** SIGKILL for a downstream server, if the process still is one. True if it was. */
export function killLedger(pid: number): boolean {
  try {
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('soak-ledger')) return false;
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}
