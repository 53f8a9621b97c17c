import { ProtocolError, type Client, type RequestOptions } from '@modelcontextprotocol/client';
import type { z } from 'zod';
import { backoffMs } from '../core/backoff.ts';
import { messageOf, StepFailure, stepFailure } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { ToolResult } from '../core/outcome.ts';
import { nearest } from '../core/suggest.ts';
import type { CallContext, Random } from '../engine/ports.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { Connection } from './connection.ts';
import { DeadlinePassed, withDeadline } from './deadline.ts';
import { refusalIn, toStepFailure } from './failures.ts';
import { RateLimit } from './rate-limit.ts';
import {
  CANCEL_MS,
  cancelRequest,
  followTask,
  LOOK_AGAIN,
  type Requester,
  type Send,
  type Tell,
} from './remote-task.ts';
import { readHandle, taskIn, type RemoteTaskHandle } from './task-handle.ts';
import { jsonObjects, promptResultSchema, resourceResultSchema, toolResultSchema, toToolResult } from './results.ts';
import type { ServerConfig } from './server-config.ts';
import { NO_TIMEOUT, RELIST_AFTER_MS, type Session, type SessionDeps } from './session.ts';
import type { ToolFacts } from './tool-table.ts';
import { Turnstile } from './turnstile.ts';

/** Sent with every call; the value is the same for each attempt of a step. */
export const IDEMPOTENCY_META_KEY = 'dev.mcp-workflow/idempotency-key';

const PING_SECONDS = 10;
/** How long it may take to reach a server and give up a task there, its start included. */
const ABANDON_MS = 30_000;

interface CallWords {
  readonly what: string;
  readonly method: 'tools/call' | 'resources/read' | 'prompts/get';
}

/** The calls to one server: their turn, their deadline, their failure. */
export class ServerCalls {
  readonly connection: Connection;
  private readonly config: ServerConfig;
  private readonly deps: SessionDeps;
  private readonly turnstile: Turnstile;
  private readonly rate: RateLimit | undefined;
  private readonly breaker: CircuitBreaker | undefined;
  private listedAt = Number.NEGATIVE_INFINITY;

  constructor(config: ServerConfig, deps: SessionDeps, random: Random) {
    this.config = config;
    this.deps = deps;
    this.connection = new Connection(config, deps, random);
    this.turnstile = new Turnstile(config.maxConcurrent);
    const { clock } = deps;
    if (config.ratePerMinute !== undefined) this.rate = new RateLimit(config.ratePerMinute, clock);
    if (config.circuitBreaker !== undefined) {
      this.breaker = new CircuitBreaker({ server: config.name, ...config.circuitBreaker }, clock);
    }
  }

  get load(): Turnstile['load'] {
    return this.turnstile.load;
  }

  callTool(tool: string, args: JsonObject, context: CallContext): Promise<ToolResult> {
    const words: CallWords = { what: `tool '${tool}'`, method: 'tools/call' };
    return this.call(words, context, async (request) => {
      const handle = readHandle(context.handle) ?? (await this.startTool(tool, args, context, request));
      if (!('kind' in handle)) return handle;
      return followTask(handle, {
        request,
        requestAnyway: (ms, send) => this.requestAnyway(ms, send),
        clock: this.deps.clock,
        signal: context.signal,
        what: `server '${this.config.name}', ${words.what}`,
      });
    });
  }

  readResource(uri: string, context: CallContext): Promise<{ readonly contents: readonly JsonObject[] }> {
    const words: CallWords = { what: `resource '${uri}'`, method: 'resources/read' };
    return this.call(words, context, async (request) => {
      const answer = await request((session, options, token) => {
        const params = { uri, _meta: meta(context, token) };
        return session.client.request({ method: 'resources/read', params }, resourceResultSchema, options);
      });
      return { contents: jsonObjects(answer.contents) };
    });
  }

  getPrompt(
    name: string,
    args: JsonObject,
    context: CallContext,
  ): Promise<{ readonly description?: string; readonly messages: readonly JsonObject[] }> {
    const words: CallWords = { what: `prompt '${name}'`, method: 'prompts/get' };
    return this.call(words, context, async (request) => {
      const answer = await request((session, options, token) => {
        const params = { name, arguments: asPromptArguments(args), _meta: meta(context, token) };
        return session.client.request({ method: 'prompts/get', params }, promptResultSchema, options);
      });
      return {
        ...(answer.description === undefined ? {} : { description: answer.description }),
        messages: jsonObjects(answer.messages),
      };
    });
  }

