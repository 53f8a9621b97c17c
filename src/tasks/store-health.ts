import type { Clock } from '../core/clock.ts';
import { Interruption, messageOf } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import { storeFailureIn } from './refusal.ts';
import { StoreError } from '../store/task-store.ts';
import type { TaskStore } from '../store/task-store.ts';

const FIRST_PROBE_MS = 100;
const LONGEST_PROBE_MS = 5000;
/**
 * How long those who waited must go on without a failure before new work is taken; longer each time that it fails again
 * soon after.
 */
const TRIAL_MS = { first: 500, factor: 8, longest: 60_000 };
/** A failure so long after the last one is a new one. */
const FORGOTTEN_MS = 600_000;

/** Whether the store takes writes, for readiness. Times are epoch milliseconds. */
export interface StoreState {
  readonly writable: boolean;
  /** Since when it is so. */
  readonly since: number;
  /** Why not, as text for the operator. */
  readonly reason?: string;
}

/**
 * Watches over writes (D13): the first failure is logged and starts one prober with bounded back-off; everybody who
 * waits for the store waits here, so that a thousand tasks do not hammer a full disk; the recovery is logged once. A
 * small probe says little of a large write: when it goes well, first those who waited try again, and new work is taken
 * when that has gone well for a while.
 */
export class StoreHealth {
  readonly #store: TaskStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  #state: StoreState;
  #recovery: Promise<void> | undefined;
  #probeMs = FIRST_PROBE_MS;
  /** Set while those who waited try again. */
  #trial: AbortController | undefined;
  #trialMs = TRIAL_MS.first;
  /** By the monotonic clock: when it last became writable again. */
  #good = Number.NEGATIVE_INFINITY;

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
    if (this.#state.writable) {
      this.#state = { writable: false, since: this.#clock.now(), reason: messageOf(reason) };
      this.#probeMs = FIRST_PROBE_MS;
      const isNew = this.#clock.monotonic() - this.#good > FORGOTTEN_MS;
      this.#trialMs = isNew ? TRIAL_MS.first : Math.min(this.#trialMs * TRIAL_MS.factor, TRIAL_MS.longest);
      this.#logger.error(
        {
          error: messageOf(reason),
          ...(reason instanceof StoreError && reason.advice !== undefined && { advice: reason.advice }),
        },
        'the store cannot be written: new work is refused, running tasks wait',
      );
    } else if (this.#trial === undefined) {
      return;
    }
    this.#trial?.abort();
    this.#trial = undefined;
    this.#recovery = this.#probe();
    this.#recovery.catch(() => undefined);
  }

  /**
   * Resolves when a write is worth trying again, at once when nothing has failed; rejects with
   * `Interruption('shutdown')` after `stop`.
   */
  async recovered(): Promise<void> {
    if (this.#stopped.signal.aborted) throw new Interruption('shutdown');
    await this.#recovery;
  }

  /**
   * Does what can be done again; when the store fails, waits until it has recovered and does it again. Rejects with the
   * signal's reason on abort, and with what is no failure of the store.
   */
  async patiently<T>(act: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      signal?.throwIfAborted();
      try {
        return await act();
      } catch (error) {
        const failure = storeFailureIn(error);
        if (failure === undefined) throw error;
        this.failed(failure);
        await this.recovered();
      }
    }
  }

  /** Ends the probing; everybody who waits is rejected. */
  stop(): void {
    this.#stopped.abort(new Interruption('shutdown'));
  }

  async #probe(): Promise<void> {
    for (;;) {
      await this.#clock.sleep(this.#probeMs, this.#stopped.signal);
      this.#probeMs = Math.min(this.#probeMs * 2, LONGEST_PROBE_MS);
      try {
        await this.#store.probe();
        break;
      } catch {
        // Said once, when it began.
      }
    }
    this.#recovery = undefined;
    // Rejects when a write fails again, or at the end.
    this.#try().catch(() => undefined);
  }

  async #try(): Promise<void> {
    const trial = new AbortController();
    this.#trial = trial;
    await this.#clock.sleep(this.#trialMs, AbortSignal.any([trial.signal, this.#stopped.signal]));
    this.#trial = undefined;
    this.#good = this.#clock.monotonic();
    const downMs = this.#clock.now() - this.#state.since;
    this.#state = { writable: true, since: this.#clock.now() };
    this.#logger.info({ downMs }, 'the store can be written again');
  }
}
