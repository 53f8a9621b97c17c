import { serializeMessage, type JSONRPCMessage } from '@modelcontextprotocol/client';
import type { Clock } from '../core/clock.ts';
import { stepFailure } from '../core/failure.ts';
import { beyondBounds, type JsonBounds } from '../core/json-scan.ts';
import type { Logger } from '../core/logger.ts';
import { InboundGate } from './inbound-gate.ts';
import { LineSplitter } from './line-splitter.ts';
import type { ProcessGuard } from './process-guard.ts';
import { NEWS_PER_MINUTE } from './http-transport.ts';
import { ProcessTree, type ProcessOptions } from './process-tree.ts';
import { RateLimit } from './rate-limit.ts';
import type { Redactor } from './redaction.ts';
import { readServerMessage } from './server-message.ts';
import { StderrLog } from './stderr-log.ts';
import { deliver, type ServerTransport } from './server-transport.ts';

/** How long a server may take to end after it has closed its output. */
const ENDING_MS = 1000;
/** A server that does not read what we send is given up when this much waits. */
const MAX_UNSENT_BYTES = 32 * 1024 * 1024;

export interface StdioTransportOptions extends ProcessOptions {
  readonly maxMessageBytes: number;
  readonly bounds: JsonBounds;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly redactor: Redactor;
  readonly guard: ProcessGuard;
}

/**
 * MCP over the pipes of a child process. Memory is bounded by `maxMessageBytes` whatever the server writes; lines that
 * are no message are counted and ignored. `close` resolves when the whole process tree is gone.
 */
export class StdioTransport implements ServerTransport {
  heard = 0;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  onprogress?: (params: { readonly [key: string]: unknown }) => void;
  private readonly options: StdioTransportOptions;
  private readonly gate: InboundGate;
  private readonly news: RateLimit;
  /** Set while the server is not read because it has sent too much news. */
  private paused = false;
  private tree: ProcessTree | undefined;
  private log: StderrLog | undefined;
  private why: string | undefined;
  private closed = false;

  constructor(options: StdioTransportOptions) {
    this.options = options;
    this.news = new RateLimit(NEWS_PER_MINUTE, options.clock);
    this.gate = new InboundGate(() =>
      options.logger.warn(
        {},
        'the server answers with an id as text where it was a number; it is taken for the number',
      ),
    );
  }

  /** The SDK takes a transport with `pid` and `stderr` for a stdio one when it negotiates a version. */
  get pid(): number | null {
    return this.tree?.pid ?? null;
  }

  get stderr(): null {
    return null;
  }

  get endReason(): string | undefined {
    if (this.why === undefined) return undefined;
    const line = this.log?.lastLine;
    return line === undefined ? this.why : `${this.why} (last line on stderr: ${line})`;
  }

  async start(): Promise<void> {
    const { clock, guard, logger, redactor, maxMessageBytes } = this.options;
    const tree = await ProcessTree.start(this.options, clock, guard);
    this.tree = tree;
    this.log = new StderrLog(tree.stderr, clock, logger.child({ pid: tree.pid }), redactor);
    const splitter = new LineSplitter(maxMessageBytes, {
      line: (bytes) => this.line(bytes),
      dropped: (line) => {
        this.gate.failDropped(line, `an answer of ${line.bytes} bytes is over the limit of ${maxMessageBytes} bytes`);
      },
      endless: (line) => {
        this.gate.failDropped(line, `an answer of ${line.bytes} bytes is over the limit of ${maxMessageBytes} bytes`);
        this.give(`sent a line of more than ${line.bytes} bytes without an end`);
      },
    });
    tree.stdout.on('data', (chunk: Buffer) => splitter.push(chunk));
    // Whoever closes it will never answer again, however long it lives.
    tree.stdout.on('end', () => void this.outputEnded());
    void tree.ended.then((exit) => {
      if (!this.closed) this.why ??= exit;
      this.gate.failAll(stepFailure('transport', this.endReason ?? 'was stopped'));
      this.onclose?.();
    });
  }

  /** A server that ends closes its output too: how it ended says more. */
  private async outputEnded(): Promise<void> {
    await Promise.race([this.tree?.ended, this.options.clock.sleep(ENDING_MS)]);
    this.give('closed its standard output');
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const { tree } = this;
    if (tree === undefined || !tree.stdin.writable) {
      throw stepFailure('transport', this.endReason ?? 'the server is not running');
    }
    const answered = this.gate.sent(message);
    if (tree.stdin.writableLength > MAX_UNSENT_BYTES) this.give('does not read what it is sent');
    else tree.stdin.write(serializeMessage(message));
    await answered;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.tree?.stop();
  }

  private line(bytes: Buffer): void {
    const beyond = beyondBounds(bytes, this.options.bounds);
    if (beyond !== undefined) {
      const line = {
        head: bytes.toString('utf8', 0, 1024),
        tail: bytes.subarray(-1024).toString('utf8'),
        bytes: bytes.length,
      };
      this.gate.failDropped(line, `the answer ${beyond}`);
      return;
    }
    // A byte order mark is no part of the text; some runtimes write one first.
    const text = bytes.toString('utf8').replace(/^\uFEFF/u, '');
    if (text.trim() === '') return;
    let message: JSONRPCMessage | undefined;
    try {
      message = readServerMessage(text);
    } catch {
      if (this.gate.failMalformed(text)) return;
      this.gate.throwAway('not a message');
      if (this.gate.thrownAway.get('not a message') === 1) {
        const shown = this.options.redactor.head(text, 200);
        this.options.logger.warn(
          { text: shown },
          'server wrote something that is not MCP to its stdout; such lines are ignored',
        );
      }
      this.countNews();
      return;
    }
    if (message === undefined || 'method' in message) this.countNews();
    if (message === undefined) return;
    const admitted = this.gate.admit(message);
    if (admitted !== undefined) deliver(admitted, this);
  }

  /** What comes unasked costs the server its own pace: it is not read until its rate allows it. */
  private countNews(): void {
    const ms = this.news.reserve();
    if (ms === 0 || this.paused) return;
    this.paused = true;
    this.tree?.stdout.pause();
    void this.options.clock.sleep(ms).then(() => {
      this.paused = false;
      this.tree?.stdout.resume();
    });
  }

  private give(why: string): void {
    this.why ??= why;
    this.tree?.stdout.destroy();
    void this.tree?.stop();
  }
}
