import type { Clock } from '../core/clock.ts';
import { stepFailure, type StepFailure } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Logger } from '../core/logger.ts';
import type { ToolResult } from '../core/outcome.ts';
import { nearest } from '../core/suggest.ts';
import type { CallContext, Downstream, Random, Repeatability } from '../engine/ports.ts';
import { ServerCalls } from './server-calls.ts';
import type { ConnectionStatus } from './connection.ts';
import { ProcessGuard } from './process-guard.ts';
import type { ServerCatalog, ServerConfig } from './server-config.ts';
import type { Environment } from './substitution.ts';
import { repeatabilityOf, type ToolFacts } from './tool-table.ts';

export interface DownstreamPoolOptions {
  readonly catalog: ServerCatalog;
  /** Where `${NAME}` comes from. */
  readonly environment: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: Random;
  /** How we introduce ourselves to servers. */
  readonly clientInfo?: { readonly name: string; readonly version: string };
}

/** A configured server and how it is. */
export interface ServerStatus extends ConnectionStatus {
  readonly server: string;
  readonly kind: ServerConfig['kind'];
  /** Calls in flight, and calls that wait for their turn. */
  readonly active: number;
  readonly queued: number;
}

/**
 * All downstream servers of the servers file. Nothing starts before it is needed, and nothing but what the file lists
 * ever starts. After `close()` no process of any server is left and every call fails with `transport`.
 */
export class DownstreamPool implements Downstream {
  private readonly calls = new Map<string, ServerCalls>();
  private readonly catalog: ServerCatalog;
  private readonly guard = new ProcessGuard();
  private closing: Promise<void> | undefined;

  constructor(options: DownstreamPoolOptions) {
    this.catalog = options.catalog;
    const { environment, clock, logger, random } = options;
    const clientInfo = options.clientInfo ?? { name: 'mcp-workflow-engine', version: '0' };
    for (const [name, config] of options.catalog.servers) {
      if (config.disabled) continue;
      const deps = { environment, clock, clientInfo, guard: this.guard, logger: logger.child({ server: name }) };
      this.calls.set(name, new ServerCalls(config, deps, random));
    }
  }

  async callTool(tool: string, args: JsonObject, context: CallContext): Promise<ToolResult> {
    return this.server(context.server).callTool(tool, args, context);
  }

  async readResource(uri: string, context: CallContext): Promise<{ readonly contents: readonly JsonObject[] }> {
    return this.server(context.server).readResource(uri, context);
  }

  async getPrompt(
    name: string,
    args: JsonObject,
    context: CallContext,
  ): Promise<{ readonly description?: string; readonly messages: readonly JsonObject[] }> {
    return this.server(context.server).getPrompt(name, args, context);
  }

  async abandon(server: string, handle: JsonValue, signal: AbortSignal): Promise<void> {
    return this.server(server).abandon(handle, signal);
  }

  repeatability(server: string, tool: string): Repeatability {
    const facts = this.toolFacts(server, tool);
    return this.trusts(server) && facts !== undefined ? repeatabilityOf(facts) : 'unknown';
  }

  async learnRepeatability(server: string, tool: string, signal: AbortSignal): Promise<Repeatability> {
    if (this.trusts(server) && this.toolFacts(server, tool) === undefined) {
      try {
        await this.connect(server, signal);
      } catch {
        // Why it cannot be reached is the call's to say.
        signal.throwIfAborted();
      }
    }
    return this.repeatability(server, tool);
  }

  /** Whether the operator believes the tool annotations of a server. */
  trusts(server: string): boolean {
    return this.catalog.servers.get(server)?.trusted === true;
  }

  /** What is known about a tool from the last time the server was connected. Never starts a server. */
  toolFacts(server: string, tool: string): ToolFacts | undefined {
    return this.calls.get(server)?.connection.knownTools?.get(tool);
  }

  /** All tools of a server as last seen; `undefined` when it was never connected. */
  tools(server: string): readonly ToolFacts[] | undefined {
    const known = this.calls.get(server)?.connection.knownTools;
    return known === undefined ? undefined : [...known.values()];
  }

  /**
   * Connects to a server now, so that its tools are known. Rejects with a `StepFailure` that says why it cannot be
   * reached.
   */
  async connect(server: string, signal: AbortSignal = new AbortController().signal): Promise<void> {
    await this.server(server).connection.ready(signal);
  }

  /** Every server that is not disabled, in the order of the file. */
  status(): readonly ServerStatus[] {
    return [...this.calls.values()].map((calls) => ({
      server: calls.connection.config.name,
      kind: calls.connection.config.kind,
      active: calls.load.inside,
      queued: calls.load.waiting,
      ...calls.connection.status(),
    }));
  }

  /** Stops every server with its whole process tree (at most about 4 s) and resolves when they are gone. */
  close(): Promise<void> {
    this.closing ??= Promise.all([...this.calls.values()].map((calls) => calls.connection.close())).then(() => {
      this.guard.close();
    });
    return this.closing;
  }

  private server(name: string): ServerCalls {
    const calls = this.calls.get(name);
    if (calls !== undefined) return calls;
    throw this.notFound(name);
  }

  private notFound(name: string): StepFailure {
    if (this.catalog.servers.get(name)?.disabled === true) {
      return stepFailure('server_not_found', `server '${name}' is disabled in ${this.catalog.file}`);
    }
    const names = [...this.calls.keys()];
    const meant = nearest(name, names);
    const hint = meant === undefined ? '' : `; did you mean '${meant}'?`;
    const listed = names.length === 0 ? 'it lists none' : `it lists ${names.map((each) => `'${each}'`).join(', ')}`;
    return stepFailure('server_not_found', `server '${name}' is not in ${this.catalog.file} (${listed})${hint}`);
  }
}
