import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Logger } from '../core/logger.ts';
import type { ResumableCalls } from '../protocol/connection.ts';
import { RPC } from '../protocol/errors.ts';
import type { Principal } from '../tasks/task.ts';
import { SessionEvents } from './event-store.ts';
import { refusal, type Refusal } from './http-guards.ts';
import { HttpSession } from './http-session.ts';
import { QuestionIds } from './question-ids.ts';
import type { SavedEvents } from './saved-events.ts';
import type { SavedSession, SavedSessions } from './saved-sessions.ts';
import { SessionRecord } from './session-record.ts';

/** What the session table needs from outside. */
export interface SessionPorts {
  /** A server for a new connection of this caller, not connected yet. */
  readonly createServer: (principal: Principal, calls: ResumableCalls) => Server;
  readonly ids: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxSessions: number;
  /** Milliseconds without a request or an open stream after which a session ends. */
  readonly idleMs: number;
  /** Where sessions are kept for the next process; without it they end with this one. */
  readonly saved?: SavedSessions;
  /** The same for the events of their streams. */
  readonly savedEvents?: SavedEvents;
}

interface Entry {
  readonly session: HttpSession;
  readonly server: Server;
}

const SWEEP_MS = 30_000;
/** How often the sessions in the store are looked through, in sweeps. */
const STORE_SWEEPS = 20;
/** A session that is in use is saved again after this part of its idle time. */
const RENEWALS = 4;

/**
 * The sessions of the revisions that have them: bounded in number, ended by DELETE, by idleness and, without a store,
 * by shutdown. A session is a connection and nothing more; tasks belong to the principal and outlive it.
 *
 * H1 a session answers only the principal that opened it: for others it does not exist. H2 its id is made here, never
 *    by the client. H3 the limit gives way by ending the session that has been idle longest, never one with an open
 *    request. H4 one that is in the store and not here is taken over from there, once, however many requests ask for
 *    it.
 */
export class HttpSessions {
  readonly #ports: SessionPorts;
  readonly #sessions = new Map<string, Entry>();
  readonly #restoring = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();

