import {
  StreamableHTTPClientTransport,
  type JSONRPCMessage,
  type TransportSendOptions,
} from '@modelcontextprotocol/client';
import { Agent, fetch as undiciFetch } from 'undici';
import { readRetryAfter } from '../core/retry-after.ts';
import type { Clock } from '../core/clock.ts';
import { stepFailure } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import type { JsonBounds } from '../core/json-scan.ts';
import { limitedBody, limitedEvents, limitedJson } from './http-body.ts';
import { InboundGate } from './inbound-gate.ts';
import { RateLimit } from './rate-limit.ts';
import type { Redactor } from './redaction.ts';
import { deliver, type ServerTransport } from './server-transport.ts';

/** Tells our `fetch` which request a POST belongs to; taken off before anything is sent. */
const CORRELATION_HEADER = 'x-mcp-workflow-request';
const SHOWN_BODY_CHARACTERS = 300;
/** How long the stream of an answer that has come may stay open: servers close it themselves. */
const LINGER_MS = 1000;
/** Notifications a minute that a server may send; what is over is read later. */
export const NEWS_PER_MINUTE = 600_000;
/** What servers answer in a session that they do not know: the first two say so, the others may mean something else. */
const GONE = new Set([404, 410]);
const PERHAPS_GONE = new Set([400, 500, 503]);

/** The server refused a request by HTTP status. Nothing of the call was done. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  /**
   * Whether the server refused the session rather than the request. `perhaps`: its status is used for both, and it does
   * not say.
   */
  readonly sessionGone: boolean | 'perhaps';
  constructor(status: number, text: string, retryAfterMs: number | undefined, sessionGone: HttpRefusal['sessionGone']) {
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
  readonly bounds: JsonBounds;
  readonly clock: Clock;
  readonly logger: Logger;
  /** For what is shown of a refusal. */
  readonly redactor: Redactor;
}

interface Exchange {
  streaming: boolean;
  /** The server has said that all went well, and that this is all. */
  answered: boolean;
  error?: Error;
  /** The call fails at once, whatever the stream does. */
  readonly fail: (error: Error) => void;
  /** Ends the request and its stream, and keeps the SDK from opening another one in its place. */
  readonly stop: AbortController;
}

