import { createRequire } from 'node:module';
import type * as Compose from '../compose.ts';
import { messageOf } from '../core/failure.ts';
import { CommandError, EXIT } from './exit.ts';

/**
 * The composition, loaded when a command first needs it. Rejects with `CommandError` (exit code 2) that says what to do
 * when the program of the database driver is not there, as after an installation that ran no install scripts, or was
 * made for another machine.
 */
export async function loadEngine(): Promise<typeof Compose> {
  requireDriver();
  return import('../compose.ts');
}

/**
 * Before anything imports the driver, and by `require`: Node.js 20 ends the process with a stack when an imported
 * CommonJS module throws, although the import's rejection is handled.
 */
function requireDriver(): void {
  const require = createRequire(import.meta.url);
  try {
    require('sqlite3');
    // The adapter may have a driver of its own (docs/decisions/0002).
    createRequire(require.resolve('@keyv/sqlite'))('sqlite3');
  } catch (error) {
    const [reason = ''] = messageOf(error).split('\n');
    throw new CommandError(
      EXIT.usage,
      `the database driver cannot be loaded: sqlite3 has no program for this machine and this Node.js (${reason.replace(/\. Tried:$/u, '')})\n` +
        'It comes with an install script, which npm may have left out: run "npm rebuild sqlite3" in the folder that was installed; ' +
        'an installation by "npm install -g" or npx needs --allow-scripts=sqlite3.',
      { cause: error },
    );
  }
}
