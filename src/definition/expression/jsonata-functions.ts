/**
 * Functions of JSONata written again: the library's own take time with the square of a list, or build a text of any
 * size, without asking the meter. The same answers, linear and bounded.
 */
import type jsonata from 'jsonata';
import { canonicalJson, type JsonValue } from '../../core/json.ts';
import type { Meter } from './jsonata-meter.ts';

/** Bounds: characters of a text that is built, width `$pad` goes up to, entries of a list that is built. */
export interface FunctionLimits {
  readonly text: number;
  readonly padWidth: number;
  readonly sequence: number;
  /** Values, with all that they hold, that are compared as JSON. */
  readonly compared: number;
}

type Implementation = Parameters<jsonata.Expression['registerFunction']>[1];
type Comparator = (left: unknown, right: unknown) => Promise<unknown>;

/** Functions that are not the library's own here. */
export const BOUNDED_FUNCTIONS: ReadonlySet<string> = new Set(['pad', 'join', 'string', 'sort', 'distinct', 'spread']);

/**
 * Puts the `BOUNDED_FUNCTIONS` in the place of the library's. They charge `meter` for their arguments, and throw
 * what the library throws, or an Error at a bound.
 */
export function registerBoundedFunctions(expression: jsonata.Expression, limits: FunctionLimits, meter: Meter): void {
  const register = (name: string, call: Implementation, signature: string): void => {
    const metered: Implementation = function (...args) {
      meter.charge(args);
      return call.apply(this, args);
    };
    expression.registerFunction(name, declaredLike(metered, call), signature);
  };
  register(
    'pad',
    (text: string | undefined, width: number, fill?: string) => pad(text, width, fill, limits),
    '<s-ns?:s>',
  );
  register(
    'join',
    (texts: readonly string[] | undefined, separator?: string) => join(texts, separator, limits),
    '<a<s>s?:s>',
  );
  register('string', (value: unknown, pretty = false) => textOf(value, pretty, limits), '<x-b?:s>');
  register('sort', sort, '<af?:a>');
  register('distinct', (list: unknown) => distinct(list, limits), '<x:x>');
  register('spread', (value: unknown) => spread(value, limits), '<x-:a<o>>');
}

/**
 * Reads as if it declared what `model` declares: the library counts the parameters of a function, and reads them in its
 * text.
 */
export function declaredLike<T extends object>(made: T, model: (...args: never[]) => unknown): T {
  const parameters = Array.from({ length: model.length }, (_, index) => `a${index}`).join(', ');
  return Object.defineProperties(made, {
    length: { value: model.length },
    toString: { value: () => `function (${parameters}) {}` },
  });
}

function tooLong(limit: number): Error {
  return new Error(`a text is larger than ${limit} characters`);
}

/** Counts characters as people see them in memory, code points, as the library does: half of one never stays. */
function pad(text: string | undefined, width: number, fill: string | undefined, limits: FunctionLimits): unknown {
  if (text === undefined) return undefined;
  if (Math.abs(width) > limits.padWidth) throw new Error(`$pad goes up to ${limits.padWidth} characters`);
  const missing = Math.abs(Math.trunc(width)) - Array.from(text).length;
  if (missing <= 0) return text;
  const characters = fill === undefined || fill === '' ? [' '] : Array.from(fill);
  const padding = Array.from({ length: missing }, (_, index) => characters[index % characters.length]).join('');
  return width > 0 ? text + padding : padding + text;
}

function join(texts: readonly string[] | undefined, separator = '', limits: FunctionLimits): unknown {
  if (texts === undefined) return undefined;
  let length = 0;
  for (const text of texts) {
    length += text.length + separator.length;
    if (length - separator.length > limits.text) throw tooLong(limits.text);
  }
  return texts.join(separator);
}

function textOf(given: unknown, pretty: boolean, limits: FunctionLimits): unknown {
  if (given === undefined || typeof given === 'string') return given;
  if (isLibraryFunction(given)) return '';
  if (typeof given === 'number' && !Number.isFinite(given)) throw coded('D3001', { value: given });
  const wrapped = Array.isArray(given) && 'outerWrapper' in given && given.outerWrapper === true;
  return jsonTextWithin(wrapped ? (given as readonly unknown[])[0] : given, limits.text, pretty ? 2 : 0);
}

/**
 * JSON of a value as the library writes it: 15 digits, functions as empty texts. @throws Error past `limit` characters,
 * without making them.
 */
