import type { JsonObject, JsonValue } from '../core/json.ts';
import { compileSchema } from '../definition/schema-validator.ts';
import { parsedJson } from './step-view.ts';

/** The JSON value of a model's answer that fits, or why there is none, for the model and for people. */
export type AnswerValue = { readonly value: JsonValue } | { readonly why: string };

/**
 * Looks for a value that fits the schema: the whole text, or one that stands between sentences or in a fenced block.
 */
export function valueIn(text: string, schema: JsonObject): AnswerValue {
  const check = compileSchema(schema);
  const candidates = jsonIn(text);
  const fitting = candidates.find((candidate) => check(candidate).length === 0);
  if (fitting !== undefined) return { value: fitting };
  if (candidates.length === 0) return { why: 'the model was asked for JSON and its answer is none' };
  const [violation = { path: '$', message: 'no JSON value' }] = check(candidates[0] ?? null);
  return { why: `the model's answer does not fit the schema: ${violation.path} ${violation.message}` };
}

/** What is said to a model whose answer cannot be used, so that it does not give the same again. */
export function repairMessages(given: string, why: string): readonly JsonObject[] {
  const text = `That answer cannot be used: ${why}. Answer again, with the JSON value only.`;
  return [
    { role: 'assistant', content: { type: 'text', text: given } },
    { role: 'user', content: { type: 'text', text } },
  ];
}

const MAX_CANDIDATES = 20;

/**
 * The JSON values in an answer: the whole of it, or those that stand between sentences or in a fenced block, the first
 * ones.
 */
function jsonIn(text: string): readonly JsonValue[] {
  const trimmed = text.trim();
  const whole = parsedJson(trimmed);
  if (whole !== null || trimmed === 'null') return [whole];
  const found: JsonValue[] = [];
  let left = LOOKED_AT_IN_ALL;
  for (let at = nextOpening(trimmed, 0); at !== -1 && left > 0 && found.length < MAX_CANDIDATES;) {
    const last = Math.min(trimmed.length, at + LOOKED_AT, at + left);
    const end = endOfValue(trimmed, at, last);
    left -= (end ?? last) - at;
    const value = end === undefined ? null : parsedJson(trimmed.slice(at, end));
    if (value !== null) found.push(value);
    at = nextOpening(trimmed, value === null || end === undefined ? at + 1 : end);
  }
  return found;
}

function nextOpening(text: string, from: number): number {
  const opening = /[[{]/gu;
  opening.lastIndex = from;
  return opening.exec(text)?.index ?? -1;
}

/**
 * Characters that one value may have between sentences, and that are looked at in all: openings inside each other make
 * every look begin anew.
 */
const LOOKED_AT = 200_000;
const LOOKED_AT_IN_ALL = 2_000_000;

/** Where the list or object that begins at `start` ends; `undefined` when it does not before `last`. */
function endOfValue(text: string, start: number, last: number): number | undefined {
  let depth = 0;
  let inText = false;
  for (let index = start; index < last; index += 1) {
    const character = text[index];
    if (inText) {
      if (character === '\\') index += 1;
      else if (character === '"') inText = false;
    } else if (character === '"') inText = true;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return undefined;
}
