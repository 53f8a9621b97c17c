/**
 * Between a client and a server on a pipe: `node wire-tap.mjs <log> <command> [arguments]` starts the command, hands
 * everything on in both directions, and appends each line to the log as `{pid, from, line}`. For clients that are
 * processes of their own; `wire-taps.ts` reads the log.
 */
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';

const [log, command, ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });

function noting(from, target) {
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) appendFileSync(log, `${JSON.stringify({ pid: process.pid, from, line })}\n`);
    target.write(chunk);
  };
}

process.stdin.setEncoding('utf8').on('data', noting('client', child.stdin));
process.stdin.on('end', () => child.stdin.end());
child.stdout.setEncoding('utf8').on('data', noting('server', process.stdout));
child.stdin.on('error', () => undefined);
process.stdout.on('error', () => undefined);
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal === null ? code : 1));
