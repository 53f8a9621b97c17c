import { printParseErrorCode, visit } from 'jsonc-parser';
import type { JsonValue } from '../../core/json.ts';
import { Build, SourceStop, type SourceDocument, type SourceNode } from './document.ts';

export interface JsonReading {
  /** Comments and commas behind the last member, as files of MCP hosts have them. */
  readonly comments?: boolean;
}

/**
 * Reads JSON (RFC 8259), or JSON with comments, with positions.
 * @throws SourceStop at the first thing that is not JSON, or when a bound is passed.
 */
export function readJson(text: string, { comments = false }: JsonReading = {}): SourceDocument {
  const reader = new JsonReader(text);
  const start = text.startsWith('\uFEFF') ? 1 : 0;
  // The parser has no notion of a byte order mark: it is a space to it.
  visit(start === 0 ? text : ` ${text.slice(1)}`, reader, {
    disallowComments: !comments,
    allowTrailingComma: comments,
    allowEmptyContent: false,
  });
  return reader.document();
}

interface Open {
  readonly offset: number;
  readonly object?: Record<string, JsonValue>;
  readonly list?: JsonValue[];
  readonly members: Map<string, { keyOffset: number; node: SourceNode }>;
  readonly items: SourceNode[];
  /** The key whose value comes next; `undefined` when it was refused. */
  key?: { readonly name: string; readonly offset: number } | undefined;
}

const MESSAGES: { readonly [code: string]: string } = {
  PropertyNameExpected: 'expected a key in double quotes',
  ColonExpected: "expected ':' after the key",
  CommaExpected: "expected ',' or the end of the list or object",
  CloseBraceExpected: "expected ',' or '}'",
  CloseBracketExpected: "expected ',' or ']'",
  EndOfFileExpected: 'expected the end of the document',
  InvalidCommentToken: 'comments are not allowed here',
  UnexpectedEndOfString: 'a text that starts here is not closed',
  InvalidUnicode: 'a text that starts here holds an escape that is none',
  InvalidEscapeCharacter: 'a text that starts here holds an escape that is none',
  InvalidCharacter: 'a text that starts here holds a character that must be escaped',
};

/** Builds the value while the parser walks the text. Its members are what the parser calls. */
class JsonReader {
  private readonly build = new Build();
  private readonly text: string;
  private readonly open: Open[] = [];
  private result: { readonly value: JsonValue; readonly node: SourceNode } | undefined;

  constructor(text: string) {
    this.text = text;
  }

  document(): SourceDocument {
    if (this.result === undefined) throw this.stop(this.text.length, 'the document ends too early');
    return { value: this.result.value, root: this.result.node, problems: this.build.problems };
  }

  readonly onObjectBegin = (offset: number): void => {
    this.build.enter(offset, this.open.length);
    this.open.push({ offset, object: {}, members: new Map(), items: [] });
  };

  readonly onArrayBegin = (offset: number): void => {
    this.build.enter(offset, this.open.length);
    this.open.push({ offset, list: [], members: new Map(), items: [] });
  };

  readonly onObjectProperty = (name: string, offset: number): void => {
    const parent = this.open.at(-1);
    if (parent === undefined) return;
    parent.key = this.build.acceptsKey(name, offset, parent.members) ? { name, offset } : undefined;
  };

  readonly onObjectEnd = (): void => this.close();
  readonly onArrayEnd = (): void => this.close();

  readonly onLiteralValue = (value: JsonValue, offset: number, length: number): void => {
    this.build.enter(offset, this.open.length);
    if (typeof value === 'number') this.build.number(value, this.text.slice(offset, offset + length), offset);
    this.add(value, { offset });
  };

  readonly onError = (code: Parameters<typeof printParseErrorCode>[0], offset: number): never => {
    const atEnd = this.text.slice(offset).trim() === '';
    if (atEnd) throw this.stop(offset, 'the document ends too early');
    throw this.stop(offset, MESSAGES[printParseErrorCode(code)] ?? 'expected a value');
  };

  private close(): void {
    const done = this.open.pop();
    if (done === undefined) return;
    const { offset, object, list, members, items } = done;
    if (object === undefined) this.add(list ?? [], { offset, items });
    else this.add(object, { offset, members });
  }

  private add(value: JsonValue, node: SourceNode): void {
    const parent = this.open.at(-1);
    if (parent === undefined) {
      this.result = { value, node };
    } else if (parent.list !== undefined) {
      parent.list.push(value);
      parent.items.push(node);
    } else if (parent.object !== undefined && parent.key !== undefined) {
      parent.object[parent.key.name] = value;
      parent.members.set(parent.key.name, { keyOffset: parent.key.offset, node });
      parent.key = undefined;
    }
  }

  private stop(offset: number, message: string): SourceStop {
    return new SourceStop({ offset, code: 'syntax', message: `not valid JSON: ${message}` });
  }
}
