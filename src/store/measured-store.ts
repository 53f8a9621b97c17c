import type { Clock } from '../core/clock.ts';
import { metricText } from '../core/metrics-text.ts';
import type { Batch, CommitResult, TaskStore } from './task-store.ts';

/** A store that counts its commits, how long they take and how many of them fail. */
export class MeasuredStore implements TaskStore {
  readonly #inner: TaskStore;
  readonly #clock: Clock;
  #count = 0;
  #seconds = 0;
  #errors = 0;

  constructor(inner: TaskStore, clock: Clock) {
    this.#inner = inner;
    this.#clock = clock;
  }

  /** Lines of `/metrics`. */
  text(): string {
    return (
      metricText('mcp_workflow_store_commit_seconds', 'summary', 'How long writes of the store take.', [
        ['_sum', this.#seconds],
        ['_count', this.#count],
      ]) +
      metricText('mcp_workflow_store_errors_total', 'counter', 'Writes of the store that failed.', [['', this.#errors]])
    );
  }

  get(key: string): ReturnType<TaskStore['get']> {
    return this.#inner.get(key);
  }

  getMany(keys: readonly string[]): ReturnType<TaskStore['getMany']> {
    return this.#inner.getMany(keys);
  }

  range(query: Parameters<TaskStore['range']>[0]): ReturnType<TaskStore['range']> {
    return this.#inner.range(query);
  }

  async commit(batch: Batch): Promise<CommitResult> {
    const began = this.#clock.monotonic();
    try {
      return await this.#inner.commit(batch);
    } catch (error) {
      this.#errors += 1;
      throw error;
    } finally {
      this.#count += 1;
      this.#seconds += (this.#clock.monotonic() - began) / 1000;
    }
  }

  changeCounter(): Promise<number> {
    return this.#inner.changeCounter();
  }

  probe(): Promise<void> {
    return this.#inner.probe();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
