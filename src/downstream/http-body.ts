import { tooLarge } from './limits.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** The body again, failing with `limit_exceeded` after `maxBytes` (counted after decompression). */
export function limitedBody(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  onError: (error: Error) => void,
): ReadableStream<Uint8Array> {
  let bytes = 0;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        bytes += chunk.byteLength;
        if (bytes <= maxBytes) return controller.enqueue(chunk);
        const error = tooLarge(`an answer of more than ${maxBytes} bytes is over the limit`);
        onError(error);
        controller.error(error);
      },
    }),
  );
}

/**
 * An event stream again, passed on in whole lines, failing with `limit_exceeded` when one event is larger than `maxBytes`.
 * Whole lines, because the SDK's parser joins text for every chunk: many small chunks of a long line would cost it quadratic time.
 */
export function limitedEvents(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  onError: (error: Error) => void,
): ReadableStream<Uint8Array> {
  const held: Uint8Array[] = [];
  const size = new EventSize();
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        if (size.add(chunk) > maxBytes) {
          const error = tooLarge(`an event of more than ${maxBytes} bytes is over the limit`);
          onError(error);
          return controller.error(error);
        }
        const end = chunk.lastIndexOf(NEWLINE) + 1;
        if (end > 0) {
          controller.enqueue(Buffer.concat([...held, chunk.subarray(0, end)]));
          held.length = 0;
        }
        if (end < chunk.byteLength) held.push(chunk.subarray(end));
      },
      flush: (controller) => {
        if (held.length > 0) controller.enqueue(Buffer.concat(held));
      },
    }),
  );
}

/** Counts the bytes of the event that is being received: since the last blank line. */
class EventSize {
  private eventBytes = 0;
  private lineBytes = 0;
  private lastByte = NEWLINE;

  add(chunk: Uint8Array): number {
    let largest = this.eventBytes;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const length = end - start;
      this.lineBytes += length;
      this.eventBytes += length + 1;
      largest = Math.max(largest, this.eventBytes);
      const last = length > 0 ? chunk[end - 1] : this.lastByte;
      if (this.lineBytes === 0 || (this.lineBytes === 1 && last === RETURN)) this.eventBytes = 0;
      this.lineBytes = 0;
      start = end + 1;
    }
    this.lineBytes += chunk.byteLength - start;
    this.eventBytes += chunk.byteLength - start;
    this.lastByte = chunk.at(-1) ?? this.lastByte;
    return Math.max(largest, this.eventBytes);
  }
}
