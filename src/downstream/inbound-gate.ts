import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/client';
import { stepFailure } from '../core/failure.ts';
import { hasUnwritableNumber } from '../core/json.ts';
import type { DroppedLine } from './line-splitter.ts';
import { tooLarge } from './limits.ts';

/** Deeper results are refused: later code walks values by recursion. */
const MAX_DEPTH = 200;

interface Pending {
  readonly reject: (error: Error) => void;
  readonly answered: () => void;
}

/**
 * Stands between the wire and the SDK. Knows which requests wait for an answer, so that an answer nobody waits for, a second
 * answer, or one with an id of the wrong type goes no further, and one that is too large or too deep fails just its own call.
 * Memory: one entry per request in flight.
 */
export class InboundGate {
  private readonly pending = new Map<RequestId, Pending>();
  /** Messages that were thrown away, by reason, for the log. */
  readonly thrownAway = new Map<string, number>();

  /**
   * Notes a message that is about to be sent. For a request the promise resolves when its answer has passed and rejects with
   * what `fail` says; for anything else it resolves at once.
   */
  sent(message: JSONRPCMessage): Promise<void> {
    if (!('method' in message)) return Promise.resolve();
    if (!('id' in message)) {
      if (message.method === 'notifications/cancelled') this.settle(message.params?.['requestId']);
      return Promise.resolve();
    }
    const { id } = message;
    return new Promise((answered, reject) => this.pending.set(id, { answered, reject }));
  }

  /** True when the message may go on to the SDK. */
  admit(message: JSONRPCMessage): boolean {
    if ('method' in message) return true;
    const id = message.id;
    if (id === undefined || !this.pending.has(id)) return this.throwAway('answer to no request');
    if ('result' in message && depthExceeds(message.result, MAX_DEPTH)) {
      this.fail(id, tooLarge(`the answer is nested deeper than ${MAX_DEPTH} levels`));
      return false;
    }
    if ('result' in message && hasUnwritableNumber(message.result)) {
      this.fail(id, stepFailure('transport', 'the answer has a number that is too large'));
      return false;
    }
    this.settle(id);
    return true;
  }

  /** A line that was too long: fails the request it answers when that can be told. Returns false when it cannot. */
  failDropped(line: DroppedLine, maxBytes: number): boolean {
    const id = idIn(line);
    const only = this.pending.size === 1 ? [...this.pending.keys()][0] : undefined;
    const target = id !== undefined && this.pending.has(id) ? id : only;
    this.throwAway('message too large');
    return (
      target !== undefined &&
      this.fail(target, tooLarge(`an answer of ${line.bytes} bytes is over the limit of ${maxBytes} bytes`))
    );
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
    return this.fail(id, stepFailure('transport', 'the answer is not a valid JSON-RPC response'));
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

  throwAway(reason: string): false {
    this.thrownAway.set(reason, (this.thrownAway.get(reason) ?? 0) + 1);
    return false;
  }

  private settle(id: unknown): void {
    if (typeof id !== 'number' && typeof id !== 'string') return;
    this.pending.get(id)?.answered();
    this.pending.delete(id);
  }
}

/** The id of an answer from the first or last bytes of its text: SDKs write it first or last. */
function idIn(line: DroppedLine): number | undefined {
  const found =
    /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d+)/.exec(line.head) ??
    /"id"\s*:\s*(\d+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/.exec(line.tail);
  return found?.[1] === undefined ? undefined : Number(found[1]);
}

/** Walks with a stack of its own: the value may be deeper than the call stack allows. */
function depthExceeds(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limit) return true;
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item !== 'object' || item === null) continue;
      for (const member of Object.values(item)) if (typeof member === 'object' && member !== null) next.push(member);
    }
    level = next;
  }
  return false;
}
