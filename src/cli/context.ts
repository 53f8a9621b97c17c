import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import type { Config, Environment } from '../config.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { createLogger } from '../logging/pino.ts';
import { flagName, flagSyntax, isOnByDefault, SETTINGS } from '../settings.ts';
import type { SettingName } from '../settings.ts';
import type { StartMessage } from './start-message.ts';
import type { EngineDoor, OpenEngine, OpenOptions, OpenServers } from './engine-door.ts';
import type { ExitCode } from './exit.ts';
import type { Terminal } from './terminal.ts';

/** What every command gets. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly openEngine: OpenEngine;
  readonly openServers: OpenServers;
  /** Absent = the process's own environment and folder. */
  readonly environment?: Environment;
  readonly cwd?: string;
  /** Only in a process that `--detach` left in the background. */
  readonly tellParent?: (message: StartMessage) => void;
  /** Set by the command that ran. */
  exitCode: ExitCode;
}

/** Settings that every command taking an engine has as flags. */
export const COMMON_SETTINGS = ['definitions', 'servers', 'models', 'data', 'store', 'log_level'] as const;

/** How a command opens the engine that looks and makes nothing. */
export const LOOKING = { claims: 'none', quiet: true, onlyLooks: true } as const;

/** The same for one that is about tasks alone, and works wherever its data folder is reached from. */
export const LOOKING_AT_TASKS = { ...LOOKING, aboutTasks: true } as const;

/** Adds `--config` and a flag for each setting. */
export function addSettings(command: Command, keys: readonly SettingName[]): Command {
  for (const key of keys) {
    const syntax = flagSyntax(key);
    if (syntax !== undefined) command.option(syntax, SETTINGS[key].help);
  }
  return command.option('--config <FILE>', 'settings file instead of ./mcp-workflow.json');
}

/** For options that can be repeated. */
export function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}

/** The configuration by the command's flags, the environment and the file. */
export function configOf(command: Command, context: CliContext): Config {
  return loadConfig(givenSettings(command), context.environment, context.cwd);
}

/** The settings among the command's flags as arguments again, for a process of the same kind. */
export function settingFlags(command: Command): readonly string[] {
  return Object.entries(givenSettings(command)).flatMap(([key, value]) =>
    value === true ? [flagName(key)] : value === false ? [`--no-${flagName(key).slice(2)}`] : [flagName(key), value],
  );
}

function givenSettings(command: Command): Readonly<Record<string, string | boolean>> {
  const given = command.optsWithGlobals<Record<string, unknown>>();
  return Object.fromEntries(
    [...Object.keys(SETTINGS), 'config'].flatMap((key): [string, string | boolean][] => {
      const value = given[attributeName(key)];
      // commander fills in `true` for a switch that only a flag turns off.
      if (isOnByDefault(key)) return value === false ? [[key, value]] : [];
      return typeof value === 'string' || value === true ? [[key, value]] : [];
    }),
  );
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
    colour: terminal.errColour,
    destination: terminal.err,
    secrets: () => [...config.tokens.map((entry) => entry.token), ...passwordsIn(config.postgres)],
  });
}

/** As it is written in an address, and as it is meant. */
function passwordsIn(address: string | undefined): readonly string[] {
  const password = address !== undefined && URL.canParse(address) ? new URL(address).password : '';
  return password === '' ? [] : [password, new URLSearchParams(`p=${password.replaceAll('+', '%2B')}`).get('p') ?? ''];
}

/** Opens the engine, lets `use` work with it and closes it whatever happens. */
export async function withEngine<T>(
  command: Command,
  context: CliContext,
  options: Omit<OpenOptions, 'logger'> & { readonly quiet: boolean },
  use: (engine: EngineDoor, config: Config) => Promise<T>,
): Promise<T> {
  const config = configOf(command, context);
  // A person watching progress does not want the log in between, unless it is about trouble or was asked for.
  const { quiet: wanted, ...open } = options;
  const quiet = wanted && config.logLevel === 'info';
  const logger = loggerOf(quiet ? { ...config, logLevel: 'warn' } : config, context.terminal);
  const engine = await context.openEngine(config, { ...open, logger });
  try {
    return await use(engine, config);
  } finally {
    await engine.close();
  }
}
