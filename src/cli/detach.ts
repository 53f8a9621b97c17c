import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { settingFlags } from './context.ts';
import { CommandError, EXIT } from './exit.ts';
import type { StartMessage } from './start-message.ts';

/**
 * Starts this program again in the background to run one task, and resolves with the id of the task once it is durable.
 * The child leads a session of its own, has no streams and lives until the task has ended; a task whose process dies is
 * taken up by the next `serve` on the same data folder.
 * @throws CommandError with the child's own problem and exit code
 */
export function startDetached(
  command: Command,
  name: string,
  flags: { readonly input: string | undefined; readonly set: readonly string[] },
): Promise<string> {
  const args = ['run', name, '--background', '--json', ...settingFlags(command)];
  if (flags.input !== undefined) args.push('--input', flags.input);
  for (const pair of flags.set) args.push('--set', pair);
  const script = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, script, ...args], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    const release = (): void => {
      if (child.connected) child.disconnect();
      child.unref();
    };
    child.once('message', (message: StartMessage) => {
      if ('taskId' in message) resolve(message.taskId);
      else reject(new CommandError(message.exitCode, message.problem));
      release();
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(
        new CommandError(EXIT.failed, `the process in the background ended with code ${String(code)} before it began`),
      );
    });
  });
}

/** In the process in the background: tells the one that started it, and lets go of it. */
export function tellParent(message: StartMessage): void {
  if (process.send === undefined || !process.connected) return;
  process.send(message, undefined, undefined, () => {
    if (process.connected) process.disconnect();
  });
}
