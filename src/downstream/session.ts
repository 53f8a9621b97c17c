import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { Client, ProtocolError, ProtocolErrorCode, type VersionNegotiationOptions } from '@modelcontextprotocol/client';
import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import { messageOf, stepFailure } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import type { CallContext } from '../engine/ports.ts';
import { type Redactor, createRedactor } from './redaction.ts';
import { HttpTransport } from './http-transport.ts';
import type { ProcessGuard } from './process-guard.ts';
import type { ProtocolChoice, ServerConfig, StdioServerConfig } from './server-config.ts';
import type { ServerTransport } from './server-transport.ts';
import { StdioTransport } from './stdio-transport.ts';
import { inheritedEnvironment, Substitution, type Environment } from './substitution.ts';
import { TASKS_EXTENSION } from './task-handle.ts';
import { readTool, type ToolFacts, type ToolTable } from './tool-table.ts';

/** How long a server on a pipe may think about the question which generation it speaks. */
const PROBE_MS = 5000;
const MAX_TOOL_PAGES = 200;
/** Deeper messages are refused: later code walks values by recursion. */
const MAX_DEPTH = 200;
const MAX_PROGRESS_MESSAGE = 1000;
/** A server that says again and again that its tools changed is asked no more often than this. */
export const RELIST_AFTER_MS = 2000;
/** The SDK's own timers are kept out of the way: deadlines are ours. */
export const NO_TIMEOUT = 2 ** 31 - 1;

type ProgressListener = NonNullable<CallContext['onProgress']>;

export interface SessionDeps {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: ProcessGuard;
  readonly clientInfo: { readonly name: string; readonly version: string };
}

const toolPage = z.looseObject({ tools: z.array(z.unknown()), nextCursor: z.string().optional() });

/** One connection to one server, from the handshake to its end. It is never opened again: a new one takes its place. */
export class Session {
  readonly client: Client;
  readonly redactor: Redactor;
  /** The tools as last listed; `undefined` when the server cannot list them. */
  tools: ToolTable | undefined;
  private readonly transport: ServerTransport;
  private readonly logger: Logger;
  private over = false;
  private listing: Promise<void> | undefined;
  private stale = false;
  private relisting = false;
  private onEnd: () => void = () => undefined;
  private readonly progress = new Map<string, ProgressListener>();
  private tokens = 0;

  private constructor(client: Client, transport: ServerTransport, redactor: Redactor, deps: SessionDeps) {
    this.client = client;
    this.transport = transport;
    this.redactor = redactor;
    const { logger } = deps;
    this.logger = logger;
    client.onerror = (error) => logger.debug({ error: redactor.head(messageOf(error), 500) }, 'downstream connection');
    client.onclose = () => {
      this.over = true;
      this.onEnd();
    };
    transport.onprogress = (params) => this.onProgress(params);
    client.setNotificationHandler('notifications/tools/list_changed', () => void this.relist(deps.clock));
  }

  /**
   * Starts or reaches the server, shakes hands and lists its tools. Rejects with what went wrong, secrets taken out by
   * the caller with `redactorOf`; nothing of the server is left running then. Aborting `signal` ends the attempt.
   */
  static async open(config: ServerConfig, deps: SessionDeps, signal: AbortSignal): Promise<Session> {
    const choice = config.protocol ?? (config.kind === 'http' ? 'auto' : '2025-11-25');
    try {
      return await Session.openWith(choice, config, deps, signal);
    } catch (error) {
      const knowsNoInitialize =
        config.protocol === undefined &&
        config.kind === 'stdio' &&
        error instanceof OpenError &&
        error.cause instanceof ProtocolError &&
        NEWER_ONLY.has(error.cause.code);
      if (!knowsNoInitialize) throw error;
      return Session.openWith('auto', config, deps, signal);
    }
  }

