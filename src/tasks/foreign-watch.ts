import type { TaskContext } from './context.ts';
import { ANY_RUNNER, keys, lastPart, under } from './keys.ts';
import { loadRecords, viewOf } from './record.ts';
import type { TaskRuns } from './task-runs.ts';
import { scan } from '../store/scan.ts';

/** How often other processes' commits are looked for. */
export const POLL_MS = 200;

/**
 * Notices what other processes have done to the store: cancels and answers for our runs, tasks that are for anybody to
 * run, and changes of tasks that somebody here waits for. Costs one counter read a round while nothing happens.
 */
export class ForeignWatch {
  readonly #context: TaskContext;
  readonly #runs: TaskRuns;
  /** Called with a task that anybody may run. */
  readonly #takeUp: (id: string) => Promise<void>;
  #counter: number | undefined;
  /** The revisions that were last told to those who watch. */
  #told = new Map<string, number>();

  constructor(context: TaskContext, runs: TaskRuns, takeUp: (id: string) => Promise<void>) {
    this.#context = context;
    this.#runs = runs;
    this.#takeUp = takeUp;
  }

  /** One round. Rejects with `StoreError`; what it did not get to is done by the next one. */
  async round(): Promise<void> {
    const { store, feed, claims } = this.#context;
    if (claims !== 'all' && this.#runs.open === 0 && feed.watched().length === 0) return;
    const counter = await store.changeCounter();
    // A new watcher may have missed what was committed before it came; its own first read covers that.
    if (counter === this.#counter) return;
    await this.#answerBells(keys.bells(this.#context.runnerId), async (id) => {
      await this.#runs.get(id)?.writer.refresh();
      await this.#runs.get(id)?.writer.idle();
    });
    if (claims === 'all') await this.#answerBells(keys.bells(ANY_RUNNER), this.#takeUp);
    await this.#tellWatchers();
    this.#context.turns.look();
    this.#counter = counter;
  }

  async #answerBells(prefix: string, answer: (id: string) => Promise<void>): Promise<void> {
    const { store, reportDamage } = this.#context;
    for await (const { key, stored } of scan(store, under(prefix))) {
      // For whom a damaged one was rung is not certain.
      for (const id of stored === undefined ? this.#runs.ids() : [lastPart(key)]) await answer(id);
      if (stored === undefined) reportDamage(key, `${key}: a bell is damaged`);
      // Rung again meanwhile: the bell has another value, stays, and is answered in the next round.
      const guards = stored === undefined ? [] : [{ key, mark: stored.mark }];
      await store.commit({ guards, puts: [], deletes: [key] });
    }
  }

  async #tellWatchers(): Promise<void> {
    const { store, feed, reportDamage } = this.#context;
    const watched = feed.watched().filter((id) => this.#runs.get(id) === undefined);
    const told = new Map<string, number>();
    const found = await loadRecords(store, watched, reportDamage);
    for (const [index, id] of watched.entries()) {
      const record = found[index]?.record;
      if (record === undefined) {
        feed.gone(id);
        continue;
      }
      told.set(id, record.rev);
      if (this.#told.get(id) !== record.rev) feed.publish({ type: 'changed', view: viewOf(record) });
    }
    this.#told = told;
  }
}
