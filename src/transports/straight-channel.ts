import type { JSONRPCMessage, MessageExtraInfo, Transport } from '@modelcontextprotocol/server';

/**
 * The way of messages between a pipe and a server once the entry of the SDK has chosen it. The entry has nothing to
 * decide for such a connection any more, but would check the form of every message three times more, which is a third
 * of the price of a small request. Beginning and end of the connection stay with the entry's own `channel`.
 */
export class StraightChannel implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport['onmessage'];
  readonly #channel: Transport;
  readonly #pipe: Transport;
  #open = true;
  #straight = false;

  constructor(channel: Transport, pipe: Transport) {
    this.#channel = channel;
    this.#pipe = pipe;
  }

  async start(): Promise<void> {
    this.#channel.onclose = () => {
      this.#open = false;
      this.onclose?.();
    };
    this.#channel.onerror = (error) => this.onerror?.(error);
    this.#channel.onmessage = (message: JSONRPCMessage, extra?: MessageExtraInfo) => {
      this.onmessage?.(message, extra);
      if (this.#straight) return;
      this.#straight = true;
      // What came together with the opening message still waits in the entry, and goes first.
      setImmediate(() => {
        if (this.#open) this.#pipe.onmessage = (later, about) => this.onmessage?.(later, about);
      });
    };
    await this.#channel.start();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#open) await this.#pipe.send(message);
  }

  async close(): Promise<void> {
    this.#open = false;
    await this.#channel.close();
  }
}
