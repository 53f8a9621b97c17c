import type { Clock } from '../core/clock.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Logger } from '../core/logger.ts';
import type { TaskStore } from '../store/task-store.ts';

/** A request that waits, as it came, and the task that it has become. */
export type WaitingRequest = {
  readonly request: JsonObject;
  readonly taskId: string | null;
};

/** What another process needs to take a session over. All of it is JSON. */
export type SavedSession = {
  readonly principal: string;
  /** Params of its handshake. */
  readonly initialize: JsonObject;
  /** Of the process that has it; the next one's is larger. */
  readonly epoch: number;
  /** Its client has opened the session's own stream. */
  readonly listens: boolean;
  /** Requests that have set something for the whole session, in order: the logging level, subscriptions. */
  readonly settings: readonly JsonObject[];
  /** By the stream that their answer was to go out on. */
  readonly waiting: { readonly [streamId: string]: WaitingRequest };
  /** The tasks that its client is told of. */
  readonly tasks: readonly string[];
};

const KEY = 'http-session:';
const END = 'http-session;';
const SWEEP_AT_ONCE = 500;

/**
 * Sessions in the store, so that clients go on after a restart. Writes are behind: nothing waits for them, several
 * changes of a session are one write. A write that fails concerns no session that is open; it is logged once until one
 * succeeds (D13), and a removal is made up for with the next. What is not renewed within its time is gone.
 */
export class SavedSessions {
  readonly #store: TaskStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #lifeMs: number;
  /** The newest state that has not been written, by id; `null` = remove. */
  readonly #due = new Map<string, SavedSession | null>();
  /** What is being written now. */
  #under = new Map<string, SavedSession | null>();
  /** To be called when all of it is written. */
  #told: (() => void)[] = [];
  /** Removed, and the store does not know. */
  readonly #unwritten = new Set<string>();
  #failing = false;
  #writing: Promise<void> | undefined;

  /** @param lifeMs how long a session is kept after it was saved last. */
  constructor(store: TaskStore, clock: Clock, logger: Logger, lifeMs: number) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#lifeMs = lifeMs;
  }

  /**
   * The newest state, written or not; `undefined` for one that is unknown, removed, too old or unreadable. Rejects with
   * `StoreError`.
   */
  async load(id: string): Promise<SavedSession | undefined> {
    // Not one of ours; a read costs more than a look.
    if (!/^[\w-]{1,64}$/u.test(id)) return undefined;
    const newest = this.#due.get(id) ?? (this.#due.has(id) ? null : this.#under.get(id));
    if (newest !== undefined) return newest ?? undefined;
    if (this.#unwritten.has(id)) return undefined;
    // A damaged one is as good as none.
    const { items } = await this.#store.range({ from: KEY + id, to: `${KEY}${id}!`, limit: 1 });
    const value = items[0]?.value;
    if (!isJsonObject(value) || !(Number(value['until']) > this.#clock.now())) return undefined;
    const session = value['session'] as unknown as SavedSession; // written below
    // Of a release that had no events in the store, or no tasks here.
    const { epoch = 1, listens = true, tasks = [] } = session as Partial<SavedSession>;
    return { ...session, epoch, listens, tasks };
  }

  save(id: string, session: SavedSession): void {
    this.#due.set(id, session);
    this.#writing ??= this.#write();
  }

  remove(id: string): void {
    this.#due.set(id, null);
    this.#writing ??= this.#write();
  }

  /** Removes what is too old. Never rejects. */
  async sweep(): Promise<void> {
    try {
      const { items } = await this.#store.range({ from: KEY, to: END, limit: SWEEP_AT_ONCE });
      const old = items.filter(({ value }) => !isJsonObject(value) || !(Number(value['until']) > this.#clock.now()));
      if (old.length === 0) return;
      // A process that has renewed one meanwhile keeps it.
      for (const { key, mark } of old) await this.#store.commit({ guards: [{ key, mark }], puts: [], deletes: [key] });
    } catch (error) {
      this.#failed(error, 'old sessions cannot be removed');
    }
  }

  /** Resolves when what was given until now is written, or that has failed. Never rejects. */
  written(): Promise<void> {
    if (this.#due.size === 0) return this.flushed();
    return new Promise((resolve) => this.#told.push(resolve));
  }

  /** Resolves when everything is written that was to be. Never rejects. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    // Everything of this turn of the event loop is one write.
    await Promise.resolve();
    while (this.#due.size > 0) {
      this.#under = new Map(this.#due);
      const due = [...this.#due];
      this.#due.clear();
      const told = this.#told.splice(0);
      const until = this.#clock.now() + this.#lifeMs;
      const puts = due.flatMap(([id, session]) =>
        session === null ? [] : [{ key: KEY + id, value: { until, session } }],
      );
      for (const [id, session] of due) if (session === null) this.#unwritten.add(id);
      const removed = [...this.#unwritten];
      try {
        await this.#store.commit({ guards: [], puts, deletes: removed.map((id) => KEY + id) });
        for (const id of removed) this.#unwritten.delete(id);
        this.#failing = false;
      } catch (error) {
        this.#failed(error, 'sessions cannot be saved; until they can, they end with this process');
      }
      for (const tell of told) tell();
    }
    this.#under = new Map();
    this.#writing = undefined;
  }

  #failed(error: unknown, what: string): void {
    if (!this.#failing) this.#logger.warn({ err: error }, what);
    this.#failing = true;
  }
}
