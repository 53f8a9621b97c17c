import { StoreError } from '../../src/store/task-store.ts';
import type { Batch, CommitResult, TaskStore } from '../../src/store/task-store.ts';

/** What becomes of a commit, and of the process that asked for it. */
export const WRITE_FAULTS = [
  'throw before',
  'applied, then throw',
  'die before',
  'die after',
  'fail for ever',
] as const;
export type WriteFault = (typeof WRITE_FAULTS)[number];

/** Which commit of all that a world makes, from 0, and what happens to it. */
export interface FaultPlan {
  readonly at: number;
  readonly fault: WriteFault;
}

/** What all processes of a world share: the number of commits so far and the one fault among them. */
export class FaultDirector {
  readonly #plan: FaultPlan | undefined;
  commits = 0;
  fired = 0;
  /** Calls of living processes that have not come back. */
  pending = 0;
  #failing = false;

  constructor(plan?: FaultPlan) {
    this.#plan = plan;
  }

  /** What happens to the next commit. */
  next(): WriteFault | undefined {
    const at = this.commits;
    this.commits += 1;
    if (this.#failing) return 'fail for ever';
    if (this.#plan?.at !== at) return undefined;
    this.fired += 1;
    this.#failing = this.#plan.fault === 'fail for ever';
    return this.#plan.fault;
  }

  get failing(): boolean {
    return this.#failing;
  }

  heal(): void {
    this.#failing = false;
  }
}

/**
 * The store of one process that may die: of a dead one nothing reaches the data any more, and no call ever comes back.
 */
export class DyingStore implements TaskStore {
  readonly #inner: TaskStore;
  readonly #director: FaultDirector;
  readonly #onDeath: () => void;
  #dead = false;

  constructor(inner: TaskStore, director: FaultDirector, onDeath: () => void) {
    this.#inner = inner;
    this.#director = director;
    this.#onDeath = onDeath;
  }

  get dead(): boolean {
    return this.#dead;
  }

  get(key: string): ReturnType<TaskStore['get']> {
    return this.#alive(() => this.#inner.get(key));
  }

  getMany(keys: readonly string[]): ReturnType<TaskStore['getMany']> {
    return this.#alive(() => this.#inner.getMany(keys));
  }

  range(query: Parameters<TaskStore['range']>[0]): ReturnType<TaskStore['range']> {
    return this.#alive(() => this.#inner.range(query));
  }

  commit(batch: Batch): Promise<CommitResult> {
    return this.#alive(async () => {
      const fault = this.#director.next();
      if (fault === 'die before') return this.#die();
      if (fault === 'throw before' || fault === 'fail for ever') throw new StoreError('full', 'disk is full');
      const result = await this.#inner.commit(batch);
      if (fault === 'die after') return this.#die();
      if (fault === 'applied, then throw') throw new StoreError('io', 'disk I/O error');
      return result;
    });
  }

  changeCounter(): Promise<number> {
    return this.#alive(() => this.#inner.changeCounter());
  }

  probe(): Promise<void> {
    return this.commit({ guards: [], puts: [{ key: 'probe', value: null }], deletes: [] }).then(() => undefined);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #die(): Promise<never> {
    this.#dead = true;
    this.#director.pending -= 1;
    this.#onDeath();
    return new Promise(() => undefined);
  }

  async #alive<T>(act: () => Promise<T>): Promise<T> {
    if (this.#dead) return new Promise(() => undefined);
    this.#director.pending += 1;
    try {
      const result = await act();
      return this.#dead ? new Promise(() => undefined) : result;
    } finally {
      this.#director.pending -= 1;
    }
  }
}
