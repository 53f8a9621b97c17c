import { RPC } from '../protocol/errors.ts';

/** The answer to a `Last-Event-ID` that leads nowhere. */
export function unknownEvent(): Response {
  return refusal(
    'This Last-Event-ID is not known (any more). Send the request again, or open a new stream by a GET without Last-Event-ID',
  );
}

/** The answer to a `Last-Event-ID` of a stream whose request the client has cancelled. */
export function withdrawnRequest(): Response {
  return refusal('The request of this stream was cancelled: it is not answered, and there is nothing to resume');
}

function refusal(message: string): Response {
  const body = JSON.stringify({ jsonrpc: '2.0', error: { code: RPC.invalidRequest, message } });
  return new Response(body, { status: 400, headers: { 'content-type': 'application/json' } });
}

/** The stream begins with an event without data: with its id the client can resume before it has heard anything. */
export function primed(stream: Response, eventId: string, retryMs: number): Response {
  const first = new TextEncoder().encode(`id: ${eventId}\nretry: ${retryMs}\ndata: \n\n`);
  const begun = new TransformStream<Uint8Array, Uint8Array>({ start: (out) => out.enqueue(first) });
  return new Response(stream.body?.pipeThrough(begun) ?? null, { status: stream.status, headers: stream.headers });
}

/** The stream ends behind its first `events` events, of which each is one chunk: nothing else will come on it. */
export function endsAfter(events: number, stream: Response): Response {
  if (stream.status !== 200) return stream;
  let left = events;
  const ended = new TransformStream<Uint8Array, Uint8Array>({
    start(out) {
      if (left === 0) out.terminate();
    },
    transform(chunk, out) {
      out.enqueue(chunk);
      left -= 1;
      if (left === 0) out.terminate();
    },
  });
  return new Response(stream.body?.pipeThrough(ended) ?? null, { status: stream.status, headers: stream.headers });
}
