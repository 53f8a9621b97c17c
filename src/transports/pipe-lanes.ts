import { isJSONRPCRequest } from '@modelcontextprotocol/server';
import type { JSONRPCMessage, MessageExtraInfo, Transport } from '@modelcontextprotocol/server';

/** Which of the two ways of a pipe a message takes. */
export interface PipeLanes {
  /** Handshakes, and what follows them. */
  readonly session: Transport;
  /** Requests that carry all that is to be known of them. */
  readonly stateless: Transport;
}

/**
 * One pipe for two generations: each request is served by what it says itself, as over HTTP. `claims` is whether a
 * message, before or after a handshake, is for the stateless generation. What names none belongs to a handshake, once
 * there was one; before that to the generation that the client has used, which then says what is missing. A
 * cancellation has nothing but an id, so both generations hear it. Answers go to the one that asks. Closing either way
 * closes the pipe. The pipe is started by whoever made it, when both ways have been taken.
 */
export function pipeLanes(pipe: Transport, claims: (message: JSONRPCMessage, shaken: boolean) => boolean): PipeLanes {
  const session = new Lane(pipe);
  const stateless = new Lane(pipe);
  let shaken = false;
  const pass = (message: JSONRPCMessage): readonly Lane[] => {
    if (!('method' in message)) return [session];
    if (claims(message, shaken)) return [stateless];
    if (message.method === 'initialize' && isJSONRPCRequest(message)) shaken = true;
    if (shaken || !stateless.used) return stateless.used && isCancellation(message) ? [session, stateless] : [session];
    return isCancellation(message) && session.used ? [session, stateless] : [stateless];
  };
  pipe.onmessage = (message, extra) => {
    for (const lane of pass(message)) lane.take(message, extra);
  };
  pipe.onerror = (error) => session.onerror?.(error);
  pipe.onclose = () => {
    session.onclose?.();
    stateless.onclose?.();
  };
  return { session, stateless };
}

function isCancellation(message: JSONRPCMessage): boolean {
  return 'method' in message && message.method === 'notifications/cancelled';
}

class Lane implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport['onmessage'];
  /** Whether a message has come this way. */
  used = false;
  readonly #pipe: Transport;

  constructor(pipe: Transport) {
    this.#pipe = pipe;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    return this.#pipe.send(message);
  }

  close(): Promise<void> {
    return this.#pipe.close();
  }

  take(message: JSONRPCMessage, extra: MessageExtraInfo | undefined): void {
    this.used = true;
    this.onmessage?.(message, extra);
  }
}