  constructor(ports: SessionPorts) {
    this.#ports = ports;
    void this.#sweep();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Answers a request, or says why not. `body` is the parsed body of a POST. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    body: unknown,
    principal: Principal,
  ): Promise<Refusal | undefined> {
    const id = request.headers['mcp-session-id'];
    if (id === undefined) {
      if (request.method === 'POST' && isHandshake(body)) return this.#open(request, response, body, principal);
      return refusal(400, 'The Mcp-Session-Id header is required; initialize first');
    }
    if (typeof id === 'string' && !this.#sessions.has(id)) await this.#restored(id, principal);
    const session = typeof id === 'string' ? this.#sessions.get(id)?.session : undefined;
    if (session === undefined || session.principal !== principal) {
      return { status: 404, code: RPC.sessionNotFound, message: 'Session not found' };
    }
    session.record.renew(this.#ports.idleMs / RENEWALS);
    await session.answer(request, response, body);
    return undefined;
  }

  /**
   * Ends every session here; open streams close, waiting requests stay unanswered. Resolves when what is to be kept is
   * written.
   */
  async close(): Promise<void> {
    this.#stop.abort(new Error('closed'));
    await Promise.all([...this.#sessions.values()].map((entry) => this.#end(entry)));
    this.#sessions.clear();
    await Promise.all([this.#ports.saved?.flushed(), this.#ports.savedEvents?.flushed()]);
  }

  async #open(
    request: IncomingMessage,
    response: ServerResponse,
    body: JsonObject,
    principal: Principal,
  ): Promise<Refusal | undefined> {
    if (this.#full(principal)) return refusal(503, 'Too many sessions; try again later', { 'retry-after': '10' });
    const id = this.#ports.ids();
    const initialize = isJsonObject(body['params']) ? body['params'] : {};
    const session = { principal, initialize, epoch: 0, listens: false, settings: [], waiting: {}, tasks: [] };
    const entry = await this.#connect(id, session);
    await entry.session.answer(request, response, body);
    // A malformed handshake opens nothing.
    if (!this.#sessions.has(id)) await this.#end(entry);
    return undefined;
  }

  /** H4. Nothing happens when the session is not the principal's, or the store cannot be read. */
  #restored(id: string, principal: Principal): Promise<void> {
    const { saved } = this.#ports;
    if (saved === undefined) return Promise.resolve();
    const restoring =
      this.#restoring.get(id) ??
      this.#restore(id, principal, saved)
        .catch((error: unknown) => this.#ports.logger.warn({ err: error }, 'a session could not be taken over'))
        .finally(() => this.#restoring.delete(id));
    this.#restoring.set(id, restoring);
    return restoring;
  }

  async #restore(id: string, principal: Principal, saved: SavedSessions): Promise<void> {
    const found = await saved.load(id);
    if (found === undefined || found.principal !== principal || this.#full(principal)) return;
    const entry = await this.#connect(id, found);
    try {
      await entry.session.restore(found.initialize);
    } catch (error) {
      await this.#end(entry);
      throw error;
    }
  }

  /** True when the table is full, and no session can give way to one of this principal. */
  #full(principal: Principal): boolean {
    return this.#sessions.size >= this.#ports.maxSessions && !this.#makeRoom(principal);
  }

  /** A session in the table as soon as the handshake has come. */
  async #connect(id: string, from: SavedSession): Promise<Entry> {
    const { clock, saved, savedEvents } = this.#ports;
    // Larger than that of every process before, also where its own could not be saved.
    const epoch = Math.max(from.epoch + 1, clock.now());
    const events = new SessionEvents(id, epoch, from.listens, savedEvents);
    const record = new SessionRecord(
      { ...from, epoch },
      clock,
      (state) => saved?.save(id, state),
      (taskId) => events.lastStatus(taskId),
    );
    const session = new HttpSession({
      id,
      principal: from.principal,
      record,
      events,
      questions: new QuestionIds(from.epoch === 0 ? undefined : epoch.toString(36)),
      now: () => clock.monotonic(),
      onOpen: async () => {
        this.#sessions.set(id, entry);
        record.save();
        await saved?.written();
      },
      onDelete: () => this.#remove(id, entry),
    });
    const server = this.#ports.createServer(from.principal, record);
    const entry: Entry = { session, server };
    await session.connect(server);
    const { onclose } = server;
    server.onclose = () => {
      onclose?.();
      record.close();
      events.close();
      this.#sessions.delete(id);
    };
    return entry;
  }

  async #end({ server }: Entry): Promise<void> {
    try {
      await server.close();
    } catch (error) {
      this.#ports.logger.debug({ cause: messageOf(error) }, 'a session did not close cleanly');
    }
  }

  /**
   * H3. Ends a session of the principal that has the most of them: the one that was used least lately, of those without
   * an open request or stream. Where that is another principal than the one who asks, one with a stream gives way too.
   * False when none can.
   */
  #makeRoom(principal: Principal): boolean {
    const counts = new Map<Principal, number>([[principal, 1]]);
    for (const { session } of this.#sessions.values())
      counts.set(session.principal, (counts.get(session.principal) ?? 0) + 1);
    const most = Math.max(...counts.values());
    const greediest = counts.get(principal) === most ? principal : [...counts].find(([, count]) => count === most)?.[0];
    const theirs = [...this.#sessions].filter(([, { session }]) => session.principal === greediest);
    const idle = theirs.filter(([, { session }]) => session.open === 0);
    const candidates = idle.length > 0 || greediest === principal ? idle : theirs;
    const [first, ...others] = candidates;
    if (first === undefined) return false;
    const used = ([, { session }]: [string, Entry]): number => session.lastUsed;
    this.#forget(...others.reduce((least, each) => (used(each) < used(least) ? each : least), first));
    return true;
  }

  #forget(id: string, entry: Entry): void {
    this.#sessions.delete(id);
    void this.#remove(id, entry);
    void this.#end(entry);
  }

  /** Nothing of it is kept any more. Resolves when that is written, or has failed. */
  async #remove(id: string, { session }: Entry): Promise<void> {
    session.events.close();
    this.#ports.saved?.remove(id);
    await Promise.all([this.#ports.saved?.written(), this.#ports.savedEvents?.end(id)]);
  }

  async #sweepStore(): Promise<void> {
    const { saved, savedEvents } = this.#ports;
    await saved?.sweep();
    await savedEvents?.sweep(async (id) => this.#sessions.has(id) || (await saved?.load(id)) !== undefined);
  }

  async #sweep(): Promise<void> {
    try {
      for (let sweeps = 0; ; sweeps += 1) {
        if (sweeps % STORE_SWEEPS === 0) await this.#sweepStore();
        await this.#ports.clock.sleep(Math.min(SWEEP_MS, this.#ports.idleMs), this.#stop.signal);
        const limit = this.#ports.clock.monotonic() - this.#ports.idleMs;
        for (const [id, entry] of this.#sessions) {
          if (entry.session.open > 0) entry.session.record.renew(this.#ports.idleMs / RENEWALS);
          else if (entry.session.lastUsed <= limit) this.#forget(id, entry);
        }
      }
    } catch {
      // Stopped.
    }
  }
}

function isHandshake(body: unknown): body is JsonObject {
  return isJsonObject(body) && body['method'] === 'initialize';
}
