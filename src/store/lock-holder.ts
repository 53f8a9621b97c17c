import { readFileSync, statSync } from 'node:fs';

/**
 * Where SQLite has the lock of whoever writes, in the index of the log (https://sqlite.org/walformat.html, "WAL
 * locks").
 */
const WRITE_LOCK_BYTE = 120;
/** An exclusive lock of a range of bytes: `1: POSIX  ADVISORY  WRITE 4711 fd:01:1234 120 120`. */
const LOCK = /^\d+: (?:POSIX|OFDLCK) +\S+ +WRITE (?<pid>-?\d+) [^ ]+:(?<inode>\d+) (?<first>\d+) (?<last>\d+|EOF)$/u;

/**
 * What an operator can do when the database at `path` stays locked: which process holds it, where the kernel tells
 * (Linux, same pid namespace), and how to go on. Never throws.
 */
export function adviceOnLock(path: string): string {
  const holder = holderOf(path);
  if (holder === undefined) {
    return `another process holds ${path} locked; find it (lsof ${path}), then let it go on (kill -CONT PID) or end it (kill -KILL PID)`;
  }
  const state = isStopped(holder) ? 'and is stopped' : 'and does not let go';
  return `process ${holder} holds ${path} locked ${state}; let it go on (kill -CONT ${holder}) or end it (kill -KILL ${holder})`;
}

function holderOf(path: string): number | undefined {
  try {
    const inode = String(statSync(`${path}-shm`, { bigint: true }).ino);
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      const lock = LOCK.exec(line)?.groups;
      if (lock?.['inode'] !== inode || !covers(Number(lock['first']), lock['last'] ?? '')) continue;
      const pid = Number(lock['pid']);
      // One of another pid namespace has no number here.
      if (pid > 0 && pid !== process.pid) return pid;
    }
  } catch {
    // No such file on this system.
  }
  return undefined;
}

function covers(first: number, last: string): boolean {
  return first <= WRITE_LOCK_BYTE && (last === 'EOF' || Number(last) >= WRITE_LOCK_BYTE);
}

/** Stopped by a signal or a debugger. */
function isStopped(pid: number): boolean {
  try {
    return /^State:\s+[Tt]/mu.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
