import type { Readable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { LineSplitter } from './line-splitter.ts';
import type { Redactor } from './redaction.ts';

const MAX_LINE_BYTES = 16 * 1024;
const SHOWN_CHARACTERS = 500;
const LINES_PER_WINDOW = 50;
const WINDOW_MS = 10_000;

/** Lines that Node.js, Python and shells write after the error, and that say nothing of it. */
const SAYS_NOTHING =
  /^(?:triggerUncaughtException|(?:code|errno|syscall|path|requireStack): |Thrown at|\(Use `node|npm (?:error|ERR!)(?: code| \d+)?\s*\S*$|Node\.js v\d|at\s|File "|\^+$|~+|[\]})]+;?,?$|\d+ \||node:internal|npm (?:error|ERR!) A complete log|npm (?:error|ERR!) *$)/u;
/** The line that tells an error: its class or a word that begins one. */
const TELLS =
  /^(?:Uncaught\s+|\[)?(?:UnhandledPromiseRejection|npm (?:error|ERR!) \S+ .*\b(?:Not Found|not found|denied|refused|failed)|[\w.]*(?:Error|Exception|Panic|panicked)\b|error\b|fatal\b|panic\b|thread '.*' panicked)/iu;

/**
 * Passes a server's stderr on to the log (debug, at most 50 lines in 10 s) and remembers for error messages the last
 * line that tells an error, or else the last line that says anything.
 */
export class StderrLog {
  private last: string | undefined;
  private telling: string | undefined;
  private windowStart = 0;
  private inWindow = 0;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly redactor: Redactor;

  constructor(stream: Readable, clock: Clock, logger: Logger, redactor: Redactor) {
    this.clock = clock;
    this.logger = logger;
    this.redactor = redactor;
    const splitter = new LineSplitter(MAX_LINE_BYTES, {
      line: (bytes) => this.line(bytes.toString('utf8')),
      dropped: ({ head }) => this.line(head),
      endless: ({ head }) => this.line(head),
    });
    // Reading goes on after an endless line: a full pipe would stop the server.
    stream.on('data', (chunk: Buffer) => splitter.push(chunk));
  }

  /** The line that tells the error best, redacted and cut to 500 characters. */
  get lastLine(): string | undefined {
    return this.telling ?? this.last;
  }

  private line(text: string): void {
    if (text.trim() === '') return;
    const shown = this.redactor.head(text.trim(), SHOWN_CHARACTERS);
    if (TELLS.test(shown)) this.telling = shown;
    else if (!SAYS_NOTHING.test(shown)) this.last = shown;
    else this.last ??= shown;
    const now = this.clock.monotonic();
    if (now - this.windowStart > WINDOW_MS) {
      if (this.inWindow > LINES_PER_WINDOW) {
        this.logger.debug({ suppressed: this.inWindow - LINES_PER_WINDOW }, 'lines of stderr were left out');
      }
      this.windowStart = now;
      this.inWindow = 0;
    }
    this.inWindow += 1;
    if (this.inWindow <= LINES_PER_WINDOW) this.logger.debug({ stderr: shown }, 'server wrote to stderr');
  }
}
