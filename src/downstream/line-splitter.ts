import { ByteBuffer } from './byte-buffer.ts';

/** What becomes of a line that was too long: its first and last bytes, enough to find out which request it answered. */
export interface DroppedLine {
  readonly head: string;
  readonly tail: string;
  readonly bytes: number;
}

export interface LineEvents {
  /** A complete line without its end; not to be kept. */
  line(bytes: Buffer): void;
  /** A line was longer than the limit and is over now. */
  dropped(line: DroppedLine): void;
  /** A line is longer than the hard limit and has no end yet; nothing more is read after this. */
  endless(line: DroppedLine): void;
}

/** A line this many times longer than the limit is taken for one that never ends. */
const ENDLESS_FACTOR = 8;
const KEPT_BYTES = 1024;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/**
 * Splits a byte stream into lines in linear time, whatever the size of its chunks, and never holds more than `maxBytes`
 * of one line: the rest of a longer line is counted and thrown away.
 */
export class LineSplitter {
  private readonly held = new ByteBuffer();
  private bytes = 0;
  private dropping: { head: Buffer; tail: Buffer } | undefined;
  private ended = false;
  private readonly maxBytes: number;
  private readonly events: LineEvents;

  constructor(maxBytes: number, events: LineEvents) {
    this.maxBytes = maxBytes;
    this.events = events;
  }

  push(chunk: Buffer): void {
    let start = 0;
    while (!this.ended && start < chunk.length) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end === -1) return this.take(chunk.subarray(start));
      this.finishLine(chunk.subarray(start, end));
      start = end + 1;
    }
  }

  private take(part: Buffer): void {
    if (part.length === 0) return;
    this.bytes += part.length;
    if (this.dropping === undefined) {
      this.held.append(part);
      if (this.bytes <= this.maxBytes) return;
      const whole = this.held.take();
      this.dropping = { head: Buffer.from(whole.subarray(0, KEPT_BYTES)), tail: lastBytes(whole) };
      return;
    }
    this.dropping.tail = lastBytes(Buffer.concat([this.dropping.tail, part.subarray(-KEPT_BYTES)]));
    if (this.bytes <= this.maxBytes * ENDLESS_FACTOR) return;
    this.ended = true;
    this.events.endless(this.droppedLine(this.dropping));
  }

  private finishLine(last: Buffer): void {
    // Most lines are whole in one chunk and are handed on without a copy.
    const whole = this.bytes === 0 && last.length <= this.maxBytes ? last : undefined;
    if (whole === undefined) this.take(last);
    if (this.ended) return;
    const { dropping } = this;
    const dropped = dropping === undefined ? undefined : this.droppedLine(dropping);
    const line = whole ?? this.held.take();
    this.dropping = undefined;
    this.bytes = 0;
    if (dropped !== undefined) return this.events.dropped(dropped);
    this.events.line(line.at(-1) === RETURN ? line.subarray(0, -1) : line);
  }

  private droppedLine(dropping: { head: Buffer; tail: Buffer }): DroppedLine {
    return { head: dropping.head.toString('utf8'), tail: dropping.tail.toString('utf8'), bytes: this.bytes };
  }
}

function lastBytes(buffer: Buffer): Buffer {
  return Buffer.from(buffer.subarray(-KEPT_BYTES));
}
