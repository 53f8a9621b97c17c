import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { Clock } from '../core/clock.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Logger } from '../core/logger.ts';
import type { TaskStore } from '../store/task-store.ts';
import { parsePlaceKey, placeKey, type EventPlace } from './event-id.ts';

/** An event of a session, as it is kept. */
export interface SessionEvent extends EventPlace {
  readonly streamId: string;
  readonly message: JSONRPCMessage;
  /** Of the message as JSON. */
  readonly chars: number;
}

/** Events with their session. Most are withdrawn before anybody needs their keys. */
type Due = Map<SessionEvent, string>;

/** An event that is withdrawn before it has been here for one to two of these is never written. */
const TICK_MS = 100;
/**
 * A store that fails is tried again after this long: a batch that fails takes with it what others write in the same
 * transaction.
 */
const RETRY_MS = 5_000;
/** Bounds of one commit, since tasks wait for those that come before theirs. */
const AT_ONCE = 200;
const CHARS_AT_ONCE = 512 * 1024;
/** More than a session keeps; what is beyond was left by processes that died before they could remove it. */
const MAX_LOADED = 4_096;

const KEY = 'http-event:';
const END = 'http-event;';

/**
 * The events of all sessions in the store, for the process after this one. Writes are behind: nothing waits for them,
 * what gathers in a moment is one write, and what is withdrawn in time costs nothing. A write that fails is logged once
 * until one succeeds (D13) and made up for when the store can be written again.
 */
export class SavedEvents {
  readonly #store: TaskStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Given since the last tick, and before it. */
  #fresh: Due = new Map();
  #ripe: Due = new Map();
  /** Being written now. */
  readonly #under: Due = new Map();
  /** Written, and to be removed. */
  readonly #gone = new Set<string>();
  /** Aborts the wait for the next tick. */
  readonly #hurry = new AbortController();
  #failing = false;
  #running: Promise<void> | undefined;
  #writing: Promise<void> | undefined;

  constructor(store: TaskStore, clock: Clock, logger: Logger) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** To be written soon. */
  add(sessionId: string, event: SessionEvent): void {
    this.#fresh.set(event, sessionId);
    this.#running ??= this.#ticks();
  }

  /** Not to be written any more. False when it is too late: it is there, or will be. */
  withdraw(event: SessionEvent): boolean {
    return this.#fresh.delete(event) || this.#ripe.delete(event);
  }

  /** Not to be kept any more, written or not. */
  remove(sessionId: string, event: SessionEvent): void {
    if (this.withdraw(event)) return;
    this.#gone.add(keyOf(sessionId, event));
    this.#running ??= this.#ticks();
  }

  /** What is in the store of a session, in order. Damaged events are left out. Rejects with `StoreError`. */
  async load(sessionId: string): Promise<readonly SessionEvent[]> {
    const prefix = prefixOf(sessionId);
    const query = { from: prefix, to: endOf(sessionId), limit: MAX_LOADED, reverse: true };
    const { items } = await this.#store.range(query);
    const events = items.flatMap(({ key, value }): SessionEvent[] => {
      const place = parsePlaceKey(key.slice(prefix.length));
      if (place === undefined || this.#gone.has(key) || !isJsonObject(value)) return [];
      const { streamId, message } = value;
      if (typeof streamId !== 'string' || !isJsonObject(message)) return [];
      const chars = JSON.stringify(message).length;
      return [{ ...place, streamId, message: message as unknown as JSONRPCMessage, chars }]; // written by `add`
    });
    return events.reverse();
  }

  /** The session has ended. Resolves when nothing of it is in the store, or that was tried. Never rejects. */
  async end(sessionId: string): Promise<void> {
    for (const due of [this.#fresh, this.#ripe, this.#under]) {
      for (const [event, owner] of due) if (owner === sessionId) due.delete(event);
    }
    const prefix = prefixOf(sessionId);
    for (const key of this.#gone) if (key.startsWith(prefix)) this.#gone.delete(key);
    await this.#writing;
    await this.#clear(sessionId);
  }

  /** Removes the events of sessions that are no more. Never rejects. */
  async sweep(alive: (sessionId: string) => Promise<boolean>): Promise<void> {
    try {
      for (let from = KEY; ;) {
        const { items, damaged } = await this.#store.range({ from, to: END, limit: 1 });
        const key = items[0]?.key ?? damaged[0];
        if (key === undefined) return;
        const [sessionId = ''] = key.slice(KEY.length).split(':', 1);
        if (!(await alive(sessionId))) await this.#clear(sessionId);
        from = endOf(sessionId);
      }
    } catch (error) {
      this.#failed(error, 'events of old sessions cannot be removed');
    }
  }

  /** Writes everything at once, and resolves when it is written or that has failed. For the end; never rejects. */
  async flushed(): Promise<void> {
    this.#hurry.abort(new Error('closed'));
    await this.#running;
  }

  async #clear(sessionId: string): Promise<void> {
    try {
      for (;;) {
        const { items, damaged } = await this.#store.range({
          from: prefixOf(sessionId),
          to: endOf(sessionId),
          limit: AT_ONCE,
        });
        const deletes = [...items.map(({ key }) => key), ...damaged];
        if (deletes.length === 0) return;
        await this.#store.commit({ guards: [], puts: [], deletes });
      }
    } catch (error) {
      // The next sweep finds them.
      this.#failed(error, 'events of an ended session cannot be removed');
    }
  }

