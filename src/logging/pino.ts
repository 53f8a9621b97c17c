import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { Logger } from '../core/logger.ts';
import { redact } from './redaction.ts';

/** Where lines go. `process.stderr` fits; standard output belongs to MCP and to `--json`. */
export interface LogDestination {
  write(line: string): unknown;
}

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** For people: text. Otherwise one JSON object a line. */
  readonly pretty: boolean;
  /** Of the text. Default true. */
  readonly colour?: boolean;
  readonly destination: LogDestination;
  /** Asked for every line, so that secrets that become known later are covered too. */
  readonly secrets?: () => Iterable<string>;
}

/**
 * The process's logger. Lines are written at once (nothing is lost when the process ends) and pass through redaction
 * last, so that neither a field nor a message nor an error's text can carry a secret out. An `Error` belongs into the
 * field `err`.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { level, destination, secrets } = options;
  const hide = (line: string): string => (secrets === undefined ? line : redact(line, secrets()));
  if (!options.pretty) {
    const lines = { write: (line: string) => destination.write(hide(line)) };
    return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, lines);
  }
  const prettify = pretty.prettyFactory({
    colorize: options.colour ?? true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
  });
  // Before, because the text undoes half of JSON's escapes; after, because it undoes them.
  return pino({ level, base: null }, { write: (line: string) => destination.write(hide(prettify(hide(line)))) });
}
