/** Reads of many keys in one statement, in their order. Rejects as a whole, or gives for each key what it holds. */
export type ReadMany<Value> = (keys: readonly string[]) => Promise<readonly Value[]>;

interface Waiting<Value> {
  readonly key: string;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

const MAX_KEYS = 500;

/**
 * Group read: while one read is in flight, all new ones gather and go out as the next statement. A read is made after
 * it was asked for, so it sees every commit that had resolved by then. One that is alone goes out at once.
 */
export class GroupRead<Value> {
  readonly #read: ReadMany<Value>;
  #queue: Waiting<Value>[] = [];
  #running = false;

  constructor(read: ReadMany<Value>) {
    this.#read = read;
  }

  /** Rejects with what the statement rejects with. */
  get(key: string): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ key, resolve, reject });
      if (!this.#running) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#running = true;
    // Reads that are asked for in one turn share the first statement.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0, MAX_KEYS);
      try {
        const found = await this.#read(group.map(({ key }) => key));
        for (const [index, { resolve, reject }] of group.entries()) {
          const value = found[index];
          if (index in found) resolve(value as Value);
          else reject(new Error('a read gave fewer values than keys'));
        }
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#running = false;
  }
}
