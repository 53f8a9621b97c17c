import { stepFailure } from '../core/failure.ts';
import { beyondBounds, type JsonBounds } from '../core/json-scan.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { tooLarge } from './limits.ts';
import { textWithoutNulls } from './server-message.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;

export interface BodyLimits {
  /** Of one message, after decompression. */
  readonly maxBytes: number;
  readonly bounds: JsonBounds;
  /** Called once, with what the call fails with. */
  readonly onError: (error: Error) => void;
}

/** The body again, failing with `limit_exceeded` after `maxBytes`. */
export function limitedBody(body: ReadableStream<Uint8Array>, limits: BodyLimits): ReadableStream<Uint8Array> {
  let bytes = 0;
  return transformed(body, limits, (chunk, controller) => {
    bytes += chunk.byteLength;
    if (bytes > limits.maxBytes) throw tooLarge(`an answer of more than ${limits.maxBytes} bytes is over the limit`);
    controller.enqueue(chunk);
  });
}

/** A body of JSON, read to its end, as one chunk: within its bounds, and without the nulls that stand for nothing. */
export function limitedJson(body: ReadableStream<Uint8Array>, limits: BodyLimits): ReadableStream<Uint8Array> {
  const held = new ByteBuffer();
  return transformed(
    body,
    limits,
    (chunk) => {
      held.append(chunk);
      if (held.length > limits.maxBytes) {
        throw tooLarge(`an answer of more than ${limits.maxBytes} bytes is over the limit`);
      }
    },
    (controller) => {
      const whole = held.take();
      checkBounds(whole, limits.bounds);
      const text = whole.toString('utf8');
      checkJson(text);
      controller.enqueue(Buffer.from(textWithoutNulls(text)));
    },
  );
}

/**
 * An event stream again, passed on in whole events, failing with `limit_exceeded` when one event is larger than
 * `maxBytes`. Whole events, because the SDK's parser joins text for every chunk: many small chunks of a long line would
 * cost it quadratic time.
 * @param beforeEvent Awaited before each event that is no answer; the server is not read meanwhile.
 */
export function limitedEvents(
  body: ReadableStream<Uint8Array>,
  limits: BodyLimits,
  beforeEvent: () => Promise<void>,
): ReadableStream<Uint8Array> {
  const event = new ByteBuffer();
  let lineBytes = 0;
  let lastByte = NEWLINE;
  const take = (part: Uint8Array): void => {
    event.append(part);
    lineBytes += part.byteLength;
    lastByte = part.at(-1) ?? lastByte;
    if (event.length > limits.maxBytes) {
      throw tooLarge(`an event of more than ${limits.maxBytes} bytes is over the limit`);
    }
  };
  return transformed(
    body,
    limits,
    async (chunk, controller) => {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        if (end > start) take(chunk.subarray(start, end));
        const blank = lineBytes === 0 || (lineBytes === 1 && lastByte === RETURN);
        take(chunk.subarray(end, end + 1));
        lineBytes = 0;
        start = end + 1;
        if (!blank) continue;
        const whole = readEvent(event.take(), limits.bounds);
        if (whole.isNews) await beforeEvent();
        controller.enqueue(whole.bytes);
      }
      if (start < chunk.byteLength) take(chunk.subarray(start));
    },
    (controller) => {
      if (event.length > 0) controller.enqueue(event.take());
    },
  );
}

/** An event within its bounds, its message without nulls; `isNews` = it is no answer to a request of ours. */
function readEvent(bytes: Buffer, bounds: JsonBounds): { readonly bytes: Uint8Array; readonly isNews: boolean } {
  const lines = bytes.toString('utf8').split(/\r?\n/u);
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(line[5] === ' ' ? 6 : 5));
  if (data.length === 0) return { bytes, isNews: false };
  const text = data.join('\n');
  checkBounds(Buffer.from(text), bounds);
  checkJson(text);
  const isNews = /"method"\s*:/u.test(text.slice(0, 300));
  const kept = textWithoutNulls(text);
  if (kept === text) return { bytes, isNews };
  const others = lines.filter((line) => line !== '' && !line.startsWith('data:'));
  return { bytes: Buffer.from([...others, `data: ${kept}`, '', ''].join('\n')), isNews };
}

function checkBounds(bytes: Uint8Array, bounds: JsonBounds): void {
  const beyond = beyondBounds(bytes, bounds);
  if (beyond !== undefined) throw tooLarge(`the answer ${beyond}`);
}

/** It has come whole, so the call was answered: nothing may call again because of it. */
function checkJson(text: string): void {
  try {
    JSON.parse(text);
  } catch {
    throw stepFailure('invalid_output', 'the answer is not JSON');
  }
}

type Controller = TransformStreamDefaultController<Uint8Array>;

function transformed(
  body: ReadableStream<Uint8Array>,
  { onError }: BodyLimits,
  transform: (chunk: Uint8Array, controller: Controller) => void | Promise<void>,
  flush: (controller: Controller) => void = () => undefined,
): ReadableStream<Uint8Array> {
  const guarded = async (controller: Controller, work: () => void | Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      const failed = error instanceof Error ? error : new Error(String(error));
      onError(failed);
      controller.error(failed);
    }
  };
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => guarded(controller, () => transform(chunk, controller)),
      flush: (controller) => guarded(controller, () => flush(controller)),
    }),
  );
}
