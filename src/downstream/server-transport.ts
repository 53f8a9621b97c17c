import type { Transport } from '@modelcontextprotocol/client';

/** A transport that can say why it ended. */
export interface ServerTransport extends Transport {
  /** In words that follow the server's name, e.g. `exited with code 1 (last line on stderr: …)`. `undefined` while it is open, and when we closed it. */
  readonly endReason: string | undefined;
}
