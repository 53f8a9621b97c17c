import type { JsonValue } from '../../core/json.ts';
import { Build, SourceStop, type SourceDocument, type SourceNode } from './document.ts';

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERALS: ReadonlyMap<string, JsonValue> = new Map<string, JsonValue>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

/** Reads JSON (RFC 8259) with positions. @throws SourceStop at the first thing that is not JSON, or when a bound is passed. */
export function readJson(text: string): SourceDocument {
  return new JsonReader(text).document();
}

class JsonReader {
  private readonly build = new Build();
  private readonly text: string;
  private offset = 0;

  constructor(text: string) {
    this.text = text;
  }

  document(): SourceDocument {
    if (this.text.startsWith('\uFEFF')) this.offset = 1;
    const { value, node } = this.value(0);
    if (this.offset < this.text.length) this.refuse('expected the end of the document');
    return { value, root: node, problems: this.build.problems };
  }

  /** Reads a value and the space around it. */
  private value(depth: number): { value: JsonValue; node: SourceNode } {
    this.space();
    const offset = this.offset;
    this.build.enter(offset, depth);
    const read = this.raw(depth, offset);
    this.space();
    return read;
  }

  private raw(depth: number, offset: number): { value: JsonValue; node: SourceNode } {
    switch (this.text[offset]) {
      case '{':
        return this.object(depth, offset);
      case '[':
        return this.list(depth, offset);
      case '"':
        return { value: this.string('a text'), node: { offset } };
      default:
        return { value: this.scalar(), node: { offset } };
    }
  }

  private object(depth: number, offset: number): { value: JsonValue; node: SourceNode } {
    const value: Record<string, JsonValue> = {};
    const members = new Map<string, { keyOffset: number; node: SourceNode }>();
    this.offset += 1;
    this.space();
    if (this.take('}')) return { value, node: { offset, members } };
    for (;;) {
      this.space();
      const keyOffset = this.offset;
      if (this.text[keyOffset] !== '"') this.refuse('expected a key in double quotes');
      const key = this.string('a key');
      this.space();
      if (!this.take(':')) this.refuse("expected ':' after the key");
      const member = this.value(depth + 1);
      if (this.build.acceptsKey(key, keyOffset, members)) {
        value[key] = member.value;
        members.set(key, { keyOffset, node: member.node });
      }
      if (this.take('}')) return { value, node: { offset, members } };
      if (!this.take(',')) this.refuse("expected ',' or '}'");
    }
  }

  private list(depth: number, offset: number): { value: JsonValue; node: SourceNode } {
    const value: JsonValue[] = [];
    const items: SourceNode[] = [];
    this.offset += 1;
    this.space();
    if (this.take(']')) return { value, node: { offset, items } };
    for (;;) {
      const item = this.value(depth + 1);
      value.push(item.value);
      items.push(item.node);
      if (this.take(']')) return { value, node: { offset, items } };
      if (!this.take(',')) this.refuse("expected ',' or ']'");
    }
  }

  private string(what: string): string {
    const start = this.offset;
    let end = start + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === '\\' ? 2 : 1;
    try {
      const value: unknown = JSON.parse(this.text.slice(start, end + 1));
      if (typeof value !== 'string') this.refuse(`expected ${what}`);
      this.offset = end + 1;
      return value;
    } catch {
      this.refuse(`${what} that starts here is not closed or holds a character that must be escaped`);
    }
  }

  private scalar(): JsonValue {
    for (const [word, value] of LITERALS) if (this.take(word)) return value;
    const number = this.match(NUMBER);
    if (number === undefined)
      this.refuse(this.offset >= this.text.length ? 'the document ends too early' : 'expected a value');
    const value = Number(number);
    if (!Number.isFinite(value)) this.refuse('this number is too large');
    return value;
  }

  private space(): void {
    this.match(SPACE);
  }

  private take(expected: string): boolean {
    if (!this.text.startsWith(expected, this.offset)) return false;
    this.offset += expected.length;
    return true;
  }

  private match(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.offset;
    const found = sticky.exec(this.text)?.[0];
    if (found !== undefined) this.offset += found.length;
    return found;
  }

  private refuse(message: string): never {
    throw new SourceStop({ offset: this.offset, code: 'syntax', message: `not valid JSON: ${message}` });
  }
}