export function jsonTextWithin(given: unknown, limit: number, indent: number): string {
  let room = limit;
  return JSON.stringify(
    given,
    (_key, value: unknown) => {
      room -= typeof value === 'string' ? value.length + 2 : 1;
      if (room < 0) throw tooLong(limit);
      if (typeof value === 'number' && !Number.isFinite(value)) throw coded('D1001', { value });
      if (typeof value === 'number' && !Number.isInteger(value)) return Number(value.toPrecision(15));
      return isLibraryFunction(value) ? '' : value;
    },
    indent,
  );
}

/** Stable. A comparator says whether its first argument belongs behind its second. */
async function sort(list: readonly unknown[] | undefined, comparator: Comparator | undefined): Promise<unknown> {
  if (list === undefined || list.length <= 1) return list;
  if (comparator !== undefined) return mergeSort(list, comparator);
  if (list.every((item) => typeof item === 'number')) return list.toSorted((left, right) => left - right);
  if (!list.every((item) => typeof item === 'string')) throw coded('D3070', { index: 1 });
  return list.toSorted((left, right) => (left > right ? 1 : left < right ? -1 : 0));
}

async function mergeSort(list: readonly unknown[], behind: Comparator): Promise<readonly unknown[]> {
  let from = [...list];
  for (let width = 1; width < from.length; width *= 2) {
    const to: unknown[] = [];
    for (let start = 0; start < from.length; start += 2 * width) {
      const middle = Math.min(start + width, from.length);
      const end = Math.min(start + 2 * width, from.length);
      let left = start;
      let right = middle;
      while (left < middle && right < end) {
        // One comparison needs the one before it.
        if (isTrue(await behind(from[left], from[right]))) to.push(from[right++]);
        else to.push(from[left++]);
      }
      to.push(...from.slice(left, middle), ...from.slice(right, end));
    }
    from = to;
  }
  return from;
}

function isTrue(value: unknown): boolean {
  return Boolean(value);
}

/** Keeps the first of equal values; objects and lists are equal when their JSON is. */
function distinct(list: unknown, limits: FunctionLimits): unknown {
  if (!Array.isArray(list) || list.length <= 1) return list;
  checkSize(list, limits.compared);
  const seen = new Set<unknown>();
  const kept: unknown[] = [];
  for (const item of list as readonly unknown[]) {
    const key = typeof item === 'object' && item !== null && !isLibraryFunction(item) ? objectKey(item) : item;
    if (seen.has(key)) continue;
    seen.add(key);
    kept.push(item);
  }
  return 'sequence' in list ? Object.assign(kept, { sequence: true }) : kept;
}

/**
 * What is compared as JSON is as large as its tree, however often a part is shared in it. @throws Error past `most`
 * values.
 */
function checkSize(value: object, most: number): void {
  let left = most;
  const stack: object[] = [value];
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    const inner: readonly unknown[] = Array.isArray(item) ? item : Object.values(item);
    left -= inner.length;
    if (left < 0) throw new Error(`more than ${most} values would be compared`);
    for (const member of inner) if (typeof member === 'object' && member !== null) stack.push(member);
  }
}

/**
 * No text of a document looks like this one: a text that is a value of the list stays apart from the key of an object.
 */
function objectKey(value: object): string {
  // Values of an expression that are no functions are JSON.
  return `\u0000${canonicalJson(value as JsonValue)}`;
}

function spread(value: unknown, limits: FunctionLimits): unknown {
  if (!Array.isArray(value)) return members(value);
  const parts: unknown[] = [];
  const add = (item: unknown): void => {
    const made = Array.isArray(item) ? item : members(item);
    for (const part of Array.isArray(made) ? (made as readonly unknown[]) : [made]) {
      if (Array.isArray(item)) add(part);
      else if (part !== undefined) parts.push(part);
    }
    if (parts.length > limits.sequence) throw coded('D2015', { value: parts.length });
  };
  value.forEach(add);
  return parts.length === 0 ? undefined : parts;
}

/** `{a: 1, b: 2}` as a list of objects with one member each; anything that is no object stays as it is. */
function members(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isLibraryFunction(value)) return value;
  const list = Object.entries(value).map(([key, member]) => Object.fromEntries([[key, member]]));
  return Object.assign(list, { sequence: true });
}

/** A function as a value of an expression: of the library, written in the expression, or plain. */
export function isLibraryFunction(value: unknown): boolean {
  if (typeof value === 'function') return true;
  return typeof value === 'object' && value !== null && ('_jsonata_lambda' in value || '_jsonata_function' in value);
}

/** The library turns the code into its own message. */
function coded(code: string, details: object): Error {
  return Object.assign(new Error(code), { code, ...details });
}