  /** The result, or the handle of the task that the server made of the call, already durable. */
  private async startTool(
    tool: string,
    args: JsonObject,
    context: CallContext,
    request: Requester,
  ): Promise<ToolResult | RemoteTaskHandle> {
    const answer = await request(async (session, options, token) => {
      const facts = await this.findTool(session, tool, options.signal ?? context.signal);
      const task = asTask(session, facts, context) ? { task: {} } : {};
      const params = { name: tool, arguments: args, ...task, _meta: meta(context, token) };
      return sendToolCall(session.client, facts, params, options);
    });
    const handle = taskIn(answer);
    if (handle === undefined) return toToolResult(answer);
    try {
      await context.onHandle?.(handle);
    } catch (error) {
      // Nobody will ever know of it: our task was ended, or is another process's, before this was written down.
      await this.requestAnyway(CANCEL_MS, cancelRequest(handle));
      throw error;
    }
    return handle;
  }

  /** One call: its turn, its rate, the breaker. What `work` asks for goes through `request`. */
  private async call<T>(words: CallWords, context: CallContext, work: (request: Requester) => Promise<T>): Promise<T> {
    const leave = await this.turnstile.enter(context.signal);
    try {
      this.breaker?.enter();
      return await this.judged(context, async () => {
        await this.rate?.wait(context.signal);
        return work((send) => this.request(words, context, send, true));
      });
    } finally {
      leave();
    }
  }

  /** Tells the breaker how the call went. */
  private async judged<T>(context: CallContext, work: () => Promise<T>): Promise<T> {
    let how: 'answered' | 'failed' | 'unknown' = 'answered';
    try {
      return await work();
    } catch (error) {
      const code = error instanceof StepFailure ? error.failure.code : undefined;
      if (context.signal.aborted) how = 'unknown';
      else if (code === 'transport' || code === 'timeout') how = 'failed';
      throw error;
    } finally {
      this.breaker?.settled(how);
    }
  }

  private async request<R>(words: CallWords, context: CallContext, send: Send<R>, mayRepeat: boolean): Promise<R> {
    const session = await this.connection.ready(context.signal);
    // Until here it may have waited for long.
    await context.onTurn?.();
    const { timeoutSeconds, name } = this.config;
    const token = context.onProgress === undefined ? undefined : session.listenProgress(context.onProgress);
    try {
      const answer = await withDeadline(this.deps.clock, timeoutSeconds * 1000, context.signal, (signal) =>
        send(session, { signal, timeout: NO_TIMEOUT }, token),
      );
      this.connection.succeeded();
      // Secrets that a server repeats stay inside.
      return session.redactor.json(answer);
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof ProtocolError) this.connection.succeeded();
      if (error instanceof DeadlinePassed) {
        void this.restartIfHung(session);
        throw stepFailure('timeout', `server '${name}', ${words.what}: no answer within ${timeoutSeconds} s`);
      }
      if (await this.isSessionGone(session, error, context.signal)) {
        // The server refused before it did anything, because it was restarted or let the session expire.
        this.connection.drop(session);
        if (mayRepeat) return this.request(words, context, send, false);
      }
      const { redactor, endReason } = session;
      throw toStepFailure(error, { ...words, server: name, redactor, endReason });
    } finally {
      if (token !== undefined) session.forgetProgress(token);
    }
  }

  /**
   * Where the status alone does not tell, a ping in the same session does: one that is answered shows that the request
   * was refused.
   */
  private async isSessionGone(session: Session, error: unknown, signal: AbortSignal): Promise<boolean> {
    const gone = refusalIn(error)?.sessionGone ?? false;
    if (gone !== 'perhaps') return gone;
    const ms = Math.min(PING_SECONDS, this.config.timeoutSeconds) * 1000;
    try {
      await withDeadline(this.deps.clock, ms, signal, (inner) => session.ping(inner));
      return false;
    } catch (failed) {
      return (refusalIn(failed)?.sessionGone ?? false) !== false;
    }
  }

  /**
   * After a call without an answer: a child process that sends nothing at all, not even the answer to a ping, with
   * nothing else in flight, is stopped, so that the next call gets a fresh one. What it may still be doing is for a
   * call that has already failed.
   */
  private async restartIfHung(session: Session): Promise<void> {
    if (this.config.kind !== 'stdio') return;
    const seconds = Math.min(PING_SECONDS, this.config.timeoutSeconds);
    const never = new AbortController().signal;
    const { heard } = session;
    try {
      await withDeadline(this.deps.clock, seconds * 1000, never, (signal) => session.ping(signal));
    } catch (error) {
      if (!(error instanceof DeadlinePassed) || session.isOver || session.heard > heard) return;
      if (this.turnstile.load.inside > 0) return;
      this.deps.logger.warn(
        { pid: session.pid },
        'the server hangs: it is stopped and will be started again when it is needed',
      );
      this.connection.drop(session);
    }
  }

  /** `Downstream.abandon`. */
  async abandon(value: JsonValue, signal: AbortSignal): Promise<void> {
    const handle = readHandle(value);
    if (handle === undefined) return;
    const { name } = this.config;
    let why = 'no answer';
    try {
      await withDeadline(this.deps.clock, ABANDON_MS, signal, async (inner) => {
        for (let failed = 1; ; failed += 1) {
          try {
            await this.tell(ABANDON_MS, inner, cancelRequest(handle));
            return;
          } catch (error) {
            // It has answered: the task is over, or is no more.
            if (error instanceof ProtocolError) return;
            inner.throwIfAborted();
            why = messageOf(error);
            await this.deps.clock.sleep(backoffMs(LOOK_AGAIN, failed, 0), inner);
          }
        }
      });
    } catch (error) {
      if (!(error instanceof DeadlinePassed)) throw error;
      throw stepFailure('transport', `server '${name}' could not be told within ${ABANDON_MS / 1000} s: ${why}`);
    }
  }

  /** For what must be said although the call was aborted. Failures are logged and swallowed. */
  private async requestAnyway(ms: number, send: Tell): Promise<void> {
    await this.tell(ms, new AbortController().signal, send).catch((error: unknown) => {
      this.deps.logger.warn({ error: messageOf(error) }, 'a downstream task could not be cancelled');
    });
  }

  private async tell(ms: number, stop: AbortSignal, send: Tell): Promise<void> {
    await withDeadline(this.deps.clock, ms, stop, async (signal) => {
      const session = await this.connection.ready(signal);
      await send(session, { signal, timeout: NO_TIMEOUT });
    });
  }

  private async findTool(session: Session, tool: string, signal: AbortSignal): Promise<ToolFacts | undefined> {
    if (session.tools === undefined || session.tools.has(tool)) return session.tools?.get(tool);
    const now = this.deps.clock.monotonic();
    if (now - this.listedAt > RELIST_AFTER_MS) {
      this.listedAt = now;
      await session.refreshTools(signal);
      this.connection.knownTools = session.tools;
    }
    const facts = session.tools.get(tool);
    if (facts !== undefined) return facts;
    const names = [...session.tools.keys()];
    const meant = nearest(tool, names);
    const hint = meant === undefined ? toolList(names) : `; did you mean '${meant}'?`;
    throw stepFailure('tool_not_found', `server '${this.config.name}' has no tool '${tool}'${hint}`);
  }
}

