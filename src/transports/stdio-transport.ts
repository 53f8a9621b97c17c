import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/server';
import type { Readable, Writable } from 'node:stream';
import type { JsonBounds } from '../core/json-scan.ts';
import type { Greeted } from './greeter.ts';
import { screenMessage } from './message-screen.ts';

/** A message longer than this closes the pipe: the client is broken or hostile. */
const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;
/** With so much waiting for a host that does not read, news is dropped. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** With so much, nothing more is read from it either: what it asks is what it is owed. */
const MAX_OWED_BYTES = 2 * MAX_WAITING_BYTES;
const NEWLINE = 10;
/** A longer line is no blank one. */
const MAX_BLANK_BYTES = 64;
const MAX_PIECES = 1024;
const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';

/**
 * One JSON-RPC message a line, in UTF-8, over two streams. Lines that are no message are answered with the error that
 * JSON-RPC has for them, so that a client that waits for an answer gets one, and harm nothing else. Closes itself as
 * soon as the input ends or the output breaks; it ends neither stream.
 *
 * P1 bounded: a host that does not read gets no news any more and then no hearing, until it reads; nothing else waits
 *    for it, and answers are never dropped.
 */
export class PipeTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport['onmessage'];
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #onClosed: () => void;
  readonly #bounds: JsonBounds;
  readonly #write: (text: string) => boolean;
  #greeted: Greeted | undefined;
  #parts: Buffer[] = [];
  #size = 0;
  #lines: string[] = [];
  #flushed: Promise<void> | undefined;
  #drained: Promise<void> | undefined;
  /** That was said, since the output was drained last. */
  #deaf = false;
  #closed = false;

  /**
   * @param onClosed called once, after everything else: whoever serves the pipe keeps `onclose` for itself.
   * @param write the output's own `write`, for an output whose public one has been redirected.
   * @param greeted what came before this was there.
   */
  constructor(
    input: Readable,
    output: Writable,
    onClosed: () => void,
    bounds: JsonBounds,
    write?: (text: string) => boolean,
    greeted?: Greeted,
  ) {
    this.#input = input;
    this.#output = output;
    this.#onClosed = onClosed;
    this.#bounds = bounds;
    this.#write = write ?? ((text) => output.write(text));
    this.#greeted = greeted;
  }

  start(): Promise<void> {
    if (this.#greeted !== undefined) this.#onData(this.#greeted.bytes);
    this.#input.on('data', this.#onData);
    // Whoever had it before has paused it.
    this.#input.resume();
    this.#input.on('error', this.#onBroken);
    this.#input.on('end', this.#onEnd);
    this.#input.on('close', this.#onEnd);
    this.#output.on('error', this.#onBroken);
    if (this.#input.readableEnded || this.#input.destroyed) setImmediate(this.#onEnd);
    return Promise.resolve();
  }

  /**
   * Resolves when the stream takes more. Rejects when the pipe is closed or breaks, and for news that the host is too
   * slow for.
   */
  send(message: JSONRPCMessage): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('the pipe is closed'));
    if (this.#wasAnswered(message)) return Promise.resolve();
    if (this.#output.writableLength > MAX_WAITING_BYTES && isNews(message)) {
      if (!this.#deaf) this.onerror?.(new Error('the host does not read: it gets no news until it does'));
      this.#deaf = true;
      return Promise.reject(new Error('the host does not read'));
    }
    this.#lines.push(`${JSON.stringify(message)}\n`);
    // Answers that are ready in the same turn are one write: a system call costs more than most requests.
    this.#flushed ??= new Promise((resolve, reject) => {
      process.nextTick(() => this.#flush().then(resolve, reject));
    });
    return this.#flushed;
  }

  /** The first answer to the request that the greeter has answered. */
  #wasAnswered(message: JSONRPCMessage): boolean {
    const answered = this.#greeted?.answered;
    if (answered === undefined || 'method' in message || message.id !== answered) return false;
    this.#greeted = undefined;
    return true;
  }

  async #flush(): Promise<void> {
    const text = this.#lines.join('');
    this.#lines = [];
    this.#flushed = undefined;
    if (text === '' || this.#write(text)) return;
    if (this.#output.writableLength > MAX_OWED_BYTES) this.#input.pause();
    this.#drained ??= this.#untilDrained().finally(() => {
      this.#drained = undefined;
      this.#deaf = false;
      if (!this.#closed) this.#input.resume();
    });
    await this.#drained;
  }

  #untilDrained(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        this.#output.off('drain', settle);
        this.#output.off('close', settle);
        this.#output.off('error', settle);
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#output.once('drain', settle);
      this.#output.once('close', settle);
      this.#output.once('error', settle);
    });
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#flush().catch(() => undefined);
    this.#input.off('data', this.#onData);
    this.#input.off('end', this.#onEnd);
    this.#input.off('close', this.#onEnd);
    // The error listeners stay: what breaks after the end is nobody's concern, and must not end the process.
    if (this.#input.listenerCount('data') === 0) this.#input.pause();
    this.#parts = [];
    this.onclose?.();
    this.#onClosed();
    return Promise.resolve();
  }

  readonly #onEnd = (): void => void this.close();

  readonly #onBroken = (error: Error): void => {
    if (this.#closed) return;
    this.onerror?.(error);
    void this.close();
  };

  readonly #onData = (chunk: Buffer): void => {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#parts.push(chunk.subarray(from, end));
      const line = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
      this.#parts = [];
      this.#size = 0;
      from = end + 1;
      if (line !== undefined) this.#onLine(line);
      if (this.#closed) return;
    }
    this.#parts.push(chunk.subarray(from));
    this.#size += chunk.length - from;
    // Many small pieces take a hundred times their bytes.
    if (this.#parts.length > MAX_PIECES) this.#parts = [Buffer.concat(this.#parts)];
    if (this.#size > MAX_MESSAGE_BYTES)
      this.#onBroken(new Error(`a message is longer than ${MAX_MESSAGE_BYTES} bytes`));
  };

  #onLine(line: Buffer): void {
    if (line.length < MAX_BLANK_BYTES && line.toString('utf8').trim() === '') return;
    const screened = screenMessage(line, this.#bounds);
    if (screened.ok) {
      this.onmessage?.(screened.message);
      return;
    }
    this.onerror?.(new Error(`a line on stdin was refused: ${screened.answer.error.message}`));
    this.send(screened.answer).catch((error: unknown) => {
      this.onerror?.(error instanceof Error ? error : new Error(String(error)));
    });
  }
}

/**
 * What a client hears unasked and may miss: it sees the same when it asks. The sender of a subscription waits instead;
 * a withdrawal is no news.
 */
function isNews(message: JSONRPCMessage): boolean {
  if (!('method' in message) || 'id' in message || message.method === 'notifications/cancelled') return false;
  return message.params?.['_meta']?.[SUBSCRIPTION_ID] === undefined;
}
