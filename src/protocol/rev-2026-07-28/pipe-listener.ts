import {
  CLIENT_CAPABILITIES_META_KEY,
  isJSONRPCNotification,
  isJSONRPCRequest,
  PROTOCOL_VERSION_META_KEY,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server';
import type { JSONRPCMessage, JSONRPCRequest, Transport, TransportSendOptions } from '@modelcontextprotocol/server';
import { isJsonObject } from '../../core/json.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Caller } from '../caller.ts';
import { invalidParams, RPC, toWireError, WireError, type ErrorContext } from '../errors.ts';
import { abilitiesOf, codec2026, declaresTasks } from './codec.ts';
import { parseListenFilter, type Subscription, type Subscriptions } from './subscriptions.ts';
import { missingTasksCapability } from './capability-error.ts';

/**
 * A transport that serves `subscriptions/listen` by itself and passes everything else through: the SDK's own entry does
 * not know task ids. It refuses what names no revision or another one: after the first message the SDK looks no more.
 * Requests whose envelope is not in order otherwise are passed on, for the SDK to refuse. Closing it ends every
 * subscription, gracefully while the pipe still takes messages.
 */
export class PipeListener implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport['onmessage'];
  readonly #inner: Transport;
  readonly #subscriptions: Subscriptions;
  readonly #caller: Caller;
  readonly #context: ErrorContext;
  /** By the JSON-RPC id of the request. */
  readonly #open = new Map<string | number, Subscription | 'opening' | 'cancelled'>();

  constructor(inner: Transport, subscriptions: Subscriptions, caller: Caller, context: ErrorContext) {
    this.#inner = inner;
    this.#subscriptions = subscriptions;
    this.#caller = caller;
    this.#context = context;
  }

  async start(): Promise<void> {
    this.#inner.onclose = () => {
      void this.#endAll(false);
      this.onclose?.();
    };
    this.#inner.onerror = (error) => this.onerror?.(error);
    this.#inner.onmessage = (message, extra) => {
      if (!this.#serve(message)) this.onmessage?.(message, extra);
    };
    await this.#inner.start();
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    await this.#inner.send(message, options);
  }

  async close(): Promise<void> {
    await this.#endAll(true);
    await this.#inner.close();
  }

  /** True when the message was ours. */
  #serve(message: JSONRPCMessage): boolean {
    // The names first: whether it is a message is the dearer question.
    if (!('method' in message)) return false;
    const refusal = isJSONRPCRequest(message) ? refusalOf(message) : undefined;
    if (refusal !== undefined && 'id' in message) {
      void this.#refuse(message.id, refusal);
      return true;
    }
    if (message.method === 'subscriptions/listen' && isJSONRPCRequest(message)) {
      const meta = envelopeOf(message);
      if (meta === undefined) return false;
      void this.#listen(message, meta[CLIENT_CAPABILITIES_META_KEY]);
      return true;
    }
    if (message.method !== 'notifications/cancelled' || !isJSONRPCNotification(message)) return false;
    const id = message.params?.['requestId'];
    const found = typeof id === 'string' || typeof id === 'number' ? this.#open.get(id) : undefined;
    if (found === undefined || (typeof id !== 'string' && typeof id !== 'number')) return false;
    if (typeof found === 'string') this.#open.set(id, 'cancelled');
    else void found.close(false);
    return true;
  }

  async #listen(request: JSONRPCRequest, capabilities: unknown): Promise<void> {
    const { id } = request;
    try {
      if (this.#open.has(id)) throw new WireError(RPC.invalidRequest, 'A subscription with this id is open');
      const filter = parseListenFilter(request.params);
      if (typeof filter === 'string') throw new WireError(RPC.invalidParams, filter);
      if (filter.taskIds.length > 0 && !declaresTasks(capabilities)) throw missingTasksCapability();
      this.#open.set(id, 'opening');
      const subscription = await this.#subscriptions.open({
        id,
        filter,
        principal: this.#caller.principal,
        abilities: abilitiesOf(capabilities),
        send: (message) => this.#write(message),
        ended: () => this.#open.delete(id),
      });
      if (subscription === undefined) throw new WireError(RPC.limitExceeded, 'Too many subscriptions are open');
      if (this.#open.get(id) === 'cancelled') await subscription.close(false);
      else this.#open.set(id, subscription);
    } catch (error) {
      if (typeof this.#open.get(id) === 'string') this.#open.delete(id);
      await this.#refuse(id, error);
    }
  }

  /** Never rejects. */
  async #refuse(id: string | number, error: unknown): Promise<void> {
    const { code, message, data } = toWireError(error, codec2026, this.#context);
    const body = { code, message, ...(data !== undefined && { data }) };
    await this.#write({ jsonrpc: '2.0', id, error: body }).catch(() => undefined);
  }

  /** Our own objects, made to be messages; the SDK's type lists the notifications it knows. */
  async #write(message: JsonObject): Promise<void> {
    await this.#inner.send(message as unknown as JSONRPCMessage);
  }

  async #endAll(graceful: boolean): Promise<void> {
    const open = [...this.#open.values()].filter((found) => typeof found !== 'string');
    this.#open.clear();
    await Promise.all(open.map((found) => found.close(graceful)));
  }
}

function refusalOf(request: JSONRPCRequest): WireError | undefined {
  const meta = isJsonObject(request.params) ? request.params['_meta'] : undefined;
  const version = isJsonObject(meta) ? meta[PROTOCOL_VERSION_META_KEY] : undefined;
  if (version === undefined) {
    return invalidParams(`params/_meta: ${PROTOCOL_VERSION_META_KEY} and ${CLIENT_CAPABILITIES_META_KEY} are required`);
  }
  if (typeof version !== 'string' || version === codec2026.revision) return undefined;
  return new WireError(ProtocolErrorCode.UnsupportedProtocolVersion, `Unsupported protocol version: ${version}`, {
    supported: [codec2026.revision],
    requested: version,
  });
}

function envelopeOf(request: JSONRPCRequest): JsonObject | undefined {
  const meta = isJsonObject(request.params) ? request.params['_meta'] : undefined;
  if (!isJsonObject(meta) || meta[PROTOCOL_VERSION_META_KEY] !== codec2026.revision) return undefined;
  return isJsonObject(meta[CLIENT_CAPABILITIES_META_KEY]) ? meta : undefined;
}
