import { PassThrough } from 'node:stream';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ReadBuffer, serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { watchedPipe } from './wire-watch.ts';

/** The client's end of an in-process pipe whose other end is served as stdio. */
export interface Pipe {
  readonly transport: Transport;
  /** What the server reads and writes. */
  readonly input: PassThrough;
  readonly output: PassThrough;
  /** Every message the server has written, in order. */
  readonly received: JSONRPCMessage[];
}

/**
 * Two streams as one pipe, with the SDK's framing on the client's side; what comes out is checked against the schemas.
 */
export function createPipe(): Pipe {
  const { input, output } = watchedPipe({ input: new PassThrough(), output: new PassThrough() });
  const received: JSONRPCMessage[] = [];
  const buffer = new ReadBuffer();
  const transport: Transport = {
    start: () => {
      output.on('data', (chunk: Buffer) => {
        buffer.append(chunk);
        for (let message = buffer.readMessage(); message !== null; message = buffer.readMessage()) {
          received.push(message);
          transport.onmessage?.(message);
        }
      });
      return Promise.resolve();
    },
    send: (message) =>
      new Promise((resolve, reject) => {
        input.write(serializeMessage(message), (error) => (error instanceof Error ? reject(error) : resolve()));
      }),
    close: () => {
      input.end();
      transport.onclose?.();
      return Promise.resolve();
    },
  };
  return { transport, input, output, received };
}
