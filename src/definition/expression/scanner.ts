import { FORBIDDEN_NAMES } from '../../core/json.ts';

/** A path as written: root name, then members and indexes. */
export type Path = readonly [string, ...(string | number)[]];

/** A literal or a path: what an operand or a filter argument can be. */
export type Operand =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'path'; readonly path: Path; readonly text: string; readonly offset: number };

const NAME = /[A-Za-z_][A-Za-z0-9_-]*/y;
const MEMBER = /[A-Za-z0-9_$@-]+/y;
const INDEX = /\[\s{0,20}(\d{1,9})\s{0,20}\]/y;
const QUOTED_MEMBER_OPEN = /\[\s{0,20}(?=['"])/y;
const QUOTED_MEMBER_CLOSE = /\s{0,20}\]/y;
const NUMBER = /-?(?:0|[1-9]\d{0,300})(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?/y;
const SPACE = /\s*/y;

/** A path has at most this many segments; a longer one is not a path. */
const MAX_SEGMENTS = 64;

/**
 * Reads the small words that templates and conditions share. Every method moves `offset` only when it succeeds; all of
 * them are linear in what they read. Names that reach a prototype are never read as part of a path.
 */
export class Scanner {
  readonly text: string;
  offset: number;

  constructor(text: string, offset = 0) {
    this.text = text;
    this.offset = offset;
  }

  get atEnd(): boolean {
    return this.offset >= this.text.length;
  }

  space(): void {
    SPACE.lastIndex = this.offset;
    if (SPACE.test(this.text)) this.offset = SPACE.lastIndex;
  }

  /** Consumes exactly `expected`. */
  take(expected: string): boolean {
    if (!this.text.startsWith(expected, this.offset)) return false;
    this.offset += expected.length;
    return true;
  }

  /** The match of a sticky expression at the offset, its first group if it has one. */
  match(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.offset;
    const found = sticky.exec(this.text);
    if (found === null) return undefined;
    this.offset = sticky.lastIndex;
    return found[1] ?? found[0];
  }

  name(): string | undefined {
    return this.match(NAME);
  }

  number(): number | undefined {
    const text = this.match(NUMBER);
    if (text === undefined) return undefined;
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }

  /** A text in single or double quotes; a backslash escapes the quote and itself and is otherwise plain. */
  quoted(): string | undefined {
    const quote = this.text[this.offset];
    if (quote !== "'" && quote !== '"') return undefined;
    let value = '';
    let from = this.offset + 1;
    for (let at = from; at < this.text.length; at += 1) {
      const char = this.text[at];
      if (char === '\\' && isEscapable(this.text[at + 1])) {
        value += this.text.slice(from, at);
        from = at + 1;
        at += 1;
      } else if (char === quote) {
        value += this.text.slice(from, at);
        this.offset = at + 1;
        return value;
      }
    }
    return undefined;
  }

  /** `a.b[0]['odd key']`. */
  path(): Path | undefined {
    const start = this.offset;
    const root = this.name();
    if (root === undefined || FORBIDDEN_NAMES.has(root)) return this.back(start);
    const path: [string, ...(string | number)[]] = [root];
    for (;;) {
      const segment = this.segment();
      if (segment === undefined) return path;
      if (segment === null || path.length >= MAX_SEGMENTS) return this.back(start);
      path.push(segment);
    }
  }

  /** A literal (`'x'`, number, `true`, `false`, `null`) or a path. */
  operand(): Operand | undefined {
    const offset = this.offset;
    const text = this.quoted();
    if (text !== undefined) return { kind: 'literal', value: text };
    const number = this.number();
    if (number !== undefined) return { kind: 'literal', value: number };
    const path = this.path();
    if (path === undefined) return undefined;
    const [word] = path;
    if (path.length === 1 && (word === 'true' || word === 'false')) return { kind: 'literal', value: word === 'true' };
    if (path.length === 1 && word === 'null') return { kind: 'literal', value: null };
    return { kind: 'path', path, text: this.text.slice(offset, this.offset), offset };
  }

  /**
   * The next `.member`, `[0]` or `['key']`; `undefined` = none follows; `null` = one that is malformed or forbidden.
   */
  private segment(): string | number | undefined | null {
    const next = this.text[this.offset];
    if (next !== '.' && next !== '[') return undefined;
    const index = this.match(INDEX);
    if (index !== undefined) return Number(index);
    if (this.take('.')) {
      const member = this.match(MEMBER);
      if (member === undefined || FORBIDDEN_NAMES.has(member)) return null;
      return member;
    }
    if (this.match(QUOTED_MEMBER_OPEN) === undefined) return null;
    const key = this.quoted();
    if (key === undefined || FORBIDDEN_NAMES.has(key) || this.match(QUOTED_MEMBER_CLOSE) === undefined) return null;
    return key;
  }

  private back(offset: number): undefined {
    this.offset = offset;
    return undefined;
  }
}

function isEscapable(char: string | undefined): boolean {
  return char === "'" || char === '"' || char === '\\';
}
