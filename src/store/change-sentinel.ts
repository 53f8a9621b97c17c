import { openSync, readSync } from 'node:fs';

/**
 * Size of the header of SQLite's WAL index; two copies of it begin the `-shm` file (https://sqlite.org/walformat.html).
 */
const HEADER_BYTES = 48;
/** Offset of `iChange` in it: grows by one with every transaction that has changed anything, whoever made it. */
const CHANGE_OFFSET = 8;
/** Layout of the header we know. */
const INDEX_VERSION = 3_007_000;

/**
 * Knows at the price of one small read of cached memory whether anybody has changed the database: it looks at the same
 * header by which SQLite itself decides whether what it has read before still holds. Where that file cannot be read it
 * never knows.
 */
export class ChangeSentinel {
  readonly #header = Buffer.alloc(2 * HEADER_BYTES);
  readonly #file: number | undefined;

  /**
   * `path` is that of the database, which must be open in WAL mode by a connection of this process for as long as it is
   * asked.
   */
  constructor(path: string) {
    try {
      // Never closed: closing any descriptor of a file gives up the locks that SQLite holds on it in this process.
      this.#file = openSync(`${path}-shm`, 'r');
    } catch {
      this.#file = undefined;
    }
  }

  /** The number of the last transaction that is visible. `undefined` = cannot be told now. */
  transaction(): number | undefined {
    const header = this.#header;
    if (this.#file === undefined) return undefined;
    try {
      if (readSync(this.#file, header, 0, header.length, 0) < header.length) return undefined;
    } catch {
      return undefined;
    }
    // While it is being written the two copies differ.
    if (header.compare(header, HEADER_BYTES, 2 * HEADER_BYTES, 0, HEADER_BYTES) !== 0) return undefined;
    const version = header.readUInt32LE(0);
    if (version === INDEX_VERSION) return header.readUInt32LE(CHANGE_OFFSET);
    return header.readUInt32BE(0) === INDEX_VERSION ? header.readUInt32BE(CHANGE_OFFSET) : undefined;
  }
}
