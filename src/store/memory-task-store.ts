import { DamagedValueError } from './task-store.ts';
import type { Batch, CommitResult, Stored, TaskStore } from './task-store.ts';
import { GroupCommit } from './group-commit.ts';
import type { Guard, GroupWriter, Row } from './group-commit.ts';
import { decodeValue, MARK_LENGTH } from './value-codec.ts';

/**
 * The values that several memory stores share, as several connections share a file. Texts as on disk, keys in order.
 */
export class MemoryData {
  readonly texts = new Map<string, string>();
  /** Sorted; keys are ASCII, so code unit order is byte order. */
  readonly keys: string[] = [];
  version = 0;

  /** Writes a raw text, or removes the key. Tests use it to damage a value. */
  setText(key: string, text: string | null): void {
    const at = this.lowerBound(key);
    if (text === null) {
      if (this.texts.delete(key)) this.keys.splice(at, 1);
    } else {
      if (!this.texts.has(key)) this.keys.splice(at, 0, key);
      this.texts.set(key, text);
    }
  }

  /** Index of the first key that is not below `key`. */
  lowerBound(key: string): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.keys[middle] ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * The contract of `TaskStore` in memory, for tests and for runs that need not outlive the process. Values are kept
 * encoded, so damage and marks are as on disk.
 */
export class MemoryTaskStore implements TaskStore {
  readonly data: MemoryData;
  readonly #commits: GroupCommit;
  #own = 0;

  constructor(data = new MemoryData()) {
    this.data = data;
    const writer: GroupWriter = {
      write: (rows, guards) => Promise.resolve(this.#write(rows, guards)),
      failing: (guards) => Promise.resolve(this.#failing(guards)),
    };
    this.#commits = new GroupCommit(writer);
  }

  /** Another connection to the same data. */
  another(): MemoryTaskStore {
    return new MemoryTaskStore(this.data);
  }

  #failing(guards: readonly Guard[]): ReadonlySet<string> {
    const failing = guards.filter(([key, mark]) => (this.data.texts.get(key)?.slice(0, MARK_LENGTH) ?? null) !== mark);
    return new Set(failing.map(([key]) => key));
  }

  #write(rows: readonly Row[], guards: readonly Guard[]): boolean {
    if (this.#failing(guards).size > 0) return false;
    for (const [key, text] of rows) this.data.setText(key, text);
    this.data.version += 1;
    this.#own += 1;
    return true;
  }

  #read(key: string): Stored | undefined {
    const text = this.data.texts.get(key);
    if (text === undefined) return undefined;
    const decoded = decodeValue(key, text);
    if ('damaged' in decoded) throw new DamagedValueError(key, `${key}: ${decoded.damaged}`, decoded.mark);
    return { key, ...decoded };
  }

  async get(key: string): Promise<Stored | undefined> {
    return this.#read(key);
  }

  async getMany(keys: readonly string[]): Promise<readonly (Stored | undefined)[]> {
    return keys.map((key) => this.#read(key));
  }

  async range(query: {
    readonly from: string;
    readonly to: string;
    readonly limit: number;
    readonly reverse?: boolean;
  }): Promise<{ readonly items: readonly Stored[]; readonly damaged: readonly string[] }> {
    const start = this.data.lowerBound(query.from);
    const end = this.data.lowerBound(query.to);
    const keys =
      query.reverse === true
        ? this.data.keys.slice(Math.max(start, end - query.limit), end).reverse()
        : this.data.keys.slice(start, Math.min(end, start + query.limit));
    const items: Stored[] = [];
    const damaged: string[] = [];
    for (const key of keys) {
      const decoded = decodeValue(key, this.data.texts.get(key) ?? '');
      if ('damaged' in decoded) damaged.push(key);
      else items.push({ key, ...decoded });
    }
    return { items, damaged };
  }

  commit(batch: Batch): Promise<CommitResult> {
    return this.#commits.commit(batch);
  }

  changeCounter(): Promise<number> {
    return Promise.resolve(this.data.version - this.#own);
  }

  probe(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.#commits.close();
  }
}
