import { ServerResponse } from 'node:http';
import type { Logger } from '../core/logger.ts';
import type { Principal } from '../tasks/task.ts';

/** Bytes that wait for a client; more than the largest replay of a session's events. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/**
 * A response whose reader may be slower than what is written. Most that is written here comes from tasks, which wait
 * for nobody, so a full socket holds up no writer: what waits is counted instead, and a client that lets it grow loses
 * the connection.
 *
 * B1 at most so many bytes wait, and one message of any size more. B2 whoever writes without a bound is told by `write`
 *    when to wait, as ever.
 */
export class BoundedResponse extends ServerResponse {
  #onCut: (() => void) | undefined;

  /** Bounds the response from now on. That a connection was cut is logged, with whose it was. */
  bound(principal: Principal, logger: Logger): void {
    this.#onCut = () => {
      const { method, headers } = this.req;
      const whose = { principal, method, sessionId: headers['mcp-session-id'] };
      logger.warn(whose, 'a client does not read what it is sent: its connection was cut');
    };
  }

  override write(
    chunk: unknown,
    encoding?: BufferEncoding | ((error: Error | null | undefined) => void),
    done?: (error: Error | null | undefined) => void,
  ): boolean {
    // Node takes a write behind the end for an error that somebody has to handle.
    if (this.#onCut !== undefined && this.destroyed) return false;
    if (this.#onCut !== undefined && this.writableLength > MAX_WAITING_BYTES) {
      this.#onCut();
      this.destroy();
      return false;
    }
    const taken = typeof encoding === 'string' ? super.write(chunk, encoding, done) : super.write(chunk, encoding);
    return this.#onCut === undefined ? taken : true;
  }
}
