/**
 * Regular expressions of other people's schemas (`pattern`, `patternProperties`), bounded: a pattern that backtracks
 * for ever must not stop the process.
 */
import { createContext, Script, type Context } from 'node:vm';

/**
 * Milliseconds of processor time all watched tests of one validation may take together, and how long patterns and texts
 * may be.
 */
export const PATTERN_LIMITS = { timeoutMs: 40, patternLength: 1_000, textLength: 100_000 } as const;

/** Patterns took too long, or a text is too long for one: the validation stops with this as the reason. */
export class PatternLimit extends Error {
  override readonly name = 'PatternLimit';
}

/**
 * What Ajv uses in place of RegExp. Patterns that cannot backtrack badly run directly; the others run under a watchdog.
 * @throws Error for a pattern that is too long or not a regular expression; `test` throws `PatternLimit`.
 */
export function boundedPattern(pattern: string, flags: string): { test(text: string): boolean; toString(): string } {
  if (pattern.length > PATTERN_LIMITS.patternLength) {
    throw new Error(`a pattern may have at most ${PATTERN_LIMITS.patternLength} characters`);
  }
  const expression = compileLeniently(pattern, flags);
  const direct = isPlainlyLinear(pattern);
  return {
    // Ajv shares compiled patterns by this text.
    toString: () => String(expression),
    test: (text) => {
      if (text.length > PATTERN_LIMITS.textLength) {
        throw new PatternLimit(`a text of ${text.length} characters is too long to be checked against /${pattern}/`);
      }
      return direct || watching || text.length < 2 ? expression.test(text) : testWatched(expression, text);
    },
  };
}

/** An anchored pattern with at most one unbounded repetition, and that of single characters: linear on any text. */
function isPlainlyLinear(pattern: string): boolean {
  if (!pattern.startsWith('^')) return false;
  const atoms = pattern.replace(/\\./gs, 'e').replace(/\[[^\]]*\]/g, 'c');
  if (/[()|]/.test(atoms)) return false;
  return (atoms.match(/[*+?{]/g)?.length ?? 0) <= 1;
}

/** Many schemas in the wild escape characters in ways the unicode mode refuses. */
function compileLeniently(pattern: string, flags: string): RegExp {
  try {
    return new RegExp(pattern, flags);
  } catch {
    return new RegExp(pattern);
  }
}

interface Watch {
  work?: () => unknown;
}

/** On a busy machine the watchdog may fire although the pattern hardly ran: try again this often. */
const MAX_TRIES = 10;

const script = new Script('work()');
let watch: { readonly box: Watch; readonly context: Context } | undefined;
/** Some work is being watched: what it does inside needs no watch of its own. */
let watching = false;

function testWatched(expression: RegExp, text: string): boolean {
  const result = watched(() => expression.test(text), PATTERN_LIMITS.timeoutMs);
  if (result !== undefined) return result;
  throw new PatternLimit(`the pattern /${expression.source}/ took too long (limit ${PATTERN_LIMITS.timeoutMs} ms)`);
}

/**
 * Runs synchronous work that other people's schemas can make long, and stops it after `limitMs` of processor time.
 * `undefined` = it was stopped. What the work throws it throws.
 */
export function watched<T>(work: () => T, limitMs: number): T | undefined {
  if (watching) return work();
  if (watch === undefined) {
    const box: Watch = {};
    watch = { box, context: createContext(box) };
  }
  let end: { readonly value: T } | { readonly thrown: unknown } | undefined;
  watch.box.work = () => {
    try {
      end = { value: work() };
    } catch (error) {
      end = { thrown: error };
    }
  };
  watching = true;
  let left = limitMs;
  try {
    // What counts is processor time, not the clock: on a busy machine the watchdog may fire although the work hardly
    // ran.
    for (let tries = 0; tries < MAX_TRIES && left >= 1; tries += 1) {
      left -= runOnce(watch.context, left);
      if (end !== undefined) break;
    }
  } finally {
    watching = false;
    delete watch.box.work;
  }
  if (end === undefined) return undefined;
  if ('thrown' in end) throw end.thrown;
  return end.value;
}

/** One run under the watchdog: the milliseconds of processor time that it took. */
function runOnce(context: Context, limitMs: number): number {
  const before = process.cpuUsage();
  try {
    script.runInContext(context, { timeout: Math.ceil(limitMs) });
  } catch {
    // Stopped: nothing has an end.
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
