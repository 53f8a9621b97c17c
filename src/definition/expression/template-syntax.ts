import { FILTER_NAMES, FILTERS_WITH_ARGUMENT } from './filters.ts';
import { memoByText } from './memo.ts';
import { Scanner, type Operand, type Path } from './scanner.ts';

/** `| name: argument` of a template. */
export interface FilterCall {
  readonly name: string;
  readonly argument?: Operand;
}

/** `{{ path | filter … }}`, parsed. Offsets are 0-based in the source text. */
export interface TemplateExpression {
  readonly kind: 'expression';
  readonly path: Path;
  /** The path as written, for messages. */
  readonly text: string;
  readonly offset: number;
  readonly filters: readonly FilterCall[];
}

/** Text in braces that is not a template and stays as it is; `unknownFilter` when only a filter name is the reason. */
export interface Verbatim {
  readonly text: string;
  readonly offset: number;
  readonly unknownFilter?: string;
}

/** A text cut into plain parts and expressions. */
export interface Template {
  readonly parts: readonly (string | TemplateExpression)[];
  /** The whole text is this one expression, so its value keeps its type. */
  readonly whole?: TemplateExpression;
  readonly verbatim: readonly Verbatim[];
}

const FILTER_NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const MAX_FILTERS = 16;
const NO_FILTERS: readonly FilterCall[] = [];
/** How much of a piece of verbatim text a warning quotes. */
const QUOTE_LENGTH = 60;
/** How many pieces of verbatim text one text reports. */
const MAX_VERBATIM = 20;

/** Cuts a text at its templates. Total: what is not a template stays text. Linear, and remembered by text. */
export const parseTemplate: (text: string) => Template = memoByText(cut);

/** Reads `{{ … }}` at the scanner's offset; leaves the offset alone when there is none. */
export function scanExpression(scanner: Scanner): TemplateExpression | { readonly unknownFilter: string } | undefined {
  const start = scanner.offset;
  const found = readExpression(scanner);
  if (found === undefined || 'unknownFilter' in found) scanner.offset = start;
  return found;
}

function readExpression(scanner: Scanner): TemplateExpression | { readonly unknownFilter: string } | undefined {
  if (!scanner.take('{{')) return undefined;
  scanner.space();
  const offset = scanner.offset;
  const path = scanner.path();
  if (path === undefined) return undefined;
  const text = scanner.text.slice(offset, scanner.offset);
  let filters: FilterCall[] | undefined;
  for (;;) {
    scanner.space();
    if (scanner.take('}}')) return { kind: 'expression', path, text, offset, filters: filters ?? NO_FILTERS };
    if (!scanner.take('|') || (filters?.length ?? 0) >= MAX_FILTERS) return undefined;
    scanner.space();
    const name = scanner.match(FILTER_NAME);
    if (name === undefined) return undefined;
    const argument = readArgument(scanner);
    if (argument === 'malformed') return undefined;
    if (!FILTER_NAMES.includes(name)) return { unknownFilter: name };
    if (FILTERS_WITH_ARGUMENT.has(name) ? name === 'default' && argument === undefined : argument !== undefined) {
      return undefined;
    }
    (filters ??= []).push(argument === undefined ? { name } : { name, argument });
  }
}

function readArgument(scanner: Scanner): Operand | undefined | 'malformed' {
  scanner.space();
  if (!scanner.take(':')) return undefined;
  scanner.space();
  return scanner.operand() ?? 'malformed';
}

function cut(text: string): Template {
  const parts: (string | TemplateExpression)[] = [];
  const verbatim: Verbatim[] = [];
  let from = 0;
  const scanner = new Scanner(text, 0);
  for (let at = text.indexOf('{{'); at !== -1;) {
    scanner.offset = at;
    const found = scanExpression(scanner);
    if (found === undefined || 'unknownFilter' in found) {
      // `{{{x}}}` is a brace around a template: only the last two braces of a run can open one.
      if (text[at + 2] !== '{' && verbatim.length < MAX_VERBATIM) verbatim.push({ ...quote(text, at), ...found });
      at = text.indexOf('{{', at + 1);
      continue;
    }
    if (at > from) parts.push(text.slice(from, at));
    parts.push(found);
    from = scanner.offset;
    at = text.indexOf('{{', from);
  }
  if (from < text.length) parts.push(text.slice(from));
  const [only] = parts;
  const whole = parts.length === 1 && typeof only === 'object' ? only : undefined;
  return { parts, verbatim, ...(whole === undefined ? {} : { whole }) };
}

function quote(text: string, at: number): { text: string; offset: number } {
  // One character more than is shown, so that a cut shows.
  const piece = text.slice(at, at + QUOTE_LENGTH + 1);
  const end = piece.indexOf('}}');
  if (end !== -1) return { text: piece.slice(0, end + 2), offset: at };
  return { text: piece.length > QUOTE_LENGTH ? `${piece.slice(0, QUOTE_LENGTH)}…` : piece, offset: at };
}
