import type { z } from 'zod';
import { nearest } from '../../core/suggest.ts';
import { hintForKey } from './other-words.ts';

/** Separates what is wrong from what to do about it in a message. */
export const HINT_MARK = '\u0000';

/** Keys a person may add anywhere for tools of their own. */
export function isExtensionKey(key: string): boolean {
  return key.startsWith('x-');
}

/** The message of a schema issue while the schema at hand is known; `undefined` leaves zod's own. */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'unrecognized_keys':
      return describeUnknownKeys(
        issue.keys.filter((key) => !isExtensionKey(key)),
        issue.inst,
      );
    case 'invalid_value':
      return describeChoice(issue.values, issue.input);
    case 'invalid_type':
      return issue.input === undefined ? 'missing' : `expected ${typeName(issue.expected)}`;
    case 'too_small':
      return issue.origin === 'number'
        ? `expected ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`
        : `expected at least ${issue.minimum} ${sizeWord(issue.origin, issue.minimum)}`;
    case 'too_big':
      return `expected at most ${issue.maximum}${issue.origin === 'number' ? '' : ` ${sizeWord(issue.origin, issue.maximum)}`}`;
    default:
      return undefined;
  }
}

function sizeWord(origin: string, count: number | bigint): string {
  if (origin === 'string') return Number(count) === 1 ? 'character' : 'characters';
  return Number(count) === 1 ? 'entry' : 'entries';
}

/** The name of a JSON type for people. */
export function typeName(expected: string): string {
  switch (expected) {
    case 'string':
      return 'a text';
    case 'array':
      return 'a list';
    case 'record':
    case 'object':
      return 'an object';
    case 'int':
      return 'a whole number';
    case 'number':
      return 'a number';
    case 'boolean':
      return 'true or false';
    default:
      return expected;
  }
}

/** How many unknown keys of one object are reported. */
export const MAX_UNKNOWN_KEYS = 20;

/** The hints for the keys, in order, as a JSON list: each key becomes a finding of its own. */
function describeUnknownKeys(keys: readonly string[], schema: unknown): string {
  const known = shapeKeys(schema);
  const hints = keys.slice(0, MAX_UNKNOWN_KEYS).map((key) => {
    const other = hintForKey(key, known);
    if (other !== undefined) return other;
    const near = nearest(key, known);
    if (near !== undefined) return `did you mean '${near}'?`;
    return known.length === 0 ? null : `known keys: ${known.join(', ')}`;
  });
  return `unknown keys${HINT_MARK}${JSON.stringify(hints)}`;
}

function describeChoice(values: readonly unknown[], input: unknown): string {
  const words = values.map(String);
  const near = typeof input === 'string' ? nearest(input, words) : undefined;
  const message = `expected ${words.join(', ')}`;
  return near === undefined ? message : `${message}${HINT_MARK}did you mean '${near}'?`;
}

/** Keys of an object schema; nothing for any other schema. */
function shapeKeys(schema: unknown): string[] {
  const definition = member(member(schema, '_zod'), 'def');
  const shape = member(definition, 'shape');
  return typeof shape === 'object' && shape !== null ? Object.keys(shape).filter((key) => key !== '$schema') : [];
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && key in value
    ? (value as { readonly [key: string]: unknown })[key]
    : undefined;
}
