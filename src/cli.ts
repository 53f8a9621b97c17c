#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { tellParent } from './cli/detach.ts';
import { EXIT } from './cli/exit.ts';
import { loadEngine } from './cli/load-engine.ts';
import { runCli } from './cli/program.ts';
import { processTerminal } from './cli/terminal.ts';
import { wantedOnTerminal } from './config.ts';
import { systemClock } from './core/clock.ts';
import { isJsonObject } from './core/json.ts';

/** How long something that was left open may keep the process alive after everything was closed. */
const LINGER_MS = 2000;

function version(): string {
  const text: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const found = isJsonObject(text) ? text['version'] : undefined;
  return typeof found === 'string' ? found : 'unknown';
}

/** A reader that has seen enough (`| head`) is no error: the command goes on and ends with its own code. */
const READER_GONE: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ERR_STREAM_DESTROYED']);
let unwritten = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (READER_GONE.has(error.code) || unwritten) return;
  unwritten = true;
  process.exitCode = EXIT.failed;
  process.stderr.write(`standard output cannot be written: ${error.message}\n`);
});
// Nor is a host that does not want our log: only the log is lost then.
process.stderr.on('error', () => undefined);

const exitCode = await runCli(process.argv.slice(2), version(), {
  terminal: processTerminal(wantedOnTerminal()),
  clock: systemClock,
  // Loaded when needed, so that `schema`, `--help` and a wrong flag answer at once.
  openEngine: async (config, options) => (await loadEngine()).openEngine(config, options),
  openServers: async (config, logger) => (await loadEngine()).openServers(config, logger),
  ...(process.argv.includes('--background') ? { tellParent } : {}),
  exitCode: 0,
});
process.exitCode = unwritten ? EXIT.failed : exitCode;
setTimeout(() => process.exit(), LINGER_MS).unref();