/**
 * MCP over Streamable HTTP: the SDK's transport with limits on what is read, and with the promise that a request whose
 * answer can no longer come (stream ended, empty answer, refused) fails at once instead of at its deadline.
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
  /** Without the time limits of its own: an answer may take as long as our deadlines say. */
  private readonly connections = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  private readonly gate: InboundGate;
  private readonly news: RateLimit;
  private readonly exchanges = new Map<string, Exchange>();
  private readonly options: HttpTransportOptions;
  private closed = false;

  constructor(options: HttpTransportOptions) {
    this.options = options;
    this.gate = new InboundGate(() =>
      options.logger.warn(
        {},
        'the server answers with an id as text where it was a number; it is taken for the number',
      ),
    );
    this.news = new RateLimit(NEWS_PER_MINUTE, options.clock);
    this.inner = new StreamableHTTPClientTransport(options.url, {
      requestInit: { headers: { ...options.headers } },
      fetch: (url, init) => this.fetch(url, init),
    });
    this.inner.onmessage = (message: JSONRPCMessage) => {
      const admitted = this.gate.admit(message);
      if (admitted !== undefined) deliver(admitted, this);
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
    const exchange: Exchange = {
      streaming: false,
      answered: false,
      stop: new AbortController(),
      fail: (error) => {
        exchange.error ??= error;
        this.gate.fail(id, exchange.error);
      },
    };
    const answered = this.gate.sent(message);
    const end = (): void => {
      this.gate.fail(
        id,
        exchange.error ??
          (exchange.answered
            ? stepFailure('invalid_output', 'the server answered, but not this request')
            : stepFailure('transport', 'the stream of the answer ended before the answer came')),
      );
    };
    const cancelled = (): void => {
      exchange.stop.abort(options?.requestSignal?.reason);
      end();
    };
    this.exchanges.set(key, exchange);
    options?.requestSignal?.addEventListener('abort', cancelled, { once: true });
    const sent = this.inner.send(message, {
      ...sendOptions(options),
      headers: { ...options?.headers, [CORRELATION_HEADER]: key },
      requestSignal: exchange.stop.signal,
      onRequestStreamEnd: () => {
        options?.onRequestStreamEnd?.();
        end();
      },
    });
    sent.then(
      () => {
        exchange.answered = !exchange.streaming;
        if (!exchange.streaming) end();
      },
      (error: unknown) => {
        this.gate.fail(id, exchange.error ?? (error instanceof Error ? error : new Error(String(error))));
      },
    );
    let came = false;
    try {
      came = (await answered) === 'answered';
    } finally {
      this.exchanges.delete(key);
      options?.requestSignal?.removeEventListener('abort', cancelled);
      // What nobody waits for any more is not read on: the connection is closed.
      if (!came) exchange.stop.abort(new Error('nobody waits for the answer'));
      else if (exchange.streaming) void this.closeLater(exchange);
    }
  }

  private async closeLater(exchange: Exchange): Promise<void> {
    await this.options.clock.sleep(LINGER_MS, exchange.stop.signal).catch(() => undefined);
    exchange.stop.abort(new Error('the answer has come'));
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
    await this.connections.destroy();
  }

  private async fetch(url: string | URL, init?: RequestInit): Promise<Response> {
    const headers = new Headers(init?.headers);
    const key = headers.get(CORRELATION_HEADER);
    headers.delete(CORRELATION_HEADER);
    const response = await this.request(url, init, headers);
    const exchange = key === null ? undefined : this.exchanges.get(key);
    const onError = (error: Error): void => exchange?.fail(error);
    const type = (response.headers.get('content-type') ?? '').toLowerCase();
    const isEvents = type.startsWith('text/event-stream');
    const isJson = type.startsWith('application/json');
    if (exchange !== undefined) exchange.streaming = response.ok && isEvents;
    const limits = { maxBytes: this.options.maxMessageBytes, bounds: this.options.bounds, onError };
    const never = new AbortController().signal;
    const body =
      response.body === null
        ? null
        : isEvents
          ? limitedEvents(response.body, limits, () => this.news.wait(never))
          : isJson && response.ok
            ? limitedJson(response.body, limits)
            : limitedBody(response.body, limits);
    const limited = new Response(body, {
      status: response.status,
      statusText: response.statusText,
      headers: response.headers,
    });
    const { status } = response;
    const inSession = headers.has('mcp-session-id') && (GONE.has(status) || PERHAPS_GONE.has(status));
    if (status !== 429 && status !== 503 && !inSession) return limited;
    const text = await limited.text().catch(() => '');
    // The specification says 404; servers that never had a session, or were restarted, answer otherwise and say so in
    // words.
    const said = GONE.has(status) || /session|initiali[sz]e/i.test(text);
    const sessionGone = inSession && (said || 'perhaps');
    const refusal = new HttpRefusal(
      response.status,
      this.options.redactor.head(text, SHOWN_BODY_CHARACTERS),
      readRetryAfter(response.headers.get('retry-after'), this.options.clock),
      sessionGone,
    );
    onError(refusal);
    throw refusal;
  }

  /** Redirects are not followed: the SDK does that, within the origin. */
  private async request(url: string | URL, init: RequestInit | undefined, headers: Headers): Promise<Response> {
    const { method, body, signal } = init ?? {};
    const response = await undiciFetch(url, {
      method: method ?? 'GET',
      headers: Object.fromEntries([...headers, ['accept-encoding', 'identity']]),
      redirect: 'manual',
      dispatcher: this.connections,
      ...(typeof body === 'string' ? { body } : {}),
      ...(signal === undefined || signal === null ? {} : { signal }),
    });
    return response;
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
