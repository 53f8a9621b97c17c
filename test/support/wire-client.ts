import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import { isJsonObject } from '../../src/core/json.ts';
import { checkWire } from './wire-schemas.ts';
import type { WireRevision } from './spec-schemas.ts';

/** How a client answers a request of the server: a result, or an `RpcError` that is thrown. */
export type Answerer = (params: JsonObject) => Promise<JsonObject> | JsonObject;

/** What a test needs of any client, whoever has written it and whatever it is connected by. */
export interface WireClient {
  /** Every message of the server in order, each checked against the schema of its generation. */
  readonly received: readonly JsonObject[];
  /** The result of `initialize`. */
  readonly greeting: JsonObject;
  /** Rejects with `RpcError`. Aborting sends `notifications/cancelled`. */
  request(method: string, params?: JsonObject, options?: { readonly signal?: AbortSignal }): Promise<JsonObject>;
  /** Answers requests of the server from now on; without an answerer they stay unanswered. */
  answer(method: string, answerer: Answerer): void;
  /** The first message that fits, past ones included. */
  message(fits: (message: JsonObject) => boolean): Promise<JsonObject>;
  /** Throws when a message broke its schema. */
  close(): Promise<void>;
}

/** A JSON-RPC error, as it came. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: JsonValue | undefined;
  constructor(code: number, message: string, data?: JsonValue) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** The messages a client has received; tells who waits, and checks each against its schema. */
export class Inbox {
  readonly received: JsonObject[] = [];
  readonly #revision: WireRevision;
  readonly #watchers = new Set<() => void>();
  readonly #sent = new Map<JsonValue, string>();
  #broken: Error | undefined;

  constructor(revision: WireRevision) {
    this.#revision = revision;
  }

  /** A request goes out: its answer is checked as that of this method. */
  sent(id: JsonValue, method: string): void {
    this.#sent.set(id, method);
  }

  push(message: JsonObject): void {
    const id = message['id'];
    try {
      checkWire(this.#revision, message, id === undefined ? undefined : this.#sent.get(id));
    } catch (error) {
      this.#broken ??= error instanceof Error ? error : new Error(String(error));
    }
    this.received.push(message);
    for (const watcher of this.#watchers) watcher();
  }

  message(fits: (message: JsonObject) => boolean): Promise<JsonObject> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.received.find(fits);
        if (found === undefined) return;
        this.#watchers.delete(look);
        resolve(found);
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Throws what was wrong with the first message that broke its schema. */
  verify(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }
}

/** Client identity and capabilities of a handshake. */
export function initializeParams(capabilities: JsonObject): JsonObject {
  return { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'wire', version: '1' } };
}

/** A JSON-RPC peer over anything that carries messages; for raw clients of 2025-11-25. */
export class RawPeer implements WireClient {
  greeting: JsonObject = {};
  readonly #inbox = new Inbox('2025-11-25');
  readonly #answerers = new Map<string, Answerer>();
  readonly #waiting = new Map<JsonValue, { resolve: (result: JsonObject) => void; reject: (error: Error) => void }>();
  readonly #send: (message: JsonObject) => void;
  readonly #close: () => Promise<void>;
  #id = 0;

  constructor(send: (message: JsonObject) => void, close: () => Promise<void>) {
    this.#send = send;
    this.#close = close;
  }

  get received(): readonly JsonObject[] {
    return this.#inbox.received;
  }

  async initialize(capabilities: JsonObject): Promise<void> {
    this.greeting = await this.request('initialize', initializeParams(capabilities));
    this.#send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  }

  request(
    method: string,
    params: JsonObject = {},
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<JsonObject> {
    this.#id += 1;
    const id = this.#id;
    this.#inbox.sent(id, method);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      options.signal?.addEventListener('abort', () => {
        this.#waiting.delete(id);
        this.#send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } });
        reject(new Error('withdrawn'));
      });
      this.#send({ jsonrpc: '2.0', id, method, params });
    });
  }

  answer(method: string, answerer: Answerer): void {
    this.#answerers.set(method, answerer);
  }

  message(fits: (message: JsonObject) => boolean): Promise<JsonObject> {
    return this.#inbox.message(fits);
  }

  /** A message of the server has arrived. */
  deliver(message: JsonObject): void {
    this.#inbox.push(message);
    const { id, method } = message;
    if (id === undefined) return;
    if (typeof method === 'string') {
      void this.#respond(id, method, isJsonObject(message['params']) ? message['params'] : {});
      return;
    }
    const waiter = this.#waiting.get(id);
    this.#waiting.delete(id);
    const error = message['error'];
    if (isJsonObject(error)) {
      waiter?.reject(
        new RpcError(
          Number(error['code']),
          typeof error['message'] === 'string' ? error['message'] : '',
          error['data'],
        ),
      );
    } else waiter?.resolve(isJsonObject(message['result']) ? message['result'] : {});
  }

  async close(): Promise<void> {
    await this.#close();
    this.#inbox.verify();
  }

  async #respond(id: JsonValue, method: string, params: JsonObject): Promise<void> {
    const answerer = this.#answerers.get(method);
    if (answerer === undefined) return;
    try {
      this.#send({ jsonrpc: '2.0', id, result: await answerer(params) });
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.#send({ jsonrpc: '2.0', id, error: { code: error.code, message: error.message } });
    }
  }
}
