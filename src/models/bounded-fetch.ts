import { Agent, fetch as undiciFetch } from 'undici';
import { stepFailure } from '../core/failure.ts';

/** More than any answer of a model: what is larger is none. */
const MAX_BYTES = 10 * 1024 * 1024;

/**
 * Calls of one provider: without the time limits of its own (deadlines are ours), never redirected with a key, and with
 * answers of bounded size.
 */
export class BoundedFetch {
  readonly #connections = new Agent({ headersTimeout: 0, bodyTimeout: 0 });

  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const { method, headers, body, signal } = init;
    const response = await undiciFetch(input instanceof Request ? input.url : input, {
      method: method ?? 'GET',
      headers: Object.fromEntries(new Headers(headers)),
      redirect: 'error',
      dispatcher: this.#connections,
      ...(typeof body === 'string' ? { body } : {}),
      ...(signal === undefined || signal === null ? {} : { signal }),
    });
    const answered = {
      status: response.status,
      statusText: response.statusText,
      headers: Object.fromEntries(response.headers),
    };
    if (response.body === null) return new Response(null, answered);
    let bytes = 0;
    const bounded = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        if (bytes > MAX_BYTES) throw stepFailure('limit_exceeded', `an answer of more than ${MAX_BYTES} bytes`);
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(bounded), answered);
  };

  /** Cuts the calls that are under way, and closes connections that wait. */
  async close(): Promise<void> {
    await this.#connections.destroy();
  }
}
