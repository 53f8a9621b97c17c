import type { IncomingMessage, ServerResponse } from 'node:http';
import { beyondBounds, type JsonBounds } from '../core/json-scan.ts';
import { RPC } from '../protocol/errors.ts';
import { unreadAnswer } from './message-screen.ts';

/** A request that goes no further: HTTP status and the JSON-RPC error in its body. */
export interface Refusal {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  /** Of the request that is refused, where it is known. */
  readonly id?: string | number;
  readonly headers?: { readonly [name: string]: string };
}

/** Shorthand for a refusal that never reached the protocol: wrong host, media type, session header, size, stopping. */
export function refusal(status: number, message: string, headers?: Refusal['headers']): Refusal {
  return { status, code: RPC.invalidRequest, message, ...(headers === undefined ? {} : { headers }) };
}

/** Which names this server answers to, and which web pages may call it. */
export interface HostRules {
  /** Lower-case host names, without port; IPv6 in brackets. */
  readonly hosts: ReadonlySet<string>;
  /** Exact origins beside those of the machine itself. */
  readonly origins: ReadonlySet<string>;
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/u.test(host);
}

/**
 * The rules of a server bound to `host`: the names of the machine itself, the address it is bound to unless that is
 * every address, and what the operator adds.
 */
export function hostRules(
  host: string,
  allowedHosts: readonly string[] = [],
  allowedOrigins: readonly string[] = [],
): HostRules {
  const every = host === '0.0.0.0' || host === '::';
  const bound = every ? [] : [host.includes(':') && !host.startsWith('[') ? `[${host}]` : host];
  return {
    hosts: new Set([...LOOPBACK_NAMES, ...bound, ...allowedHosts].map((name) => name.toLowerCase())),
    origins: new Set(allowedOrigins.map((origin) => origin.toLowerCase())),
  };
}

/**
 * Refuses what a browser was tricked into sending (DNS rebinding, other sites): the Host has to be one of ours, and an
 * Origin, if there is one, has to be of this machine, the address that was asked, or allowed. `undefined` = go on.
 */
export function checkHost(request: IncomingMessage, rules: HostRules): Refusal | undefined {
  // Which of two would a proxy have meant?
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length > 1) return refusal(400, 'More than one Host header');
  const host = hostName(request.headers.host);
  if (host === undefined || !rules.hosts.has(host)) return refusal(403, 'This Host is not served here');
  const { origin } = request.headers;
  if (origin !== undefined && !originAllowed(origin, rules) && !isOwn(origin, request.headers.host)) {
    return refusal(403, 'This Origin is not allowed');
  }
  return undefined;
}

/**
 * A page of this very server: its Host has been found to be one of ours. Which scheme it has, a proxy in front decides.
 */
function isOwn(origin: string, host: string | undefined): boolean {
  return origin.toLowerCase().replace(/^https?:\/\//u, '') === host?.toLowerCase();
}

function hostName(header: string | undefined): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]/@\s]+)(?::\d{1,5})?$/iu.exec(header ?? '');
  return match?.[1]?.toLowerCase();
}

function originAllowed(origin: string, rules: HostRules): boolean {
  if (rules.origins.has(origin.toLowerCase())) return true;
  const match = /^https?:\/\/(.+)$/iu.exec(origin);
  const name = hostName(match?.[1]);
  return name !== undefined && LOOPBACK_NAMES.includes(name);
}

/** What a page may send, and what it may read of the answer, beyond what every page may. */
const PAGE_METHODS = 'GET, POST, DELETE, OPTIONS';
const PAGE_HEADERS =
  'content-type, authorization, accept, last-event-id, mcp-session-id, mcp-protocol-version, mcp-method, mcp-name, idempotency-key, traceparent, tracestate';
const SHOWN_HEADERS = 'mcp-session-id, mcp-protocol-version, www-authenticate, retry-after, location';

