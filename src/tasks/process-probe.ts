import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { JsonObject } from '../core/json.ts';

/**
 * Who a process is, so that another one on the same machine can tell whether it still lives. Empty text = not known
 * here.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** The machine's boot and the pid namespace: pids can be compared only where both are equal. */
  readonly boot: string;
  readonly namespace: string;
  /** When the process started, in the kernel's own ticks: tells a reused pid. */
  readonly started: string;
}

/** How processes are told apart. A port, so that tests can let one die. */
export interface ProcessProbe {
  self(): ProcessIdentity;
  /** `gone`: surely not running any more. `unknown`: it may or may not be. */
  state(identity: ProcessIdentity): 'alive' | 'gone' | 'unknown';
}

/** The identity in a stored row; what is missing is not known. */
export function identityOf(row: JsonObject): ProcessIdentity {
  const text = (key: string): string => (typeof row[key] === 'string' ? row[key] : '');
  return {
    pid: typeof row['pid'] === 'number' ? row['pid'] : 0,
    host: text('host'),
    boot: text('boot'),
    namespace: text('namespace'),
    started: text('started'),
  };
}

/** This machine's processes: /proc where there is one, signal 0 elsewhere. */
export function machineProcesses(): ProcessProbe {
  const me: ProcessIdentity = {
    pid: process.pid,
    host: hostname(),
    boot: readOrEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    namespace: readOrEmpty(() => readlinkSync('/proc/self/ns/pid')),
    started: startOf(process.pid),
  };
  return {
    self: () => me,
    state: (other) => {
      if (other.host !== me.host || other.boot !== me.boot || other.namespace !== me.namespace) return 'unknown';
      if (!exists(other.pid)) return 'gone';
      const started = startOf(other.pid);
      if (started === '' || other.started === '') return 'unknown';
      return started === other.started ? 'alive' : 'gone';
    },
  };
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

/**
 * Field 22 of /proc/<pid>/stat; the command in field 2 may hold blanks and brackets, so count from its last bracket.
 */
function startOf(pid: number): string {
  return readOrEmpty(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  });
}

function readOrEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
