/** How much JSON may be read as one value. */
export interface JsonBounds {
  /** Values in all: members of objects, items of lists, and what they hold. */
  readonly values: number;
  /** Lists and objects inside each other. */
  readonly depth: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Counts the values and levels of a JSON text while its bytes come in, before anything is built from them: a parsed
 * text of ten megabytes can hold millions of values, and each later walk of them stops the process. Linear, constant
 * memory. What is no JSON is counted all the same.
 */
export class JsonScan {
  private readonly bounds: JsonBounds;
  private values = 1;
  private depth = 0;
  private inText = false;
  private escaped = false;
  private found: string | undefined;

  constructor(bounds: JsonBounds) {
    this.bounds = bounds;
  }

  /**
   * Why the value is over its bounds, in words that follow "the answer" or "the message"; `undefined` while it is
   * within them.
   */
  add(bytes: Uint8Array): string | undefined {
    if (this.found !== undefined) return this.found;
    let { values, depth, inText, escaped } = this;
    const { bounds } = this;
    for (let index = 0; index < bytes.length; index += 1) {
      const byte = bytes[index];
      if (inText) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inText = false;
        continue;
      }
      switch (byte) {
        case QUOTE:
          inText = true;
          break;
        case COMMA:
          values += 1;
          break;
        case OPEN_LIST:
        case OPEN_OBJECT:
          values += 1;
          depth += 1;
          if (depth > bounds.depth) return (this.found = `is nested deeper than ${bounds.depth} levels`);
          break;
        case CLOSE_LIST:
        case CLOSE_OBJECT:
          depth -= 1;
          break;
        default:
      }
      if (values > bounds.values) return (this.found = `has more than ${bounds.values} values`);
    }
    this.values = values;
    this.depth = depth;
    this.inText = inText;
    this.escaped = escaped;
    return undefined;
  }

  /** The values so far. */
  get count(): number {
    return this.values;
  }

  /** Begins a new value. */
  reset(): void {
    this.values = 1;
    this.depth = 0;
    this.inText = false;
    this.escaped = false;
    this.found = undefined;
  }
}

/** The same for a text that is there as a whole. */
export function beyondBounds(bytes: Uint8Array, bounds: JsonBounds): string | undefined {
  return new JsonScan(bounds).add(bytes);
}
