import { spawn, type ChildProcess } from 'node:child_process';

/**
 * The guard: reads `+PID` and `-PID` lines and, when its input ends, stops the process groups that are still listed.
 * Its input ends when we do, however we ended. It runs from text so that it needs no file beside the compiled program.
 *
 * A group is stopped only if its leader is the process that was registered (same start time where /proc tells) or is
 * gone while members are left, in which case the system cannot have given the number to a stranger.
 */
const GUARD_PROGRAM = `
const fs = require('node:fs');
const groups = new Map();
const started = (pid) => { try { const s = fs.readFileSync('/proc/' + pid + '/stat', 'latin1'); return s.slice(s.lastIndexOf(')') + 2).split(' ')[19]; } catch { return undefined; } };
let rest = '';
process.stdin.setEncoding('latin1');
process.stdin.on('data', (text) => {
  const lines = (rest + text).split('\\n');
  rest = lines.pop();
  for (const line of lines) {
    const pid = Number(line.slice(1));
    if (line[0] === '+') groups.set(pid, started(pid)); else groups.delete(pid);
  }
});
const signal = (name) => {
  for (const [pid, since] of groups) {
    const now = started(pid);
    if (now !== undefined && now !== since) continue;
    try { process.kill(-pid, name); } catch { groups.delete(pid); }
  }
};
process.stdin.on('error', () => undefined);
process.stdin.on('close', () => {
  if (groups.size === 0) process.exit(0);
  setTimeout(() => { signal('SIGTERM'); setTimeout(() => { signal('SIGKILL'); process.exit(0); }, 2000); }, 2000);
});
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, () => undefined);
`;

/**
 * Sees to it that no server outlives us: also when we are killed with SIGKILL, each registered process group is stopped
 * within four seconds (closed input, then SIGTERM, then SIGKILL). One small process for all servers of a pool, started
 * with the first one. Without it (it could not be started, or it was killed) servers still stop by their closed input.
 */
export class ProcessGuard {
  private child: ChildProcess | undefined;
  private closed = false;

  /** `pid` leads a process group of its own. */
  add(pid: number): void {
    if (process.platform === 'win32' || this.closed) return;
    this.child ??= this.start();
    this.write(`+${pid}\n`);
  }

  /** The group is gone. */
  remove(pid: number): void {
    this.write(`-${pid}\n`);
  }

  /** Lets the guard end, once every server has been stopped. */
  close(): void {
    this.closed = true;
    this.child?.stdin?.end();
  }

  private start(): ChildProcess {
    const child = spawn(process.execPath, ['-e', GUARD_PROGRAM], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: {},
      cwd: '/',
    });
    child.on('error', () => undefined);
    child.stdin?.on('error', () => undefined);
    child.unref();
    // The pipe must not keep us alive either; `unref` exists on the socket behind it.
    if (child.stdin !== null && 'unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
    return child;
  }

  private write(line: string): void {
    if (this.child?.stdin?.writable === true) this.child.stdin.write(line);
  }
}
