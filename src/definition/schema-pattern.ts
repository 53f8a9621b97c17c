/**
 * Regular expressions of other people's schemas (`pattern`, `patternProperties`), bounded: a pattern that backtracks for ever
 * must not stop the process.
 */
import { createContext, Script, type Context } from 'node:vm';

/** Milliseconds of processor time all watched tests of one validation may take together, and how long patterns and texts may be. */
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
      return direct || text.length < 2 ? expression.test(text) : testWatched(expression, text);
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

let budgetMs: number = PATTERN_LIMITS.timeoutMs;

/** Gives the watched patterns of the validation that starts now (synchronously) their time. */
export function startPatternBudget(): void {
  budgetMs = PATTERN_LIMITS.timeoutMs;
}

interface Watch {
  expression?: RegExp;
  text?: string;
}

/** On a busy machine the watchdog may fire although the pattern hardly ran: try again this often. */
const MAX_TRIES = 10;

const script = new Script('expression.test(text)');
let watch: { readonly box: Watch; readonly context: Context } | undefined;

function testWatched(expression: RegExp, text: string): boolean {
  if (watch === undefined) {
    const box: Watch = {};
    watch = { box, context: createContext(box) };
  }
  watch.box.expression = expression;
  watch.box.text = text;
  try {
    for (let tries = 0; tries < MAX_TRIES && budgetMs >= 1; tries += 1) {
      const result = runOnce(watch.context);
      if (result !== undefined) return result;
    }
  } finally {
    delete watch.box.expression;
    delete watch.box.text;
  }
  throw new PatternLimit(`the pattern /${expression.source}/ took too long (limit ${PATTERN_LIMITS.timeoutMs} ms)`);
}

/** One run under the watchdog; `undefined` when it was stopped. What counts against the budget is processor time, not the clock. */
function runOnce(context: Context): boolean | undefined {
  const before = process.cpuUsage();
  try {
    return script.runInContext(context, { timeout: PATTERN_LIMITS.timeoutMs }) === true;
  } catch {
    return undefined;
  } finally {
    const { user, system } = process.cpuUsage(before);
    budgetMs -= (user + system) / 1000;
  }
}
