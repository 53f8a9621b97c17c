import { Excerpt } from '../core/excerpt.ts';
import { isJsonObject } from '../core/json.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { StoredEntry } from '../engine/journal.ts';
import { JournalState } from './journal-state.ts';
import type { StepInside, TaskInside } from './task.ts';
import { usageIn } from './usage.ts';

/** Characters of all that is shown of a task, of its input, and of what went into one step or came out. */
const SHOWN = { total: 100_000, input: 20_000, part: 4_000, onlyStep: 50_000 };
const HIDDEN = '***';

/**
 * What went into a task and its steps and what came out, for people to look at: large values in part, and without the
 * values of the inputs that the definition calls `secrets`. `path`: that step alone, with more room.
 */
export function taskInside(
  journal: readonly StoredEntry[],
  input: JsonObject,
  secrets: readonly string[],
  path?: string,
): TaskInside {
  const hide = hiding(secrets.map((name) => input[name] ?? null));
  const excerpt = new Excerpt(SHOWN.total);
  const most = path === undefined ? SHOWN.part : SHOWN.onlyStep;
  const part = (value: JsonValue): JsonValue => excerpt.of(hide(value), most);
  const shownInput = excerpt.of(hide(input), SHOWN.input);
  const steps = new Map<string, StepInside>();
  const counted = [...new JournalState(journal).entries()];
  for (const entry of counted) {
    if (entry.type !== 'finished' && entry.type !== 'attempt_failed') continue;
    if (path !== undefined && entry.path !== path) continue;
    const output = entry.type === 'finished' ? entry.result.output : null;
    steps.set(entry.path, {
      ...(entry.given === undefined ? {} : { input: part(entry.given) }),
      ...(output === null ? {} : { output: part(output) }),
    });
  }
  const { usage, ofStep } = usageIn(counted);
  for (const [at, used] of ofStep) {
    if (path === undefined || at === path) steps.set(at, { ...steps.get(at), usage: used });
  }
  return { input: isJsonObject(shownInput) ? shownInput : {}, usage, steps, hide };
}

/** Puts stars where texts hold one of the secrets. */
function hiding(secrets: readonly JsonValue[]): (value: JsonValue) => JsonValue {
  const texts = [...new Set(secrets.flatMap(textsIn))]
    .filter((text) => text !== '')
    .sort((a, b) => b.length - a.length);
  if (texts.length === 0) return (value) => value;
  const hideText = (text: string): string => texts.reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), text);
  const hide = (value: JsonValue): JsonValue => {
    if (typeof value === 'string') return hideText(value);
    if (typeof value === 'number') return texts.includes(String(value)) ? HIDDEN : value;
    if (Array.isArray(value)) return value.map((item: JsonValue) => hide(item));
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [hideText(name), hide(member)]));
  };
  return hide;
}

function textsIn(value: JsonValue): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  if (Array.isArray(value)) return value.flatMap((item: JsonValue) => textsIn(item));
  return isJsonObject(value) ? Object.values(value).flatMap(textsIn) : [];
}
