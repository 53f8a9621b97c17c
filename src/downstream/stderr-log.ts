import type { Readable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { LineSplitter } from './line-splitter.ts';
import type { Redactor } from './redaction.ts';

const MAX_LINE_BYTES = 16 * 1024;
const SHOWN_CHARACTERS = 500;
const LINES_PER_WINDOW = 50;
const WINDOW_MS = 10_000;

/** Passes a server's stderr on to the log (debug, at most 50 lines in 10 s) and remembers the last line for error messages. */
export class StderrLog {
  private last: string | undefined;
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
      line: (text) => this.line(text),
      dropped: ({ head }) => this.line(head),
      endless: ({ head }) => this.line(head),
    });
    // Reading goes on after an endless line: a full pipe would stop the server.
    stream.on('data', (chunk: Buffer) => splitter.push(chunk));
  }

  /** The last line that was not blank, redacted and cut to 500 characters. */
  get lastLine(): string | undefined {
    return this.last;
  }

  private line(text: string): void {
    if (text.trim() === '') return;
    const shown = this.redactor.head(text.trim(), SHOWN_CHARACTERS);
    this.last = shown;
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