  private static async openWith(
    choice: ProtocolChoice,
    config: ServerConfig,
    deps: SessionDeps,
    signal: AbortSignal,
  ): Promise<Session> {
    const { transport, redactor } = buildTransport(config, deps);
    const client = new Client(
      { ...deps.clientInfo },
      { capabilities: CAPABILITIES, versionNegotiation: negotiation(choice) },
    );
    const session = new Session(client, transport, redactor, deps);
    const abort = (): void => void transport.close().catch(() => undefined);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await client.connect(transport, { timeout: NO_TIMEOUT, signal });
      await session.refreshTools(signal);
      return session;
    } catch (error) {
      const endReason = transport.endReason;
      await transport.close().catch(() => undefined);
      throw new OpenError(error, redactor, endReason);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  get isOver(): boolean {
    return this.over;
  }

  /** Grows with each message of the server. */
  get heard(): number {
    return this.transport.heard;
  }

  get endReason(): string | undefined {
    return this.transport.endReason;
  }

  /** `modern` from the 2026-07-28 generation on. */
  get era(): 'legacy' | 'modern' {
    return this.client.getProtocolEra() ?? 'legacy';
  }

  get pid(): number | undefined {
    return this.transport instanceof StdioTransport ? (this.transport.pid ?? undefined) : undefined;
  }

  /** True when the server lets the client have a tool call run as a task (2025-11-25). */
  get runsCallsAsTasks(): boolean {
    return this.client.getServerCapabilities()?.tasks?.requests?.tools?.call !== undefined;
  }

  /** Called once, when the connection has ended for whatever reason. */
  whenOver(listener: () => void): void {
    this.onEnd = listener;
    if (this.over) listener();
  }

  /**
   * Lists the tools again. Concurrent callers share one listing. A server that cannot list them leaves `tools`
   * undefined.
   */
  refreshTools(signal: AbortSignal): Promise<void> {
    this.listing ??= this.listTools(signal).finally(() => {
      this.listing = undefined;
    });
    return this.listing;
  }

  /**
   * Lists the tools again after a change: once for all changes that come while one listing is made, or shortly after
   * it.
   */
  private async relist(clock: Clock): Promise<void> {
    this.stale = true;
    if (this.relisting) return;
    this.relisting = true;
    while (this.stale && !this.over) {
      this.stale = false;
      // One that is under way may have missed the change.
      await this.listing?.catch(() => undefined);
      await this.refreshTools(new AbortController().signal).catch(() => undefined);
      await clock.sleep(RELIST_AFTER_MS);
    }
    this.relisting = false;
  }

  private async listTools(signal: AbortSignal): Promise<void> {
    if (this.client.getServerCapabilities()?.tools === undefined) {
      this.tools = new Map();
      return;
    }
    const table = new Map<string, ToolFacts>();
    const seen = new Set<string>();
    let cursor: string | undefined;
    for (let page = 0; page < MAX_TOOL_PAGES; page += 1) {
      const params = cursor === undefined ? {} : { params: { cursor } };
      const answer = await this.client.request({ method: 'tools/list', ...params }, toolPage, {
        signal,
        timeout: NO_TIMEOUT,
      });
      for (const entry of answer.tools) {
        const tool = readTool(entry);
        if (tool === undefined) this.logger.warn({}, 'the server lists a tool that has no name; it is left out');
        else table.set(tool.name, tool);
      }
      cursor = answer.nextCursor;
      if (cursor === undefined || seen.has(cursor)) break;
      seen.add(cursor);
    }
    this.tools = table;
  }

  /** Passes the progress of one request on, under the token that is returned, until `forgetProgress`. */
  listenProgress(listener: ProgressListener): string {
    this.tokens += 1;
    const token = `progress-${this.tokens}`;
    this.progress.set(token, listener);
    return token;
  }

  forgetProgress(token: string): void {
    this.progress.delete(token);
  }

  private onProgress({ progressToken, progress, total, message }: { readonly [key: string]: unknown }): void {
    const listener = typeof progressToken === 'string' ? this.progress.get(progressToken) : undefined;
    if (typeof progress !== 'number') return;
    try {
      listener?.({
        progress,
        ...(typeof total === 'number' ? { total } : {}),
        ...(typeof message === 'string' ? { message: this.redactor.head(message, MAX_PROGRESS_MESSAGE) } : {}),
      });
    } catch (error) {
      // A listener's bug must not reach the reading of the pipe.
      this.logger.error({ error: messageOf(error) }, 'a progress listener failed');
    }
  }

  /**
   * Resolves when the server has answered a question that costs it nothing. Rejects when it did so with an error, which
   * is an answer too.
   */
  async ping(signal: AbortSignal): Promise<void> {
    const options = { signal, timeout: NO_TIMEOUT };
    await (this.era === 'modern' ? this.client.discover(options) : this.client.ping(options));
  }

  /** Resolves when the connection is closed and the whole process tree of the server is gone. */
  async close(): Promise<void> {
    await this.transport.close();
  }
}

/** We answer no requests of servers (sampling, elicitation, roots); tasks of their own are followed. */
const CAPABILITIES = { extensions: { [TASKS_EXTENSION]: {} } };

const NEWER_ONLY = new Set<number>([ProtocolErrorCode.MethodNotFound, ProtocolErrorCode.UnsupportedProtocolVersion]);

/** Why a session could not be opened, with what is needed to say it without secrets. */
export class OpenError extends Error {
  override readonly name = 'OpenError';
  readonly redactor: Redactor;
  readonly endReason: string | undefined;
  constructor(cause: unknown, redactor: Redactor, endReason: string | undefined) {
    super(messageOf(cause), { cause });
    this.redactor = redactor;
    this.endReason = endReason;
  }
}

function negotiation(choice: ProtocolChoice): VersionNegotiationOptions {
  switch (choice) {
    case 'auto':
      return { mode: 'auto', probe: { timeoutMs: PROBE_MS } };
    case '2025-11-25':
      return { mode: 'legacy' };
    case '2026-07-28':
      return { mode: { pin: choice } };
  }
}

function buildTransport(
  config: ServerConfig,
  deps: SessionDeps,
): { readonly transport: ServerTransport; readonly redactor: Redactor } {
  const substitution = new Substitution(deps.environment, config.name);
  const { clock, guard, logger } = deps;
  const maxMessageBytes = config.maxResponseBytes;
  const bounds = { values: config.maxResponseValues, depth: MAX_DEPTH };
  if (config.kind === 'http') {
    const url = URL.parse(substitution.text(config.url));
    const headers = { ...credentialsOf(url, substitution.secrets), ...substitution.record(config.headers) };
    const redactor = createRedactor(substitution.secrets);
    if (url === null || !/^https?:$/.test(url.protocol)) {
      throw new OpenError(new Error('its url is not an http or https URL'), redactor, undefined);
    }
    const options = { url, headers, maxMessageBytes, bounds, clock, logger, redactor };
    return { transport: new HttpTransport(options), redactor };
  }
  const command = substitution.path(config.command);
  const args = config.args.map((argument) => substitution.path(argument));
  const cwd = path.resolve(config.folder, substitution.path(config.cwd));
  const own = { ...variablesOf(config, substitution), ...substitution.record(config.env) };
  const env = { ...inheritedEnvironment(deps.environment), ...own };
  const redactor = createRedactor(substitution.secrets);
  const transport = new StdioTransport({
    // A bare name is looked up in PATH; `./server` means the file beside the servers file, wherever `cwd` points.
    command: /^\.{1,2}[/\\]/.test(command) ? path.resolve(config.folder, command) : command,
    args,
    cwd,
    env,
    maxMessageBytes,
    bounds,
    clock,
    logger,
    redactor,
    guard,
  });
  return { transport, redactor };
}

/**
 * `http://user:password@…` is sent as the header that it means, and taken out of the URL; the header is a secret where
 * its password is.
 */
function credentialsOf(url: URL | null, secrets: Set<string>): Record<string, string> {
  if (url === null || (url.username === '' && url.password === '')) return {};
  const [user, password] = [unescaped(url.username), unescaped(url.password)];
  url.username = '';
  url.password = '';
  const basic = Buffer.from(`${user}:${password}`).toString('base64');
  if (secrets.size > 0) secrets.add(basic);
  return { authorization: `Basic ${basic}` };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The variables of `envFile`; each value is a secret. */
function variablesOf(config: StdioServerConfig, substitution: Substitution): Record<string, string> {
  if (config.envFile === undefined) return {};
  const file = path.resolve(config.folder, substitution.path(config.envFile));
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw stepFailure('transport', `server '${config.name}' has an envFile that cannot be read: ${messageOf(error)}`);
  }
  const variables = Object.entries(parseEnv(text)).filter((entry): entry is [string, string] => entry[1] !== undefined);
  for (const [, value] of variables) substitution.secrets.add(value);
  return Object.fromEntries(variables);
}
