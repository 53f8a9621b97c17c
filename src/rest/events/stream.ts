import type { Clock } from '../../core/clock.ts';
import type { ServerEvent } from '../route.ts';

/**
 * A line without meaning is sent after so long without an event, so that nothing in between takes the connection for
 * dead.
 */
const BEAT_MS = 15_000;
/** After how long a client should come back when the connection broke. */
const RETRY_MS = 2_000;

/**
 * Events as a body of `text/event-stream` (HTML, 9.2). It is pulled: an event is made when the reader has room for it,
 * so a slow reader holds up nothing and nothing piles up. `leave` is called when the reader has gone or the events have
 * ended; `failed` when they end because of an error.
 */
export function eventBody(
  events: AsyncGenerator<ServerEvent>,
  clock: Clock,
  leave: () => void,
  failed: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const stop = new AbortController();
  let next: Promise<IteratorResult<ServerEvent, unknown>> | undefined;
  const end = (): void => {
    stop.abort(new Error('the stream has ended'));
    leave();
  };
  return new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`)),
    pull: async (controller) => {
      next ??= events.next();
      try {
        const came = await orQuiet(next, clock, stop.signal);
        if (stop.signal.aborted) return;
        if (came === undefined) {
          controller.enqueue(encoder.encode(': still here\n\n'));
          return;
        }
        next = undefined;
        if (came.done !== true) {
          controller.enqueue(encoder.encode(eventText(came.value)));
          return;
        }
      } catch (error) {
        if (stop.signal.aborted) return;
        failed(error);
      }
      // After an error too: the client comes back and is told what is wrong, if it still is.
      end();
      controller.close();
    },
    cancel: async () => {
      end();
      next?.catch(() => undefined);
      await events.return(undefined);
    },
  });
}

/** What comes, or `undefined` when nothing did for so long. */
async function orQuiet<T>(coming: Promise<T>, clock: Clock, signal: AbortSignal): Promise<T | undefined> {
  const came = new AbortController();
  const quiet = clock.sleep(BEAT_MS, AbortSignal.any([signal, came.signal])).catch(() => undefined);
  try {
    return await Promise.race([coming, quiet.then(() => undefined)]);
  } finally {
    came.abort(new Error('something came'));
  }
}

/** JSON has no bare line ends, so the data is one line. */
function eventText({ event, id, data }: ServerEvent): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
