import type { Clock } from '../core/clock.ts';
import { ANY_RUNNER, keys, lastPart, under } from './keys.ts';
import { identityOf } from './process-probe.ts';
import type { ProcessProbe } from './process-probe.ts';
import { objectOf } from './record.ts';
import type { StoreHealth } from './store-health.ts';
import { StoreError } from '../store/task-store.ts';
import type { TaskStore } from '../store/task-store.ts';

/** How often a runner shows that it lives. */
export const BEAT_MS = 2000;
/** A runner whose beat has not changed for this long, by our own monotonic clock, is taken for dead. */
export const SILENCE_MS = 10_000;
/**
 * Between two looks no more than this counts as silence: what is longer, we were away ourselves, and so perhaps was
 * everybody.
 */
const LOOK_MS = 2 * BEAT_MS;
const MAX_RUNNERS = 1000;

/** `graceful`: it left no row, so it has ended by itself (or never was). */
export type RunnerState = 'alive' | 'dead' | 'graceful';

interface Seen {
  readonly beat: number;
  readonly since: number;
}

/**
 * The processes that run tasks on this store, each a row with its identity and a beat (D6). A runner is dead when its
 * process is surely gone, or when its beat has stood still for ten seconds in which our own beats could be written (a
 * full disk kills nobody). Time in which nobody looked, as the whole machine was paused, is nobody's silence. A process
 * that was only paused is fenced by the epoch of its tasks when it comes back.
 */
export class RunnerRegistry {
  readonly #store: TaskStore;
  readonly #clock: Clock;
  readonly #health: StoreHealth;
  readonly #processes: ProcessProbe;
  readonly #id: string;
  #seen = new Map<string, Seen>();
  #beat = 0;
  #looked: number | undefined;

  constructor(deps: {
    readonly store: TaskStore;
    readonly clock: Clock;
    readonly health: StoreHealth;
    readonly processes: ProcessProbe;
    readonly runnerId: string;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#health = deps.health;
    this.#processes = deps.processes;
    this.#id = deps.runnerId;
  }

  /**
   * Writes our row with a new beat. A failure is reported to the health watch and forgets what we have seen of others.
   */
  async beat(): Promise<void> {
    this.#beat += 1;
    try {
      const value = { ...this.#processes.self(), beat: this.#beat };
      await this.#store.commit({ guards: [], puts: [{ key: keys.runner(this.#id), value }], deletes: [] });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#seen = new Map();
      this.#health.failed(error);
    }
  }

  /** Removes our row: what we still run is free for others from now on. Rings for these tasks, in the same commit. */
  async release(left: readonly string[]): Promise<void> {
    const bells = left.map((id) => ({ key: keys.bell(ANY_RUNNER, id), value: { left: this.#id } }));
    await this.#store.commit({ guards: [], puts: bells, deletes: [keys.runner(this.#id)] });
  }

  /** The runners that have a row, with their state now. Whoever is not in the map is `graceful`. */
  async states(): Promise<ReadonlyMap<string, RunnerState>> {
    const { items } = await this.#store.range({ ...under(keys.allRunners), limit: MAX_RUNNERS });
    const now = this.#clock.monotonic();
    const away = Math.max(0, now - (this.#looked ?? now) - LOOK_MS);
    this.#looked = now;
    const seen = new Map<string, Seen>();
    const states = new Map<string, RunnerState>();
    for (const stored of items) {
      const id = lastPart(stored.key);
      const row = objectOf(stored);
      const beat = Number(row['beat']);
      const before = this.#seen.get(id);
      const last = before?.beat === beat ? { beat, since: before.since + away } : { beat, since: now };
      seen.set(id, last);
      const gone = this.#processes.state(identityOf(row)) === 'gone';
      const silent = now - last.since >= SILENCE_MS;
      states.set(id, id !== this.#id && (gone || silent) ? 'dead' : 'alive');
    }
    this.#seen = seen;
    return states;
  }

  /** Removes the row of a dead runner, when none of its tasks is left to it. */
  async forget(id: string): Promise<void> {
    await this.#store.commit({ guards: [], puts: [], deletes: [keys.runner(id)] });
    this.#seen.delete(id);
  }
}
