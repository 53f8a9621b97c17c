import { StoreError } from '../../src/store/task-store.ts';
import type { Batch, CommitResult, TaskStore } from '../../src/store/task-store.ts';

/** What happens to a commit: it fails unwritten, is written and fails all the same, or goes well. */
export type Fault = 'before' | 'after' | undefined;

/** A store that fails as its plan says. Only commits fail, unless `readsFail` is set. */
export class FaultyStore implements TaskStore {
  readonly #inner: TaskStore;
  /** Asked for every commit, with its number from 0. */
  plan: (commit: number) => Fault = () => undefined;
  readsFail = false;
  /** Commits asked for, and faults that fired, so far. */
  commits = 0;
  /** The keys that the commit which is being asked about puts. */
  puts: readonly string[] = [];
  faults = 0;

  constructor(inner: TaskStore) {
    this.#inner = inner;
  }

  get(key: string): ReturnType<TaskStore['get']> {
    return this.#read(() => this.#inner.get(key));
  }

  getMany(keys: readonly string[]): ReturnType<TaskStore['getMany']> {
    return this.#read(() => this.#inner.getMany(keys));
  }

  range(query: Parameters<TaskStore['range']>[0]): ReturnType<TaskStore['range']> {
    return this.#read(() => this.#inner.range(query));
  }

  async commit(batch: Batch): Promise<CommitResult> {
    this.puts = batch.puts.map(({ key }) => key);
    const fault = this.plan(this.commits);
    this.commits += 1;
    if (fault === 'before') throw this.#fault();
    const result = await this.#inner.commit(batch);
    if (fault === 'after') throw this.#fault();
    return result;
  }

  changeCounter(): Promise<number> {
    return this.#inner.changeCounter();
  }

  async probe(): Promise<void> {
    await this.commit({ guards: [], puts: [{ key: 'probe', value: null }], deletes: [] });
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #fault(): StoreError {
    this.faults += 1;
    return new StoreError('full', 'database or disk is full');
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    if (this.readsFail) throw new StoreError('io', 'disk I/O error');
    return read();
  }
}
