import type { Readable, Writable } from 'node:stream';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import type { WireRevision } from './spec-schemas.ts';
import { checkWire } from './wire-schemas.ts';

const violations: Error[] = [];

/**
 * Throws the first message since the last call that broke a schema. Every integration test ends with it
 * (`wire-watch-setup.ts`).
 */
export function verifyWire(): void {
  const [first] = violations.splice(0);
  if (first !== undefined) throw first;
}

/**
 * The messages of one connection, in the order in which its client saw them: each of the server's is checked against
 * the schemas of the generation that the client speaks there. What is wrong is kept for `verifyWire`.
 */
export class Conversation {
  readonly #asked = new Map<unknown, { readonly method: string; readonly revision: WireRevision }>();
  #revision: WireRevision = '2025-11-25';

  /** The client sends this; what is no request is not our concern. */
  sent(message: unknown): void {
    if (!isJsonObject(message)) return;
    const { id, method } = message;
    if (typeof method !== 'string') return;
    this.#revision = revisionOf(message);
    if (id !== undefined) this.#asked.set(id, { method, revision: this.#revision });
  }

  /** The server has sent this. */
  received(message: unknown): void {
    const asked = isJsonObject(message) && !('method' in message) ? this.#asked.get(message['id']) : undefined;
    try {
      checkWire(asked?.revision ?? this.#revision, message, asked?.method);
    } catch (error) {
      violations.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** Of a message that stands for itself (`_meta`), or of a session. Revisions before 2025-11-25 are held to it. */
function revisionOf({ params }: JsonObject): WireRevision {
  const meta = isJsonObject(params) ? params['_meta'] : undefined;
  const stated = isJsonObject(meta) ? meta['io.modelcontextprotocol/protocolVersion'] : undefined;
  return stated === '2026-07-28' ? stated : '2025-11-25';
}

/** Whatever an SDK can be connected to. */
interface Transport {
  start(): Promise<void>;
  send(message: never, options?: never): Promise<void>;
  onmessage?: unknown;
}

/** Watches the transport of an SDK's client, and gives it back. */
export function watched<T extends Transport>(transport: T): T {
  const conversation = new Conversation();
  const [start, send] = [transport.start.bind(transport), transport.send.bind(transport)];
  transport.send = (message, options) => {
    conversation.sent(message);
    return send(message, options);
  };
  // The SDKs set onmessage before they start.
  transport.start = () => {
    const deliver = transport.onmessage as (message: unknown, extra: unknown) => void; // of a transport that is started
    transport.onmessage = (message: unknown, extra: unknown) => {
      conversation.received(message);
      deliver(message, extra);
    };
    return start();
  };
  return transport;
}

/** Every message of a body, whether it is an event stream or plain JSON. Nothing else is an answer of MCP. */
export class BodyReader {
  readonly #deliver: (message: unknown) => void;
  readonly #stream: boolean;
  readonly #decoder = new TextDecoder();
  #text = '';

  constructor(contentType: string, deliver: (message: unknown) => void) {
    this.#deliver = deliver;
    this.#stream = contentType.startsWith('text/event-stream');
  }

  push(chunk: Uint8Array): void {
    this.#text += this.#decoder.decode(chunk, { stream: true });
    if (!this.#stream) return;
    const events = this.#text.split('\n\n');
    this.#text = events.pop() ?? '';
    for (const event of events) {
      const data = event.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []));
      if (data.join('') !== '') this.#deliver(JSON.parse(data.join('\n')));
    }
  }

  end(): void {
    if (!this.#stream && this.#text !== '') this.#deliver(JSON.parse(this.#text));
  }
}

/** Conversations over HTTP, by session; a request without one is a conversation of its own. */
export class HttpConversations {
  readonly #sessions = new Map<string, Conversation>();
  readonly #onMessage: () => void;

  /** @param onMessage called for each message of the server. */
  constructor(onMessage: () => void = () => undefined) {
    this.#onMessage = onMessage;
  }

  /** A request goes out. Gives what reads the body of its answer, or `undefined` for an answer that is none of MCP. */
  sent(session: string | null, body: unknown): (contentType: string) => BodyReader | undefined {
    const conversation = this.#of(session);
    conversation.sent(body);
    return (contentType) =>
      /^(?:application\/json|text\/event-stream)/u.test(contentType)
        ? new BodyReader(contentType, (message) => {
            this.#onMessage();
            conversation.received(message);
          })
        : undefined;
  }

  #of(session: string | null): Conversation {
    if (session === null) return new Conversation();
    const conversation = this.#sessions.get(session) ?? new Conversation();
    this.#sessions.set(session, conversation);
    return conversation;
  }
}

/**
 * Watches a pipe in this process: what is written to `input` and what comes out of `output`, line by line. Gives the
 * streams back.
 */
export function watchedPipe<T extends { readonly input: Writable; readonly output: Readable }>(streams: T): T {
  const conversation = new Conversation();
  const { input, output } = streams;
  const write = input.write.bind(input);
  const sent = lines((message) => conversation.sent(message));
  const received = lines((message) => conversation.received(message));
  input.write = ((chunk: string | Buffer, ...rest: []) => {
    sent(chunk.toString());
    return write(chunk, ...rest);
  }) as typeof input.write; // the same, listened to
  const emit = output.emit.bind(output);
  // A listener of its own would start the flow before the test reads.
  output.emit = (event: string | symbol, ...args: unknown[]) => {
    if (event === 'data') received(String(args[0]));
    return emit(event, ...args);
  };
  return streams;
}

function lines(deliver: (message: unknown) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const message = jsonOf(part);
      if (message !== undefined) deliver(message);
    }
  };
}

/** `undefined` for a text that is no JSON: tests write such things on purpose. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