  async #ticks(): Promise<void> {
    for (let last = false; !last && this.#fresh.size + this.#ripe.size + this.#gone.size > 0;) {
      last = this.#hurry.signal.aborted;
      const wait = this.#failing ? RETRY_MS : TICK_MS;
      if (!last) await this.#clock.sleep(wait, this.#hurry.signal).catch(() => undefined);
      if (this.#hurry.signal.aborted) this.#ripen();
      this.#writing = this.#write();
      await this.#writing;
      this.#ripen();
    }
    this.#running = undefined;
  }

  #ripen(): void {
    if (this.#ripe.size > 0) for (const due of this.#fresh) this.#ripe.set(...due);
    else this.#ripe = this.#fresh;
    this.#fresh = new Map();
  }

  /** Writes what is ripe, in commits that delay nobody. Stops at the first that fails; what it held is due again. */
  async #write(): Promise<void> {
    while (this.#ripe.size + this.#gone.size > 0) {
      const deletes = [...this.#gone].slice(0, AT_ONCE);
      let chars = 0;
      for (const [event, sessionId] of this.#ripe) {
        if (this.#under.size >= AT_ONCE || (chars > 0 && chars + event.chars > CHARS_AT_ONCE)) break;
        chars += event.chars;
        this.#under.set(event, sessionId);
        this.#ripe.delete(event);
      }
      try {
        await this.#commit(deletes);
        for (const key of deletes) this.#gone.delete(key);
        this.#failing = false;
      } catch (error) {
        const again = [...this.#under].filter(([event, sessionId]) => !this.#gone.has(keyOf(sessionId, event)));
        this.#ripe = new Map([...again, ...this.#ripe]);
        this.#failed(error, 'events cannot be saved; until they can, streams are resumed from memory alone');
        return;
      } finally {
        this.#under.clear();
      }
    }
  }

  async #commit(deletes: readonly string[]): Promise<void> {
    const puts = [...this.#under].map(([event, sessionId]) => ({
      key: keyOf(sessionId, event),
      value: valueOf(event),
    }));
    // Says that this changes something, for the values that the store has read lately. A batch that failed may be there
    // all the same.
    const guards = puts.slice(0, 1).map(({ key }) => ({ key, mark: null }));
    const { ok } = await this.#store.commit({ guards, puts, deletes });
    if (!ok) await this.#store.commit({ guards: [], puts, deletes });
  }

  #failed(error: unknown, what: string): void {
    if (!this.#failing) this.#logger.warn({ err: error }, what);
    this.#failing = true;
  }
}

function keyOf(sessionId: string, place: EventPlace): string {
  return prefixOf(sessionId) + placeKey(place);
}

function valueOf({ streamId, message }: SessionEvent): JsonObject {
  return { streamId, message: message as unknown as JsonObject }; // JSON-RPC messages are JSON
}

function prefixOf(sessionId: string): string {
  return `${KEY}${sessionId}:`;
}

function endOf(sessionId: string): string {
  return `${KEY}${sessionId};`;
}
