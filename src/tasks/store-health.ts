import type { Clock } from '../core/clock.ts';
import { Interruption, messageOf } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import { StoreError } from './task-store.ts';
import type { TaskStore } from './task-store.ts';

const FIRST_PROBE_MS = 100;
const LONGEST_PROBE_MS = 5000;

/** Whether the store takes writes, for readiness. Times are epoch milliseconds. */
export interface StoreState {
  readonly writable: boolean;
  /** Since when it is so. */
  readonly since: number;
  /** Why not, as text for the operator. */
  readonly reason?: string;
}

/**
 * Watches over writes (D13): the first failure is logged and starts one prober with bounded back-off; everybody who waits for the store
 * waits here, so that a thousand tasks do not hammer a full disk; the recovery is logged once.
 */
export class StoreHealth {
  readonly #store: TaskStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  #state: StoreState;
  #recovery: Promise<void> | undefined;

  constructor(deps: { readonly store: TaskStore; readonly clock: Clock; readonly logger: Logger }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#state = { writable: true, since: deps.clock.now() };
  }

  get state(): StoreState {
    return this.#state;
  }

  /** A write has failed. */
  failed(reason: unknown): void {
    if (!this.#state.writable) return;
    this.#state = { writable: false, since: this.#clock.now(), reason: messageOf(reason) };
    this.#logger.error(
      { error: messageOf(reason) },
      'the store cannot be written: new work is refused, running tasks wait',
    );
    this.#recovery = this.#probe();
    this.#recovery.catch(() => undefined);
  }

  /** Resolves when the store takes writes again, at once when it does; rejects with `Interruption('shutdown')` after `stop`. */
  async recovered(): Promise<void> {
    if (this.#stopped.signal.aborted) throw new Interruption('shutdown');
    await this.#recovery;
  }

  /** Reads; when the store fails, waits until it has recovered and reads again. Rejects with the signal's reason on abort, and with what is not a `StoreError`. */
  async patiently<T>(read: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      signal?.throwIfAborted();
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        this.failed(error);
        await this.recovered();
      }
    }
  }

  /** Ends the probing; everybody who waits is rejected. */
  stop(): void {
    this.#stopped.abort(new Interruption('shutdown'));
  }

  async #probe(): Promise<void> {
    for (let delay = FIRST_PROBE_MS; ; delay = Math.min(delay * 2, LONGEST_PROBE_MS)) {
      await this.#clock.sleep(delay, this.#stopped.signal);
      try {
        await this.#store.probe();
        break;
      } catch {
        // Said once, when it began.
      }
    }
    const downMs = this.#clock.now() - this.#state.since;
    this.#state = { writable: true, since: this.#clock.now() };
    this.#recovery = undefined;
    this.#logger.info({ downMs }, 'the store can be written again');
  }
}
