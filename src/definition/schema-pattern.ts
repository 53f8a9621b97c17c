/**
 * Regular expressions of other people's schemas (`pattern`, `patternProperties`), bounded: a pattern that backtracks for ever
 * must not stop the process.
 */
import { createContext, Script, type Context } from 'node:vm';

/** How long all watched tests of one validation may take together, and how long patterns and texts may be. */
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

const script = new Script('expression.test(text)');
let watch: { readonly box: Watch; readonly context: Context } | undefined;

function testWatched(expression: RegExp, text: string): boolean {
  if (watch === undefined) {
    const box: Watch = {};
    watch = { box, context: createContext(box) };
  }
  watch.box.expression = expression;
  watch.box.text = text;
  // Not a clock of the product: it only measures how much of a CPU budget is used up.
  const start = performance.now();
  try {
    if (budgetMs < 1) throw new PatternLimit('');
    return script.runInContext(watch.context, { timeout: Math.ceil(budgetMs) }) === true;
  } catch {
    throw new PatternLimit(`the pattern /${expression.source}/ took too long (limit ${PATTERN_LIMITS.timeoutMs} ms)`);
  } finally {
    budgetMs -= performance.now() - start;
    delete watch.box.expression;
    delete watch.box.text;
  }
}