interface ToolCallParams extends Record<string, unknown> {
  readonly name: string;
  readonly arguments: JsonObject;
  readonly _meta: JsonObject;
}

async function sendToolCall(
  client: Client,
  facts: ToolFacts | undefined,
  params: ToolCallParams,
  options: RequestOptions,
): Promise<z.infer<typeof toolResultSchema>> {
  if (facts !== undefined && client.getProtocolEra() === 'modern' && mirrorsArguments(facts)) {
    // Only the SDK's own call sends the arguments that the schema marks with `x-mcp-header` as headers too.
    const toolDefinition = { name: facts.name, inputSchema: { ...facts.inputSchema, type: 'object' as const } };
    const answer = await client.callTool(params, { ...options, toolDefinition });
    return toolResultSchema.parse(answer);
  }
  return client.request({ method: 'tools/call', params }, toolResultSchema, options);
}

/**
 * Whether to ask a server of the 2025-11-25 generation to run the call as a task: where it insists, and where we can
 * use the handle.
 */
function asTask(session: Session, facts: ToolFacts | undefined, context: CallContext): boolean {
  if (session.era === 'modern' || facts === undefined || !session.runsCallsAsTasks) return false;
  return facts.taskSupport === 'required' || (facts.taskSupport === 'optional' && context.onHandle !== undefined);
}

function mirrorsArguments(facts: ToolFacts): boolean {
  return JSON.stringify(facts.inputSchema).includes('"x-mcp-header"');
}

function meta(context: CallContext, progressToken: string | undefined): JsonObject {
  return { [IDEMPOTENCY_META_KEY]: context.idempotencyKey, ...(progressToken === undefined ? {} : { progressToken }) };
}

/** Prompt arguments are strings on the wire: anything else is sent as its JSON text. */
function asPromptArguments(args: JsonObject): Record<string, string> {
  return Object.fromEntries(
    Object.entries(args).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}

function toolList(names: readonly string[]): string {
  if (names.length === 0) return ' (it has none)';
  const shown = names.slice(0, 10).join(', ');
  return ` (it has ${shown}${names.length > 10 ? ', …' : ''})`;
}
