import { readdirSync, readFileSync } from 'node:fs';

/** The ids of all processes of the process group `pgid` that run (zombies left out), from /proc. */
export function processGroup(pgid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const fields = statOf(pid);
      return fields !== undefined && Number(fields[2]) === pgid && fields[0] !== 'Z';
    });
}

/** Fields of /proc/PID/stat after the command: state, parent, group, … */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
