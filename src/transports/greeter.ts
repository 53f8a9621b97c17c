import type { Readable } from 'node:stream';
import { greetingFor, type ServerInfo } from '../protocol/greeting.ts';

/** What a pipe received before the server was there. */
export interface Greeted {
  /** The bytes, as they came. */
  readonly bytes: Buffer;
  /** The request that has its answer already; the server sees it all the same, and its answer to it goes nowhere. */
  readonly answered: string | number | undefined;
}

const NEWLINE = 0x0a;
/** More than this is not read before the server is there. */
const MAX_WAITING_BYTES = 10 * 1024 * 1024;

/**
 * Takes a pipe until the server is loaded: answers the first message, when it is a beginning, and keeps everything for
 * the server.
 */
export class Greeter {
  readonly #input: Readable;
  readonly #write: (text: string) => void;
  readonly #serverInfo: ServerInfo;
  #parts: Buffer[] = [];
  #size = 0;
  #seenFirst = false;
  #answered: string | number | undefined;

  constructor(input: Readable, write: (text: string) => void, serverInfo: ServerInfo) {
    this.#input = input;
    this.#write = write;
    this.#serverInfo = serverInfo;
    input.on('data', this.#onData);
  }

  /** Lets go of the pipe, paused, and gives what came. */
  handOver(): Greeted {
    this.#input.off('data', this.#onData);
    this.#input.pause();
    return { bytes: Buffer.concat(this.#parts), answered: this.#answered };
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#parts.push(chunk);
    this.#size += chunk.length;
    if (this.#size > MAX_WAITING_BYTES) this.#input.pause();
    if (this.#seenFirst) return;
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts);
    const end = bytes.indexOf(NEWLINE);
    if (end === -1) return;
    this.#seenFirst = true;
    const answer = greetingFor(parsed(bytes.toString('utf8', 0, end)), this.#serverInfo);
    const id = answer?.['id'];
    if (answer === undefined || (typeof id !== 'string' && typeof id !== 'number')) return;
    this.#answered = id;
    this.#write(`${JSON.stringify(answer)}\n`);
  };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line.replace(/^\uFEFF/u, ''));
  } catch {
    return undefined;
  }
}
