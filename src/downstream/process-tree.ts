import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { messageOf, stepFailure } from '../core/failure.ts';
import type { ProcessGuard } from './process-guard.ts';

/** How long a server may take to end by itself before it is asked, and after that before it is killed. */
const GRACE_MS = 2000;
/** How long output is still read from the pipes after the process has ended (a grandchild may hold them open). */
const DRAIN_MS = 200;
const POLL_MS = 20;
/** What the leader left behind has no input from us that could end it: it is asked soon. */
const ORPHAN_GRACE_MS = 200;

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** How a process ended: in words, e.g. `exited with code 1`, `was killed by SIGKILL`. */
export type ExitText = string;

const RUNNING = new Set<ProcessTree>();
process.once('exit', () => ProcessTree.killAll());

/**
 * A child process in a process group of its own, so that all it starts can be stopped with it. When the child ends by
 * itself, what is left of its group is stopped too. Nothing of it remains after `stop()`.
 */
export class ProcessTree {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly pid: number;
  /** Resolves when the child has ended and its output has been read. Never rejects. */
  readonly ended: Promise<ExitText>;
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly exit: Promise<ExitText>;
  private readonly clock: Clock;
  private readonly guard: ProcessGuard;
  private stopping: Promise<void> | undefined;

  private constructor(
    child: ChildProcessByStdio<Writable, Readable, Readable>,
    pid: number,
    clock: Clock,
    guard: ProcessGuard,
  ) {
    this.child = child;
    this.pid = pid;
    this.clock = clock;
    this.guard = guard;
    this.stdin = child.stdin;
    this.stdout = child.stdout;
    this.stderr = child.stderr;
    this.exit = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(exitText(code, signal)));
    });
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    this.ended = this.exit.then(async (text) => {
      await Promise.race([closed, clock.sleep(DRAIN_MS)]);
      void this.stop();
      return text;
    });
    guard.add(pid);
    RUNNING.add(this);
  }

  /** Ours ends at once (a second Ctrl-C): nobody is left to ask them kindly. */
  static killAll(): void {
    for (const tree of RUNNING) tree.kill('SIGKILL');
  }

  /**
   * Rejects with a `StepFailure` that says why the command could not be started (`ENOENT`, `EACCES`, a missing folder).
   */
  static start(options: ProcessOptions, clock: Clock, guard: ProcessGuard): Promise<ProcessTree> {
    return new Promise((resolve, reject) => {
      const child = spawnOrSay(options);
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => undefined);
      child.once('error', (error) => reject(stepFailure('transport', startError(options, error))));
      child.once('spawn', () => {
        if (child.pid !== undefined) resolve(new ProcessTree(child, child.pid, clock, guard));
      });
    });
  }

  /**
   * Stops the whole tree and resolves when it is gone: closes the input and waits 2 s, sends SIGTERM to the group and
   * waits 2 s, sends SIGKILL. Calling it again gives the same promise.
   */
  stop(): Promise<void> {
    this.stopping ??= this.stopTree();
    return this.stopping;
  }

  private async stopTree(): Promise<void> {
    this.stdin.end();
    if (!(await this.gone(GRACE_MS, ORPHAN_GRACE_MS))) {
      this.kill('SIGTERM');
      if (!(await this.gone(GRACE_MS, GRACE_MS))) {
        this.kill('SIGKILL');
        // Killing takes the system a moment. Members that nobody collects stay in the group as dead entries: no use
        // waiting long.
        await this.gone(ORPHAN_GRACE_MS, ORPHAN_GRACE_MS);
      }
    }
    await this.exit;
    this.guard.remove(this.pid);
    RUNNING.delete(this);
    for (const stream of [this.child.stdin, this.child.stdout, this.child.stderr]) stream.destroy();
  }

  /** Waits for the group to be empty: `ms` for the leader, `orphansMs` after it for what it left behind. */
  private async gone(ms: number, orphansMs: number): Promise<boolean> {
    const start = this.clock.monotonic();
    let leaderGoneAt: number | undefined;
    while (this.isAlive()) {
      const now = this.clock.monotonic();
      if (this.hasExited()) leaderGoneAt ??= now;
      if (now - start >= ms || (leaderGoneAt !== undefined && now - leaderGoneAt >= orphansMs)) return false;
      await this.clock.sleep(POLL_MS);
    }
    return true;
  }

  private hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  private isAlive(): boolean {
    if (process.platform === 'win32') return !this.hasExited();
    try {
      process.kill(-this.pid, 0);
      return true;
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'EPERM';
    }
  }

  private kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    try {
      if (process.platform === 'win32') spawn('taskkill', ['/pid', String(this.pid), '/t', '/f'], { stdio: 'ignore' });
      else process.kill(-this.pid, signal);
    } catch {
      // Gone in the meantime.
    }
  }
}

/** Some errors of the system are thrown, others come as an event. @throws StepFailure */
function spawnOrSay(options: ProcessOptions): ChildProcessByStdio<Writable, Readable, Readable> {
  try {
    return spawn(options.command, [...options.args], {
      cwd: options.cwd,
      env: { ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
  } catch (error) {
    throw stepFailure('transport', startError(options, error instanceof Error ? error : new Error(String(error))));
  }
}

function exitText(code: number | null, signal: NodeJS.Signals | null): ExitText {
  return signal === null ? `exited with code ${code ?? 'unknown'}` : `was killed by ${signal}`;
}

function startError(options: ProcessOptions, error: Error): string {
  if ('code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
    const folder = statSync(options.cwd, { throwIfNoEntry: false });
    if (folder?.isDirectory() !== true) {
      return `its folder '${options.cwd}' ${folder === undefined ? 'does not exist' : 'is no folder'} (cwd)`;
    }
    if (options.command.includes('/') && existsSync(path.resolve(options.cwd, options.command))) {
      return `the command '${options.command}' could not be started: the program that its first line names does not exist`;
    }
    if (/\S\s+\S/u.test(options.command)) {
      return `the command '${options.command}' was not found: 'command' is the program only, its arguments go into 'args'`;
    }
    return `the command '${options.command}' was not found (looked from ${options.cwd})`;
  }
  return `the command '${options.command}' could not be started: ${messageOf(error)}`;
}
