import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { messageOf, StepFailure, stepFailure } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import type { Random } from '../engine/ports.ts';
import { DeadlinePassed, untilAborted, withDeadline } from './deadline.ts';
import { toStepFailure } from './failures.ts';
import { noRedaction } from './redaction.ts';
import type { ServerConfig } from './server-config.ts';
import { OpenError, Session, type SessionDeps } from './session.ts';
import type { ToolTable } from './tool-table.ts';

const RESTART_BACKOFF = { kind: 'exponential', delaySeconds: 0.25, maxDelaySeconds: 30, jitter: true } as const;
/** A call waits this long for a restart that is due; when it takes longer it fails and says when to try again. */
const PATIENCE_MS = 5000;

/** `idle`: not started yet or ended. `waiting`: it died and is not started again before `retryInMs`. */
export interface ConnectionStatus {
  readonly state: 'idle' | 'starting' | 'ready' | 'waiting' | 'closed';
  readonly pid?: number;
  readonly tools?: number;
  readonly starts: number;
  readonly lastError?: string;
  readonly retryInMs?: number;
}

/**
 * One server: started when it is first needed, kept, and started again with growing delays after it has died. Sessions
 * follow each other; calls in flight on one that dies fail, the next call gets a new one. A server's trouble stays with
 * it.
 */
export class Connection {
  readonly config: ServerConfig;
  /** The tools as last seen, kept when the server is down. */
  knownTools: ToolTable | undefined;
  private readonly deps: SessionDeps;
  private readonly random: Random;
  private readonly closing = new AbortController();
  private session: Session | undefined;
  private opening: Promise<Session> | undefined;
  private failures = 0;
  private startableAt = 0;
  private starts = 0;
  private lastError: string | undefined;
  private readonly ending = new Set<Promise<void>>();

  constructor(config: ServerConfig, deps: SessionDeps, random: Random) {
    this.config = config;
    this.deps = deps;
    this.random = random;
  }

  /** The live session, started if need be. Rejects with a `StepFailure`, or with the signal's reason. */
  async ready(signal: AbortSignal): Promise<Session> {
    signal.throwIfAborted();
    if (this.closing.signal.aborted) throw stepFailure('transport', `server '${this.config.name}' is shut down`);
    if (this.session !== undefined && !this.session.isOver) return this.session;
    const wait = this.startableAt - this.clock.monotonic();
    if (this.opening === undefined && wait > PATIENCE_MS) {
      throw stepFailure(
        'transport',
        `server '${this.config.name}' is down and is tried again in ${Math.ceil(wait / 1000)} s: ${this.lastError ?? ''}`,
        { retryAfterMs: Math.ceil(wait) },
      );
    }
    this.opening ??= this.open().finally(() => {
      this.opening = undefined;
    });
    return untilAborted(this.opening, signal);
  }

  /** A call was answered: what happened before is forgotten. */
  succeeded(): void {
    this.failures = 0;
    this.lastError = undefined;
  }

  /** The session cannot be used any more (the server forgot it): the next call opens a new one, at once. */
  drop(session: Session): void {
    if (this.session === session) this.session = undefined;
    this.release(session);
  }

  status(): ConnectionStatus {
    const session = this.session;
    const alive = session !== undefined && !session.isOver;
    const retryInMs = Math.max(0, Math.ceil(this.startableAt - this.clock.monotonic()));
    return {
      state: this.state(alive, retryInMs),
      starts: this.starts,
      ...(alive && session.pid !== undefined ? { pid: session.pid } : {}),
      ...(alive && session.tools !== undefined ? { tools: session.tools.size } : {}),
      ...(this.lastError === undefined ? {} : { lastError: this.lastError }),
      ...(!alive && retryInMs > 0 ? { retryInMs } : {}),
    };
  }

  /** Ends the connection for good; resolves when the process tree is gone. Calls in flight fail with `transport`. */
  async close(): Promise<void> {
    this.closing.abort(stepFailure('transport', `server '${this.config.name}' is shut down`));
    await this.opening?.catch(() => undefined);
    if (this.session !== undefined) this.release(this.session);
    await Promise.all(this.ending);
  }

  private get clock(): Clock {
    return this.deps.clock;
  }

  private get logger(): Logger {
    return this.deps.logger;
  }

  private state(alive: boolean, retryInMs: number): ConnectionStatus['state'] {
    if (this.closing.signal.aborted) return 'closed';
    if (alive) return 'ready';
    if (this.opening !== undefined) return 'starting';
    return retryInMs > 0 ? 'waiting' : 'idle';
  }

  private async open(): Promise<Session> {
    const { startTimeoutSeconds, name } = this.config;
    const closing = this.closing.signal;
    const wait = this.startableAt - this.clock.monotonic();
    if (wait > 0) await this.clock.sleep(wait, closing);
    this.starts += 1;
    const startedAt = this.clock.monotonic();
    try {
      const session = await withDeadline(this.clock, startTimeoutSeconds * 1000, closing, (signal) => {
        const work = Session.open(this.config, this.deps, signal);
        // A start that is given up goes on stopping what it started: `close` waits for that too.
        this.track(work.then((late) => (signal.aborted ? late.close() : undefined)));
        return work;
      });
      this.keep(session);
      this.logger.info(
        { ms: Math.round(this.clock.monotonic() - startedAt), pid: session.pid },
        'downstream server is ready',
      );
      return session;
    } catch (error) {
      if (closing.aborted) throw stepFailure('transport', `server '${name}' is shut down`);
      const failure = this.openFailure(error);
      this.failed(failure.failure.message);
      throw failure;
    }
  }

  private keep(session: Session): void {
    this.session = session;
    this.knownTools = session.tools ?? this.knownTools;
    session.whenOver(() => {
      if (this.session !== session) return;
      this.session = undefined;
      this.failed(`server '${this.config.name}' ${session.endReason ?? 'closed the connection'}`);
      this.release(session);
    });
  }

  private failed(message: string): void {
    if (this.closing.signal.aborted) return;
    this.failures += 1;
    this.lastError = message;
    this.startableAt = this.clock.monotonic() + backoffMs(RESTART_BACKOFF, this.failures, this.random());
    this.logger.warn({ failures: this.failures }, message);
  }

  private openFailure(error: unknown): StepFailure {
    const { name, startTimeoutSeconds } = this.config;
    if (error instanceof DeadlinePassed) {
      return stepFailure(
        'transport',
        `server '${name}' was not ready within ${startTimeoutSeconds} s of its start (start_timeout_seconds in the servers file)`,
      );
    }
    const opened = error instanceof OpenError ? error : new OpenError(error, noRedaction, undefined);
    return asTransport(
      toStepFailure(opened.cause, {
        server: name,
        what: 'starting it',
        method: 'initialize',
        redactor: opened.redactor,
        endReason: opened.endReason,
      }),
      name,
    );
  }

  private release(session: Session): void {
    this.track(
      session.close().catch((error: unknown) => {
        this.logger.warn({ error: messageOf(error) }, 'closing a downstream server failed');
      }),
    );
  }

  private track(work: Promise<void>): void {
    const end = work
      .catch(() => undefined)
      .finally(() => {
        this.ending.delete(end);
      });
    this.ending.add(end);
  }
}

/** Whatever code a handshake failed with, for a step it means that the server cannot be reached. */
function asTransport(error: StepFailure, server: string): StepFailure {
  const { failure } = error;
  if (failure.code === 'transport') return error;
  const message = failure.message.startsWith('server ') ? failure.message : `server '${server}': ${failure.message}`;
  return new StepFailure({ ...failure, code: 'transport', message }, { cause: error });
}
