import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredEntry } from '../../src/engine/journal.ts';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { lastPart, under } from '../../src/tasks/keys.ts';
import { loadRecords, objectOf, runnerOf } from '../../src/tasks/record.ts';
import type { TaskRecord } from '../../src/tasks/record.ts';
import { loadEntries } from '../../src/tasks/run-journal.ts';

const LOOK_MS = 25;

/** A task as it is on the disk, with what was seen of it on the way. */
interface Watched {
  record: TaskRecord;
  readonly journal: StoredEntry[];
}

/**
 * Looks at the data folder again and again, as a process of its own would, and notes when a checkpoint was seen first,
 * by the clock of the machine: it was on the disk by then. Nothing of that depends on what the servers take the time to
 * be.
 */
export class Watcher {
  /** When the checkpoint of a key was seen. */
  readonly committedAt = new Map<string, number>();
  /** Tasks that changed hands, and from which process to which runner. */
  readonly takeovers: { readonly taskId: string; readonly from: string | null; readonly to: string }[] = [];
  readonly #tasks = new Map<string, Watched>();
  readonly #pids = new Map<string, number>();
  readonly #file: string;
  #store: KeyvTaskStore | undefined;
  #busy: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(folder: string) {
    this.#file = join(folder, 'data', 'tasks.sqlite');
  }

  /** Goes on until `close`. */
  async watch(): Promise<void> {
    while (!this.#closed) {
      if (this.#store !== undefined) {
        this.#busy = this.#look(this.#store);
        await this.#busy;
      }
      await sleep(LOOK_MS);
    }
  }

  async open(): Promise<void> {
    this.#store ??= await KeyvTaskStore.open(this.#file);
  }

  /** Lets go of the database, so that the servers are the only ones that have it open. */
  async letGo(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    await this.#busy;
    await store?.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.letGo();
  }

  /** Whether anybody can write now: not when a process was stopped inside of a commit. */
  async canWrite(withinMs: number): Promise<boolean> {
    const probe = this.#store?.probe().then(
      () => true,
      () => false,
    );
    return (await Promise.race([probe, sleep(withinMs, false)])) === true;
  }

  /** Open tasks that a process runs, as of the last look. */
  runBy(pid: number | undefined): readonly string[] {
    return [...this.#tasks.values()].flatMap(({ record }) => {
      const runner = runnerOf(record);
      return runner !== null && pid !== undefined && this.#pids.get(runner) === pid ? [record.id] : [];
    });
  }

  async #look(store: KeyvTaskStore): Promise<void> {
    for (const row of (await store.range({ ...under('runner:'), limit: 100 })).items)
      this.#pids.set(lastPart(row.key), Number(objectOf(row)['pid']));
    const open = (await store.range({ ...under('open:'), limit: 10_000 })).items.map(({ key }) => lastPart(key));
    const cleaned = (await store.range({ ...under('clean:'), limit: 10_000 })).items.map(({ key }) => lastPart(key));
    // What was open a moment ago has written its last entries since.
    const ending = [...this.#tasks.values()].flatMap(({ record }) => (record.state.kind === 'open' ? [record.id] : []));
    const ids = [...new Set([...open, ...cleaned, ...ending])];
    const records = await loadRecords(store, ids, (key, message) => {
      throw new Error(`${key}: ${message}`);
    });
    for (const marked of records) if (marked !== undefined) await this.#note(store, marked.record);
  }

  async #note(store: KeyvTaskStore, record: TaskRecord): Promise<void> {
    const known = this.#tasks.get(record.id) ?? { record, journal: [] };
    this.#tasks.set(record.id, known);
    const [from, to] = [runnerOf(known.record), runnerOf(record)];
    if (to !== null && from !== null && from !== to) this.takeovers.push({ taskId: record.id, from, to });
    known.record = record;
    const { entries } = await loadEntries(store, record.id, known.journal.at(-1)?.seq ?? 0);
    const now = Date.now();
    for (const entry of entries)
      if (entry.type === 'finished') for (const key of keysOf(record.id, entry.path)) this.committedAt.set(key, now);
    known.journal.push(...entries);
  }
}

/**
 * The idempotency keys that the calls of a step path may have, as docs/guarantees.md has it: SHA-256 of task and path.
 * What a run has begun and a clean-up goes on with keeps its key.
 */
export function keysOf(taskId: string, path: string): readonly string[] {
  const main = path.replace(/^cleanup\//u, '');
  return [...new Set([path, main])].map((one) => createHash('sha256').update(`${taskId}/${one}`).digest('hex'));
}
