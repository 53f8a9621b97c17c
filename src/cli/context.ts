import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import type { Config, Environment } from '../config.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { createLogger } from '../logging/pino.ts';
import { flagName, flagSyntax, SETTINGS } from '../settings.ts';
import type { SettingName } from '../settings.ts';
import type { EngineDoor, OpenEngine } from './engine-door.ts';
import type { ExitCode } from './exit.ts';
import type { Terminal } from './terminal.ts';

/** What every command gets. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly openEngine: OpenEngine;
  /** Absent = the process's own environment and folder. */
  readonly environment?: Environment;
  readonly cwd?: string;
  /** Set by the command that ran. */
  exitCode: ExitCode;
}

/** Settings that every command taking an engine has as flags. */
export const COMMON_SETTINGS = ['definitions', 'servers', 'data', 'log_level'] as const;

/** Adds `--config` and a flag for each setting. */
export function addSettings(command: Command, keys: readonly SettingName[]): Command {
  for (const key of keys) {
    const syntax = flagSyntax(key);
    if (syntax !== undefined) command.option(syntax, SETTINGS[key].help);
  }
  return command.option('--config <FILE>', 'settings file instead of ./mcp-workflow.json');
}

/** The configuration by the command's flags, the environment and the file. */
export function configOf(command: Command, context: CliContext): Config {
  const given = command.optsWithGlobals<Record<string, unknown>>();
  const flags: Record<string, string | boolean> = {};
  for (const key of [...Object.keys(SETTINGS), 'config']) {
    const value = given[attributeName(key)];
    if (typeof value === 'string' || value === true) flags[key] = value;
  }
  return loadConfig(flags, context.environment, context.cwd);
}

/** commander's name of a flag's value: `--log-level` → `logLevel`. */
function attributeName(key: string): string {
  return flagName(key)
    .slice(2)
    .replace(/-(?<letter>[a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

/** The logger by the configuration: always on standard error. */
export function loggerOf(config: Config, terminal: Terminal): Logger {
  return createLogger({
    level: config.logLevel,
    pretty: terminal.err.isTerminal,
    destination: terminal.err,
    secrets: () => config.tokens.map((entry) => entry.token),
  });
}

/** Opens the engine, lets `use` work with it and closes it whatever happens. */
export async function withEngine<T>(
  command: Command,
  context: CliContext,
  options: { readonly claims: 'all' | 'own' | 'none'; readonly quiet: boolean },
  use: (engine: EngineDoor, config: Config) => Promise<T>,
): Promise<T> {
  const config = configOf(command, context);
  // A person watching progress does not want the log in between, unless it is about trouble or was asked for.
  const quiet = options.quiet && config.logLevel === 'info';
  const logger = loggerOf(quiet ? { ...config, logLevel: 'warn' } : config, context.terminal);
  const engine = await context.openEngine(config, { claims: options.claims, logger });
  try {
    return await use(engine, config);
  } finally {
    await engine.close();
  }
}
