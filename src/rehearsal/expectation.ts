import { describeFailure, type Failure } from '../core/failure.ts';
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { CLEAN_UP, iterationsOf } from '../engine/paths.ts';
import type { OutsideCall } from './outside.ts';
import type { Rehearsal } from './rehearse.ts';

/** What a test saw of a rehearsal. */
export interface Observed {
  readonly rehearsal: Rehearsal;
  /** Steps whose code ran, each once, in the order in which they began. */
  readonly ran: readonly string[];
  readonly calls: readonly OutsideCall[];
}

/** In which points the run was not what the test expects; one sentence each, nothing when it was. */
export function unmet(expect: JsonObject, observed: Observed): readonly string[] {
  const { rehearsal } = observed;
  return [
    ...statusProblems(expect, rehearsal.failure),
    ...errorProblems(expect['error'], rehearsal.failure),
    ...outputProblems(expect, rehearsal),
    ...calledProblems(expect, observed.ran),
    ...argumentProblems(expect['arguments'], observed.calls),
  ];
}

/** Without a word about the end, a test expects a good one. */
function statusProblems(expect: JsonObject, failure: Failure | undefined): readonly string[] {
  const wanted = expect['status'] ?? (expect['error'] === undefined ? 'completed' : 'failed');
  if (wanted === 'completed' && failure !== undefined) return [`expected it to complete; ${describeFailure(failure)}`];
  return wanted === 'failed' && failure === undefined ? ['expected it to fail; it completed'] : [];
}

function errorProblems(wanted: JsonValue | undefined, failure: Failure | undefined): readonly string[] {
  if (wanted === undefined || wanted === null || failure === undefined) return [];
  const found = `found (${failure.code}): ${failure.message}`;
  if (!isJsonObject(wanted)) {
    const text = wordOf(wanted);
    const fits = failure.code === text || describeFailure(failure).toLowerCase().includes(text.toLowerCase());
    return fits ? [] : [`expected the error ${text}, ${found}`];
  }
  return Object.entries(wanted).flatMap(([key, value]) => {
    if (key === 'message') {
      return failure.message.toLowerCase().includes(wordOf(value).toLowerCase())
        ? []
        : [`expected an error that says '${wordOf(value)}', ${found}`];
    }
    const actual = key === 'step' ? failure.step : key === 'code' ? failure.code : undefined;
    return actual === wordOf(value) ? [] : [`expected the error's ${key} to be ${wordOf(value)}, ${found}`];
  });
}

function outputProblems(expect: JsonObject, rehearsal: Rehearsal): readonly string[] {
  const { output, output_includes: part } = expect;
  const problems: string[] = [];
  if (output !== undefined && !equal(output, rehearsal.output)) {
    problems.push(...differences(output, rehearsal.output, 'output', false));
  }
  if (part !== undefined) problems.push(...differences(part, rehearsal.output, 'output', true));
  return problems;
}

function calledProblems(expect: JsonObject, ran: readonly string[]): readonly string[] {
  const list = (key: string): readonly string[] => {
    const value = expect[key];
    return Array.isArray(value) ? value.map(wordOf) : [];
  };
  const missing = [...new Set([...list('called'), ...list('order')])].filter((id) => !ran.includes(id));
  const surplus = list('not_called').filter((id) => ran.includes(id));
  const order = list('order');
  const actual = ran.filter((id) => order.includes(id));
  return [
    ...missing.map((id) => `step '${id}' did not run`),
    ...surplus.map((id) => `step '${id}' ran`),
    ...(order.some((id) => !ran.includes(id)) || order.every((id, index) => actual[index] === id)
      ? []
      : [`expected the order ${order.join(', ')}; it was ${actual.join(', ')}`]),
  ];
}

/** Arguments by step: an object that the only call's arguments must include, or a list with one object a call. */
function argumentProblems(wanted: JsonValue | undefined, calls: readonly OutsideCall[]): readonly string[] {
  if (!isJsonObject(wanted)) return [];
  return Object.entries(wanted).flatMap(([step, value]) => {
    const made = calls.filter((call) => call.step === step).sort(byIteration);
    const list: readonly JsonValue[] = Array.isArray(value) ? value : [value];
    if (made.length !== list.length) {
      return [`expected ${list.length} call(s) of '${step}', found ${made.length}`];
    }
    return list.flatMap((entry, index) =>
      differences(entry, made[index]?.arguments ?? null, list.length > 1 ? `${step}[${index}]` : step, true),
    );
  });
}

/**
 * Calls of one step in the order of its items and iterations, whichever was made first; clean-up is in the order in
 * which it is done.
 */
function byIteration(a: OutsideCall, b: OutsideCall): number {
  if (a.path.startsWith(`${CLEAN_UP}/`) || b.path.startsWith(`${CLEAN_UP}/`)) return 0;
  const [left, right] = [iterationsOf(a.path), iterationsOf(b.path)];
  const at = left.findIndex((index, level) => index !== right[level]);
  return at === -1 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
}

/** Where two values differ, the first few places. With `partly` an object may have more members than expected. */
export function differences(expected: JsonValue, actual: JsonValue, at: string, partly: boolean): readonly string[] {
  if (isJsonObject(expected) && isJsonObject(actual)) {
    const keys = new Set([...Object.keys(expected), ...(partly ? [] : Object.keys(actual))]);
    return [...keys]
      .flatMap((key) => {
        const [wanted, found] = [expected[key], actual[key]];
        if (wanted === undefined) return [`${at}.${key}: not expected, found ${short(found)}`];
        if (found === undefined) return [`${at}.${key}: expected ${short(wanted)}, found nothing`];
        return differences(wanted, found, `${at}.${key}`, partly);
      })
      .slice(0, 5);
  }
  if (Array.isArray(expected) && Array.isArray(actual) && expected.length === actual.length) {
    return expected
      .flatMap((item: JsonValue, index) => differences(item, actual[index] ?? null, `${at}[${index}]`, partly))
      .slice(0, 5);
  }
  return equal(expected, actual) ? [] : [`${at}: expected ${short(expected)}, found ${short(actual)}`];
}

function equal(a: JsonValue, b: JsonValue): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

function short(value: JsonValue | undefined): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** A text as it is, anything else as JSON. */
function wordOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
