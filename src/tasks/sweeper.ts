import type { TaskContext } from './context.ts';
import { failFromOutside, bell, placeOf, ttlOver } from './ending.ts';
import { sweepKeptResults } from './kept-results.ts';
import { keys, lastPart, under } from './keys.ts';
import { messageOf } from '../core/failure.ts';
import { loadRecord, objectOf, runnerOf } from './record.ts';
import type { MarkedRecord } from './record.ts';
import type { TaskRuns } from './task-runs.ts';
import { DamagedValueError } from '../store/task-store.ts';
import { scan, scanPages } from '../store/scan.ts';

/** How often expired tasks are looked for. */
export const SWEEP_MS = 30_000;
const PAGE = 200;

/**
 * Removes tasks whose ttl is over (D12). One that is still open is failed first and removed in a later round. Time is
 * that of the retention clock: a wall clock that jumps forward removes nothing (D11).
 */
export class Sweeper {
  readonly #context: TaskContext;
  readonly #runs: TaskRuns;

  constructor(context: TaskContext, runs: TaskRuns) {
    this.#context = context;
    this.#runs = runs;
  }

  /** One round over all that has expired, page by page. Rejects with `StoreError`. */
  async round(): Promise<void> {
    const { store, reportDamage } = this.#context;
    const now = this.#context.retention.now();
    await sweepKeptResults(store, now);
    for await (const { key, damaged } of scan(store, keys.endsUpTo(now), PAGE)) {
      if (damaged) reportDamage(key, `${key}: an index row is damaged`);
      else await this.#expiredOrDamaged(key, now);
    }
  }

  async #expiredOrDamaged(row: string, now: number): Promise<void> {
    try {
      await this.#expired(row, now);
    } catch (error) {
      if (!(error instanceof DamagedValueError)) throw error;
      this.#context.reportDamage(error.key, error.message);
    }
  }

  async #expired(row: string, now: number): Promise<void> {
    const { store, logger } = this.#context;
    const id = lastPart(row);
    const marked = await loadRecord(store, id);
    // A resumed task has a later end and a row for it; this one is stale.
    if (marked === undefined || marked.record.expiresAt === null || marked.record.expiresAt > now) {
      await store.commit({ guards: [], puts: [], deletes: [row] });
      return;
    }
    if (marked.record.state.kind === 'open') {
      await this.#fail(marked);
      return;
    }
    if ((await store.get(keys.clean(id))) !== undefined) return;
    try {
      await this.#remove(marked, row);
    } catch (error) {
      if (!(error instanceof DamagedValueError)) throw error;
      logger.warn({ taskId: id, error: messageOf(error) }, 'an expired task is damaged and stays');
    }
  }

  async #fail(marked: MarkedRecord): Promise<void> {
    const { id } = marked.record;
    const run = this.#runs.get(id);
    const writer = run?.writer ?? this.#runs.writerFor(marked);
    await writer.change({
      patient: false,
      apply: (record, now) => {
        if (record.state.kind === 'ended' || record.expiresAt === null || record.expiresAt > now) return { record };
        const applied = failFromOutside(record, ttlOver(record), now);
        // A run here may be one that another process has taken over: theirs has to hear of it.
        const ours = run !== undefined && runnerOf(record) === this.#context.runnerId;
        return ours ? applied : { ...applied, puts: [...(applied.puts ?? []), bell(record, applied.record)] };
      },
    });
    // It may have begun to run here meanwhile; our own commits ring no bell here.
    if (run === undefined) await this.#runs.get(id)?.writer.refresh();
  }

  async #remove({ record, mark }: MarkedRecord, row: string): Promise<void> {
    const { store, feed } = this.#context;
    const { id } = record;
    for await (const page of scanPages(store, under(keys.entries(id)))) {
      const entries = page.map(({ key }) => key);
      const removed = await store.commit({ guards: [{ key: keys.task(id), mark }], puts: [], deletes: entries });
      if (!removed.ok) return;
    }
    const deletes = [
      keys.task(id),
      keys.args(id),
      keys.outcome(id),
      keys.cleaned(id),
      ...placeOf(record),
      keys.list(record),
      row,
      ...(record.parent === undefined ? [] : [keys.child(record.parent.taskId, id)]),
      ...(record.root === undefined ? [] : [keys.descendant(record.root, id)]),
    ];
    const guards = [{ key: keys.task(id), mark }];
    if (record.idempotency !== undefined) {
      const used = await store.get(record.idempotency);
      // The key may belong to a newer task by now.
      if (used !== undefined && objectOf(used)['taskId'] === id) {
        guards.push({ key: record.idempotency, mark: used.mark });
        deletes.push(record.idempotency);
      }
    }
    const removed = await store.commit({ guards, puts: [], deletes });
    if (removed.ok) feed.gone(id);
  }
}
