import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/client';
import { stepFailure } from '../core/failure.ts';
import { hasUnwritableNumber } from '../core/json.ts';
import type { DroppedLine } from './line-splitter.ts';
import { tooLarge } from './limits.ts';

interface Pending {
  readonly reject: (error: Error) => void;
  readonly settle: (how: HowSettled) => void;
}

/** `cancelled`: we told the server that nobody waits any more. */
export type HowSettled = 'answered' | 'cancelled';

/**
 * Stands between the wire and the SDK. Knows which requests wait for an answer, so that an answer nobody waits for, a
 * second answer goes no further, and one that cannot be used fails just its own call. Memory: one entry per request in
 * flight.
 */
export class InboundGate {
  private readonly pending = new Map<RequestId, Pending>();
  private readonly onTextId: () => void;
  private textIds = false;
  /** Messages that were thrown away, by reason, for the log. */
  readonly thrownAway = new Map<string, number>();

  /** @param onTextId Called once, when the server answers with the right number as text. */
  constructor(onTextId: () => void) {
    this.onTextId = onTextId;
  }

  /**
   * Notes a message that is about to be sent. For a request the promise resolves when its answer has passed and rejects
   * with what `fail` says; for anything else it resolves at once.
   */
  sent(message: JSONRPCMessage): Promise<HowSettled> {
    if (!('method' in message)) return Promise.resolve('answered');
    if (!('id' in message)) {
      if (message.method === 'notifications/cancelled') this.settle(message.params?.['requestId'], 'cancelled');
      return Promise.resolve('answered');
    }
    const { id } = message;
    return new Promise((settle, reject) => this.pending.set(id, { settle, reject }));
  }

  /**
   * The message that may go on to the SDK, if any: an answer whose id is the right number as text has the number again.
   */
  admit(message: JSONRPCMessage): JSONRPCMessage | undefined {
    if ('method' in message) return message;
    const id = this.ownId(message.id);
    if (id === undefined) return this.throwAway('answer to no request');
    if ('result' in message && hasUnwritableNumber(message.result)) {
      this.fail(id, stepFailure('invalid_output', 'the answer has a number that is too large'));
      return undefined;
    }
    this.settle(id, 'answered');
    return id === message.id ? message : { ...message, id };
  }

  /** The id of a request that waits, as we sent it. */
  private ownId(id: RequestId | undefined): RequestId | undefined {
    if (id === undefined || this.pending.has(id)) return id;
    const meant = typeof id === 'string' && /^\d{1,15}$/.test(id) ? Number(id) : undefined;
    if (meant === undefined || !this.pending.has(meant)) return undefined;
    if (!this.textIds) this.onTextId();
    this.textIds = true;
    return meant;
  }

  /**
   * A line that was too long or holds too much: fails the request it answers when that can be told. Returns false when
   * it cannot.
   */
  failDropped(line: DroppedLine, why: string): boolean {
    this.throwAway('message too large');
    if (isUnasked(line)) return false;
    const id = idIn(line);
    const only = this.pending.size === 1 ? [...this.pending.keys()][0] : undefined;
    const target = id === undefined ? only : this.ownId(id);
    return target !== undefined && this.fail(target, tooLarge(why));
  }

  /** A text that is no JSON-RPC message: fails the request it means to answer. Returns false when there is none. */
  failMalformed(text: string): boolean {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return false;
    }
    if (typeof value !== 'object' || value === null || !('id' in value) || 'method' in value) return false;
    const { id } = value;
    if (typeof id !== 'number' && typeof id !== 'string') return false;
    const own = this.ownId(id);
    return (
      own !== undefined && this.fail(own, stepFailure('invalid_output', 'the answer is not a valid JSON-RPC response'))
    );
  }

  fail(id: RequestId, error: Error): boolean {
    const entry = this.pending.get(id);
    this.pending.delete(id);
    entry?.reject(error);
    return entry !== undefined;
  }

  failAll(error: Error): void {
    for (const id of this.pending.keys()) this.fail(id, error);
  }

  isPending(id: RequestId): boolean {
    return this.pending.has(id);
  }

  throwAway(reason: string): undefined {
    this.thrownAway.set(reason, (this.thrownAway.get(reason) ?? 0) + 1);
  }

  private settle(id: unknown, how: HowSettled): void {
    if (typeof id !== 'number' && typeof id !== 'string') return;
    this.pending.get(id)?.settle(how);
    this.pending.delete(id);
  }
}

/** A notification or a question of the server, by its first bytes: it answers nothing, whatever its id. */
function isUnasked({ head }: DroppedLine): boolean {
  return /^\s*\{\s*(?:"(?:jsonrpc|id)"\s*:\s*(?:\d+|"[^"\\]*")\s*,\s*)*"method"\s*:/u.test(head);
}

/** The id of an answer from the first or last bytes of its text: SDKs write it first or last. */
function idIn(line: DroppedLine): number | undefined {
  const found =
    /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d+)/.exec(line.head) ??
    /"id"\s*:\s*(\d+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/.exec(line.tail);
  return found?.[1] === undefined ? undefined : Number(found[1]);
}
