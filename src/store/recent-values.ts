import type { Guard, Row } from './group-commit.ts';

/** What is needed to know that nothing has changed. */
export interface Transactions {
  /**
   * The number of the last transaction that is visible to a read now, ours or another's; `undefined` = cannot be told.
   */
  transaction(): number | undefined;
}

const MAX_VALUES = 2000;
const MAX_CHARS = 16 * 1024;

/**
 * Texts that were read lately, or written and will be asked for, for as long as it is certain that a read would give
 * the same: while only we have written since, and not this key. As soon as another process has committed, all are
 * forgotten; while a commit of ours is in flight and may or may not be visible, none is given. So a value from here
 * never differs from a read made now.
 */
export class RecentValues<Value> {
  readonly #transactions: Transactions;
  readonly #decode: (key: string, text: string) => Value;
  readonly #readSoon: (key: string) => boolean;
  /** The one used last is the last. */
  readonly #values = new Map<string, { text: string; value?: Value }>();
  /** The number of the last transaction of which we know all. */
  #known: number | undefined;
  /** The number that was looked up for the reads of this turn, while it holds. */
  #seen: { readonly transaction: number | undefined } | undefined;

  /** @param readSoon whether a value that was just written is kept as if it had been read. */
  constructor(
    transactions: Transactions,
    decode: (key: string, text: string) => Value,
    readSoon: (key: string) => boolean = () => false,
  ) {
    this.#transactions = transactions;
    this.#decode = decode;
    this.#readSoon = readSoon;
    this.#known = transactions.transaction();
  }

  /** The value of a key, `undefined` when it has to be read. */
  get(key: string): Value | undefined {
    const found = this.#values.get(key);
    if (found === undefined || this.#known === undefined || this.#look() !== this.#known) return undefined;
    this.#values.delete(key);
    this.#values.set(key, found);
    return (found.value ??= this.#decode(key, found.text));
  }

  /**
   * Looks once for all reads of a turn, which ends when no promise is left to go on. Whoever asks in this turn has
   * asked before it began, as nothing comes in from outside meanwhile; so what was true in it is no older than the
   * question (D9).
   */
  #look(): number | undefined {
    if (this.#seen === undefined) {
      this.#seen = { transaction: this.#transactions.transaction() };
      process.nextTick(() => {
        this.#seen = undefined;
      });
    }
    return this.#seen.transaction;
  }

  /** To be asked before a read; `took` wants it back with what was read. */
  before(): number | undefined {
    const now = this.#transactions.transaction();
    if (now !== undefined && this.#known === undefined) this.#known = now;
    return now === this.#known ? now : undefined;
  }

  /** A read has given this text. It is kept if nothing was committed while it was made. */
  took(key: string, text: string, before: number | undefined): void {
    if (before === undefined || before !== this.#known || this.#transactions.transaction() !== before) return;
    if (text.length > MAX_CHARS) return;
    this.#keep(key, text);
  }

  #keep(key: string, text: string): void {
    this.#values.set(key, { text });
    if (this.#values.size <= MAX_VALUES) return;
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest);
      return;
    }
  }

  /**
   * A transaction of ours has ended; `written` = its guards held. Nothing else of ours may be in flight. It counts as
   * ours only where it is certain that it had a number: SQLite gives none to one that writes what is there already.
   */
  wrote(rows: readonly Row[], guards: readonly Guard[], written: boolean): void {
    const now = this.#transactions.transaction();
    const certain = this.#known !== undefined && (!written || changesSomething(rows, guards));
    const expected = certain ? ((this.#known ?? 0) + (written ? 1 : 0)) >>> 0 : undefined;
    this.#known = now;
    if (now === undefined || now !== expected) {
      // Another process may have committed after us, and changed what we have just written.
      this.#values.clear();
      return;
    }
    if (!written) return;
    for (const [key, text] of rows) {
      if (text === null || text.length > MAX_CHARS) this.#values.delete(key);
      else if (this.#values.has(key) || this.#readSoon(key)) this.#keep(key, text);
    }
  }

  /** Whether something was written is not known. */
  forget(): void {
    this.#values.clear();
    this.#known = undefined;
  }
}

/** Whether a row surely gets another text than it has: a guard that held says which mark that begins with. */
function changesSomething(rows: readonly Row[], guards: readonly Guard[]): boolean {
  return guards.some(([key, mark]) => {
    const text = rows.find((row) => row[0] === key)?.[1];
    return typeof text === 'string' && (mark === null || !text.startsWith(mark));
  });
}
