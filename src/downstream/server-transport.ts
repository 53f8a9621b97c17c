import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import { wrapTaskAnswer } from './task-handle.ts';

/** A transport that can say why it ended. */
export interface ServerTransport extends Transport {
  /**
   * In words that follow the server's name, e.g. `exited with code 1 (last line on stderr: …)`. `undefined` while it is
   * open, and when we closed it.
   */
  readonly endReason: string | undefined;
  /** Messages that the server has sent and that were good enough to be handed on. */
  heard: number;
  /** Gets each progress notification, before any message that came after it. Such notifications go nowhere else. */
  onprogress?: (params: { readonly [key: string]: unknown }) => void;
}

/**
 * Hands an admitted message on. Progress goes past the SDK, which would deliver it after an answer that came later and
 * so lose the last one.
 */
export function deliver(message: JSONRPCMessage, transport: ServerTransport): void {
  transport.heard += 1;
  if ('method' in message && message.method === 'notifications/progress') transport.onprogress?.(message.params ?? {});
  else transport.onmessage?.(wrapTaskAnswer(message));
}
