import {
  StreamableHTTPClientTransport,
  type JSONRPCMessage,
  type TransportSendOptions,
} from '@modelcontextprotocol/client';
import type { Clock } from '../core/clock.ts';
import { stepFailure } from '../core/failure.ts';
import { limitedBody, limitedEvents } from './http-body.ts';
import { InboundGate } from './inbound-gate.ts';
import { PatientFetch } from './patient-fetch.ts';
import type { Redactor } from './redaction.ts';
import { deliver, type ServerTransport } from './server-transport.ts';

/** Tells our `fetch` which request a POST belongs to; taken off before anything is sent. */
const CORRELATION_HEADER = 'x-mcp-workflow-request';
const SHOWN_BODY_CHARACTERS = 300;

/** The server refused a request by HTTP status. Nothing of the call was done. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  /** A request within a session that the server does not know (any more). */
  readonly sessionGone: boolean;
  constructor(status: number, text: string, retryAfterMs: number | undefined, sessionGone: boolean) {
    super(`HTTP ${status}${text === '' ? '' : `: ${text}`}`);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.sessionGone = sessionGone;
  }
}

export interface HttpTransportOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxMessageBytes: number;
  readonly clock: Clock;
  /** For what is shown of a refusal. */
  readonly redactor: Redactor;
}

interface Exchange {
  streaming: boolean;
  error?: Error;
}

/**
 * MCP over Streamable HTTP: the SDK's transport with limits on what is read, and with the promise that a request whose answer
 * can no longer come (stream ended, empty answer, refused) fails at once instead of at its deadline.
 */
export class HttpTransport implements ServerTransport {
  heard = 0;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  onprogress?: (params: { readonly [key: string]: unknown }) => void;
  /** A request is cancelled by ending its stream where the protocol generation says so. */
  readonly hasPerRequestStream = true;
  private readonly inner: StreamableHTTPClientTransport;
  private readonly connections = new PatientFetch();
  private readonly gate = new InboundGate();
  private readonly exchanges = new Map<string, Exchange>();
  private readonly options: HttpTransportOptions;
  private closed = false;

  constructor(options: HttpTransportOptions) {
    this.options = options;
    this.inner = new StreamableHTTPClientTransport(options.url, {
      requestInit: { headers: { ...options.headers } },
      fetch: (url, init) => this.fetch(url, init),
    });
    this.inner.onmessage = (message: JSONRPCMessage) => {
      if (this.gate.admit(message)) deliver(message, this);
    };
    this.inner.onerror = (error) => this.onerror?.(error);
    this.inner.onclose = () => {
      this.gate.failAll(stepFailure('transport', 'the connection was closed'));
      this.onclose?.();
    };
  }

  get endReason(): undefined {
    return undefined;
  }

  get sessionId(): string | undefined {
    return this.inner.sessionId;
  }

  setProtocolVersion(version: string): void {
    this.inner.setProtocolVersion(version);
  }

  start(): Promise<void> {
    return this.inner.start();
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (!('method' in message && 'id' in message)) {
      await this.gate.sent(message);
      return this.inner.send(message, sendOptions(options));
    }
    const id = message.id;
    const key = String(id);
    const exchange: Exchange = { streaming: false };
    const answered = this.gate.sent(message);
    const end = (): void => {
      this.gate.fail(
        id,
        exchange.error ?? stepFailure('transport', 'the stream of the answer ended before the answer came'),
      );
    };
    this.exchanges.set(key, exchange);
    options?.requestSignal?.addEventListener('abort', end, { once: true });
    const sent = this.inner.send(message, {
      ...sendOptions(options),
      headers: { ...options?.headers, [CORRELATION_HEADER]: key },
      onRequestStreamEnd: () => {
        options?.onRequestStreamEnd?.();
        end();
      },
    });
    sent.then(
      () => {
        if (!exchange.streaming) end();
      },
      (error: unknown) => {
        this.gate.fail(id, exchange.error ?? (error instanceof Error ? error : new Error(String(error))));
      },
    );
    try {
      await answered;
    } finally {
      this.exchanges.delete(key);
      options?.requestSignal?.removeEventListener('abort', end);
    }
  }

  /** Ends the session on the server if there is one (at most 2 s), then closes. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    if (this.inner.sessionId !== undefined) {
      const patience = this.options.clock.sleep(2000);
      await Promise.race([this.inner.terminateSession().catch(() => undefined), patience]);
    }
    await this.inner.close();
    this.connections.close();
  }

  private async fetch(url: string | URL, init?: RequestInit): Promise<Response> {
    const headers = new Headers(init?.headers);
    const key = headers.get(CORRELATION_HEADER);
    headers.delete(CORRELATION_HEADER);
    const response = await this.connections.fetch(url, { ...init, headers });
    const exchange = key === null ? undefined : this.exchanges.get(key);
    const onError = (error: Error): void => {
      if (exchange !== undefined) exchange.error ??= error;
    };
    const isEvents = (response.headers.get('content-type') ?? '').toLowerCase().startsWith('text/event-stream');
    if (exchange !== undefined) exchange.streaming = response.ok && isEvents;
    const { maxMessageBytes } = this.options;
    const body =
      response.body === null
        ? null
        : isEvents
          ? limitedEvents(response.body, maxMessageBytes, onError)
          : limitedBody(response.body, maxMessageBytes, onError);
    const limited = new Response(body, {
      status: response.status,
      statusText: response.statusText,
      headers: response.headers,
    });
    const inSession = headers.has('mcp-session-id') && (response.status === 404 || response.status === 400);
    if (response.status !== 429 && response.status !== 503 && !inSession) return limited;
    const text = await limited.text().catch(() => '');
    // The specification says 404; servers that never had a session often answer 400 and say so in words.
    const sessionGone = inSession && (response.status === 404 || /session|initiali[sz]e/i.test(text));
    const refusal = new HttpRefusal(
      response.status,
      this.options.redactor.head(text, SHOWN_BODY_CHARACTERS),
      readRetryAfter(response.headers.get('retry-after'), this.options.clock),
      sessionGone,
    );
    onError(refusal);
    throw refusal;
  }
}

/** What the SDK's transport reads of the options, without members that are there but undefined. */
function sendOptions(options: TransportSendOptions | undefined) {
  const { resumptionToken, onresumptiontoken, requestSignal, headers } = options ?? {};
  return {
    ...(resumptionToken === undefined ? {} : { resumptionToken }),
    ...(onresumptiontoken === undefined ? {} : { onresumptiontoken }),
    ...(requestSignal === undefined ? {} : { requestSignal }),
    ...(headers === undefined ? {} : { headers }),
  };
}

/** `Retry-After` in either of its forms, as milliseconds from now; never negative. */
export function readRetryAfter(header: string | null, clock: Pick<Clock, 'now'>): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, Math.round(seconds * 1000));
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - clock.now());
}
