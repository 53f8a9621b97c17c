import { canonicalJson, isJsonObject, type JsonValue } from '../../core/json.ts';
import { textOf } from './value-text.ts';

const NUMBER_TEXT = /^\s*-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\s*$/;

/**
 * Strict by type, except that a number and a text that reads as that number are equal (a template inside text makes
 * text). Lists and objects are equal when their members are.
 */
export function equal(left: JsonValue, right: JsonValue): boolean {
  if (left === right) return true;
  if (typeof left === 'number' && typeof right === 'string') return numberOf(right) === left;
  if (typeof left === 'string' && typeof right === 'number') return numberOf(left) === right;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  return Array.isArray(left) === Array.isArray(right) && canonicalJson(left) === canonicalJson(right);
}

/**
 * Order of two numbers (or a number and a text that reads as one), or of two texts by code unit; `undefined` when the
 * two have no order, in which case every one of `< <= > >=` is false.
 */
export function order(left: JsonValue, right: JsonValue): number | undefined {
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0;
  const a = typeof left === 'string' ? numberOf(left) : left;
  const b = typeof right === 'string' ? numberOf(right) : right;
  return typeof a === 'number' && typeof b === 'number' ? a - b : undefined;
}

/**
 * Membership on a list; on an object a look into its JSON text; else part of the text. Nothing contains or is contained
 * in null, and no text contains the empty one.
 */
export function contains(whole: JsonValue, part: JsonValue): boolean {
  if (Array.isArray(whole)) return whole.some((item: JsonValue) => equal(item, part));
  if (whole === null || part === null) return false;
  const text = textOf(part);
  // A name that led to nothing is an empty text: it is in no list of users.
  return text !== '' && textOf(whole).includes(text);
}

/** Null, an empty text, an empty list, an empty object. */
export function isEmpty(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.keys(value).length === 0;
}

/**
 * What an operand alone means as a condition: false for null, `false`, 0, and anything empty; also for the text
 * `false`.
 */
export function isTrue(value: JsonValue): boolean {
  return value !== false && value !== 0 && value !== 'false' && !isEmpty(value);
}

function numberOf(text: string): number | undefined {
  return text.length <= 400 && NUMBER_TEXT.test(text) ? Number(text) : undefined;
}
