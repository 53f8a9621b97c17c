import { createInterface } from 'node:readline';
import { isatty } from 'node:tty';
import { EXIT } from './exit.ts';

/** One stream to write on. */
export interface Output {
  write(text: string): void;
  readonly isTerminal: boolean;
  readonly columns: number;
  readonly rows: number;
}

/** The process as the commands see it, so that tests can give them another one. */
export interface Terminal {
  readonly out: Output;
  readonly err: Output;
  /** True when a person can be asked: input and output are a terminal. */
  readonly canAsk: boolean;
  /** Colours are wanted on `out` (`NO_COLOR`, `TERM=dumb` say no). */
  readonly colour: boolean;
  /** The same for `err`. */
  readonly errColour: boolean;
  /** Lines can be written over one another; `TERM=dumb` can only go on. */
  readonly canRedraw: boolean;
  /**
   * Asks one question and resolves with the line typed, without its end; `undefined` at the end of input (Ctrl-D).
   * Rejects with the signal's reason on abort. Ctrl-C reaches `onInterrupt` as anywhere else.
   */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>;
  /** All of standard input as text. */
  readInput(): Promise<string>;
  /** Ends the process at once: the second Ctrl-C. */
  abandon(): void;
  /**
   * Calls back on SIGINT and SIGTERM, and with SIGTERM when the terminal is closed (SIGHUP), until the returned
   * function is called; the default action is off meanwhile.
   */
  onInterrupt(listener: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
}

/** The real one. What is wanted comes from the configuration's environment, which is read elsewhere. */
export function processTerminal(wanted: { readonly colour: boolean; readonly redraw: boolean }): Terminal {
  const out = output(process.stdout);
  const err = output(process.stderr);
  return {
    out,
    err,
    canAsk: isatty(process.stdin.fd) && out.isTerminal,
    colour: wanted.colour && out.isTerminal,
    errColour: wanted.colour && err.isTerminal,
    canRedraw: wanted.redraw && out.isTerminal,
    ask: askOnProcess,
    readInput: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
      return Buffer.concat(chunks).toString('utf8');
    },
    abandon: () => process.exit(EXIT.interrupted),
    onInterrupt: (listener) => {
      process.on('SIGINT', listener);
      process.on('SIGTERM', listener);
      let hungUp = false;
      // The shell and the kernel may both send it: that is nobody who is impatient.
      const onHangUp = (): void => {
        if (!hungUp) listener('SIGTERM');
        hungUp = true;
      };
      process.on('SIGHUP', onHangUp);
      return () => {
        process.off('SIGINT', listener);
        process.off('SIGTERM', listener);
        process.off('SIGHUP', onHangUp);
      };
    },
  };
}

function output(stream: NodeJS.WriteStream & { readonly fd: number }): Output {
  return {
    write: (text) => {
      stream.write(text);
    },
    isTerminal: isatty(stream.fd),
    // Undefined without a terminal, 0 on one that does not say.
    get columns() {
      return stream.columns > 0 ? stream.columns : 80;
    },
    get rows() {
      return stream.rows > 0 ? stream.rows : 24;
    },
  };
}

function askOnProcess(question: string, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: process.stdin, output: process.stdout });
    const onAbort = (): void => {
      lines.close();
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    // The terminal is in raw mode while it asks, so Ctrl-C arrives here and not as a signal.
    lines.on('SIGINT', () => process.emit('SIGINT'));
    lines.on('close', () => {
      signal.removeEventListener('abort', onAbort);
      resolve(undefined);
    });
    lines.question(question, (line) => {
      resolve(line);
      lines.close();
    });
    if (signal.aborted) onAbort();
  });
}

// A server's text must not move the cursor or rewrite the screen of whoever reads it.
const CONTROL = /\p{Cc}+/gu;

/**
 * Whole sequences (ECMA-48): what begins with CSI; texts of OSC, DCS, SOS, PM and APC with their end; any other escape.
 */
const SEQUENCE =
  // eslint-disable-next-line no-control-regex
  /(?:\u001B\[|\u009B)[0-?]*[ -/]*[@-~]?|(?:\u001B[PX\]^_]|[\u0090\u0098\u009D-\u009F])[^\u0007\u001B\u009C\n]*(?:\u0007|\u001B\\|\u009C)?|\u001B[ -/]*[0-~]?/gu;

/**
 * One line of harmless text out of anything: sequences for a terminal are removed, other control characters (line ends)
 * become a space.
 */
export function plainLine(text: string): string {
  return text.replace(SEQUENCE, '').replace(CONTROL, ' ');
}

/** Several lines of harmless text: line ends and tabs stay. */
export function plainText(text: string): string {
  return text
    .replace(SEQUENCE, '')
    .split('\n')
    .map((line) => line.split('\t').map(plainLine).join('\t'))
    .join('\n');
}
