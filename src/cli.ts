#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { tellParent } from './cli/detach.ts';
import { loadEngine } from './cli/load-engine.ts';
import { runCli } from './cli/program.ts';
import { processTerminal } from './cli/terminal.ts';
import { wantsColour } from './config.ts';
import { systemClock } from './core/clock.ts';
import { isJsonObject } from './core/json.ts';

/** How long something that was left open may keep the process alive after everything was closed. */
const LINGER_MS = 2000;

function version(): string {
  const text: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const found = isJsonObject(text) ? text['version'] : undefined;
  return typeof found === 'string' ? found : 'unknown';
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', () => process.exit());
// Nor is a host that does not want our log: only the log is lost then.
process.stderr.on('error', () => undefined);

process.exitCode = await runCli(process.argv.slice(2), version(), {
  terminal: processTerminal(wantsColour()),
  clock: systemClock,
  // Loaded when needed, so that `schema`, `--help` and a wrong flag answer at once.
  openEngine: async (config, options) => (await loadEngine()).openEngine(config, options),
  openServers: async (config, logger) => (await loadEngine()).openServers(config, logger),
  ...(process.argv.includes('--background') ? { tellParent } : {}),
  exitCode: 0,
});
setTimeout(() => process.exit(), LINGER_MS).unref();