/**
 * Lets the page that calls read the answer (CORS, Fetch standard). Only after `checkHost`: its Origin is allowed. True
 * when the request was a preflight, which is answered.
 */
export function letPageRead(request: IncomingMessage, response: ServerResponse): boolean {
  const { origin } = request.headers;
  if (origin === undefined) return false;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-expose-headers', SHOWN_HEADERS);
  response.setHeader('vary', 'Origin');
  if (request.method !== 'OPTIONS') return false;
  const asked = request.headers['access-control-request-headers'];
  // Arguments that a schema mirrors in headers have names of their own.
  const mirrored = (asked ?? '')
    .split(',')
    .flatMap((name) => (/^\s*mcp-param-[\w-]{1,64}\s*$/iu.test(name) ? [name.trim()] : []));
  response
    .writeHead(204, {
      'access-control-allow-methods': PAGE_METHODS,
      'access-control-allow-headers': [PAGE_HEADERS, ...mirrored.slice(0, 50)].join(', '),
      'access-control-max-age': '600',
      'content-length': '0',
    })
    .end();
  return true;
}

/** A client that takes anything takes what we send: the SDK insists on both names. */
export function spellOutAccept(request: IncomingMessage): void {
  const accept = request.headers.accept ?? '*/*';
  if (!/(?:^|[\s,])(?:\*|application|text)\/\*/u.test(accept)) return;
  const spelt = `${accept}, application/json, text/event-stream`;
  request.headers.accept = spelt;
  const at = request.rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'accept');
  if (at === -1) request.rawHeaders.push('accept', spelt);
  else request.rawHeaders[at + 1] = spelt;
}

/** A body has to be declared as JSON: a form or plain text is what a web page can send without asking. */
export function checkContentType(request: IncomingMessage): Refusal | undefined {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  return type === 'application/json' ? undefined : refusal(415, 'Content-Type must be application/json');
}

const MAX_PIECES = 1024;

/** A client that is still writing sees no answer, so this much more than the limit is read and thrown away first. */
const DISCARDED = 4;

/**
 * The parsed body of a request, or why there is none. Keeps at most `limit` bytes. Rejects when the connection breaks.
 */
export async function readJson(
  request: IncomingMessage,
  limit: number,
  bounds: JsonBounds,
): Promise<
  | { readonly ok: true; readonly body: unknown; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly refusal: Refusal }
> {
  const tooLarge = {
    ok: false,
    refusal: refusal(413, `The body is larger than ${limit} bytes`, { connection: 'close' }),
  } as const;
  const most = limit * (1 + DISCARDED);
  if (Number(request.headers['content-length'] ?? 0) > most) return tooLarge;
  let chunks: Buffer[] = [];
  let size = 0;
  // Not a `for await`: leaving one early destroys the connection before the answer is written.
  await new Promise<void>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > most) resolve();
      else if (size > limit) chunks.length = 0;
      else chunks.push(chunk);
      // Many small pieces take a hundred times their bytes.
      if (chunks.length > MAX_PIECES) chunks = [Buffer.concat(chunks)];
    });
    request.on('end', resolve);
    request.on('error', reject);
    request.on('close', () => reject(new Error('the connection closed before the body was complete')));
  });
  if (size > limit) return tooLarge;
  const bytes = Buffer.concat(chunks);
  const beyond = beyondBounds(bytes, bounds);
  if (beyond !== undefined) {
    const body = unreadAnswer(bytes, beyond);
    return body === undefined ? { ok: false, refusal: refusal(400, `The body ${beyond}`) } : { ok: true, body, bytes };
  }
  try {
    const body: unknown = JSON.parse(bytes.toString('utf8').replace(/^\uFEFF/u, ''));
    return { ok: true, body, bytes };
  } catch {
    return { ok: false, refusal: { status: 400, code: RPC.parseError, message: 'Parse error: the body is not JSON' } };
  }
}
