import http from 'node:http';
import https from 'node:https';
import { pipeline, Readable, type Transform } from 'node:stream';
import zlib from 'node:zlib';

const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * `fetch` without the time limits of Node's own, which gives up a request whose answer takes five minutes, and an event stream
 * that is silent for so long. Here only the caller's signal ends a request. Redirects are never followed (the SDK does that, within
 * the origin); connections are kept and reused until `close`.
 */
export class PatientFetch {
  private readonly plain = new http.Agent({ keepAlive: true });
  private readonly secure = new https.Agent({ keepAlive: true });

  /** Rejects with the error of the connection, or with an `AbortError`. */
  fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
    return new Promise((resolve, reject) => {
      const target = new URL(url);
      const isSecure = target.protocol === 'https:';
      const options = {
        method: init.method ?? 'GET',
        headers: { ...Object.fromEntries(new Headers(init.headers)), 'accept-encoding': 'identity' },
        agent: isSecure ? this.secure : this.plain,
        ...(init.signal === undefined || init.signal === null ? {} : { signal: init.signal }),
      };
      const request = isSecure ? https.request(target, options) : http.request(target, options);
      request.on('error', reject);
      request.once('response', (incoming) => {
        try {
          resolve(toResponse(incoming));
        } catch (error) {
          incoming.destroy();
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
      if (typeof init.body === 'string') request.end(init.body);
      else request.end();
    });
  }

  /** Closes all connections; requests in flight fail. */
  close(): void {
    this.plain.destroy();
    this.secure.destroy();
  }
}

function toResponse(incoming: http.IncomingMessage): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const each of Array.isArray(value) ? value : [value]) if (each !== undefined) headers.append(name, each);
  }
  const status = incoming.statusCode ?? 0;
  const meta = { status, statusText: incoming.statusMessage ?? '', headers };
  if (WITHOUT_BODY.has(status)) {
    incoming.resume();
    return new Response(null, meta);
  }
  // Node's web streams and the global ones are the same objects under two types.
  const body = Readable.toWeb(decoded(incoming)) as ReadableStream<Uint8Array>;
  return new Response(body, meta);
}

/** We ask for no encoding; a server that uses one all the same is understood. */
function decoded(incoming: http.IncomingMessage): Readable {
  const decoder = decoderFor(incoming.headers['content-encoding']);
  if (decoder === undefined) return incoming;
  // A failure of either side reaches the reader through the decoder.
  return pipeline(incoming, decoder, () => undefined);
}

function decoderFor(encoding: string | undefined): Transform | undefined {
  switch (encoding?.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
    case 'deflate':
      return zlib.createUnzip();
    case 'br':
      return zlib.createBrotliDecompress();
    default:
      return undefined;
  }
}
