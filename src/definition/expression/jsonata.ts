/**
 * `{% … %}`: JSONata over the same names, bounded. The library is loaded when a definition first uses it.
 *
 * Turned off: `$eval` and regular expressions (they escape the bounds), and `$now`, `$millis`, `$random`, `$shuffle` (a
 * replay after a restart would get another answer; `task.created_at` and `variables.global` have times).
 */
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import type jsonata from 'jsonata';
import { messageOf, stepFailure, type FailureCode } from '../../core/failure.ts';
import type { JsonValue } from '../../core/json.ts';
import type { NameLookup, Reference } from './contract.ts';
import { rootPaths, treeParts } from './jsonata-paths.ts';
import { boundTexts, chargeFunctions } from './jsonata-charges.ts';
import { registerBoundedFunctions } from './jsonata-functions.ts';
import { Meter } from './jsonata-meter.ts';
import type { ExpressionPool } from './jsonata-pool.ts';
import { inputFor, isPlain, isSmall } from './jsonata-size.ts';
import { unknownFunction } from './jsonata-names.ts';
import { memoByText } from './memo.ts';
import { describeNames } from './names.ts';

/**
 * What an expression may use on the main thread, and in a worker, where the deadline and the memory of the pool are the
 * bounds that count: steps of evaluation (the bound that counts: about 200 ms), milliseconds of processor time, `stack`
 * in nested evaluations, entries of a list it makes, characters of JSON it gives.
 */
export const JSONATA_LIMITS = {
  sourceLength: 20_000,
  steps: isMainThread ? 400_000 : Number.MAX_SAFE_INTEGER,
  cpuMs: isMainThread ? 1_000 : Number.MAX_SAFE_INTEGER,
  stack: 500,
  sequence: isMainThread ? 100_000 : 1_000_000,
  outputLength: isMainThread ? 1_048_576 : 10_485_760,
  padWidth: 100_000,
  compared: 500_000,
} as const;

const OFF: ReadonlyMap<string, string> = new Map([
  ['eval', '$eval is turned off'],
  ['now', '$now is turned off; use task.created_at or variables.global.start_time'],
  ['millis', '$millis is turned off; use task.created_at or variables.global.start_time'],
  ['random', '$random is turned off'],
  ['shuffle', '$shuffle is turned off'],
]);

const require = createRequire(import.meta.url);

const BEGINS = /^\s*\{%/u;

/**
 * The expression inside a text that is as a whole `{% … %}`, white space around it aside (a block of YAML ends its
 * line); `undefined` for any other text.
 */
export function jsonataSource(text: string): string | undefined {
  if (!BEGINS.test(text)) return undefined;
  const whole = text.trim();
  return whole.length < 4 || !whole.endsWith('%}') ? undefined : whole.slice(2, -2).trim();
}

/**
 * Why an expression cannot run (syntax, something that is turned off, a function nobody has), for `validate`;
 * `undefined` when it can.
 */
export function jsonataProblem(source: string): string | undefined {
  const parsed = parse(source);
  return 'problem' in parsed ? parsed.problem : unknownFunction(parsed.expression.ast());
}

/**
 * The paths that an expression reads from the names in scope, as far as its text shows; none for one that cannot run.
 */
export function jsonataReferences(source: string): readonly Reference[] {
  const parsed = parse(source);
  return 'problem' in parsed ? [] : rootPaths(parsed.expression.ast()).map((path) => ({ path, offset: 0 }));
}

let pool: ExpressionPool | undefined;

/**
 * Evaluates expressions in this pool from now on, but for those that are plain and read little. Without a pool every
 * expression is evaluated on the main thread, within its bounds. Called once, when the process is composed.
 */
export function useExpressionPool(made: ExpressionPool | undefined): void {
  pool = made;
}

/**
 * Evaluates an expression over the names in scope. Resolves `undefined` when it selects nothing. Rejects with
 * `StepFailure(code)` on any error and when a limit is passed.
 */
export async function evaluateJsonata(
  source: string,
  names: NameLookup,
  code: FailureCode,
): Promise<JsonValue | undefined> {
  const parsed = parse(source);
  if ('problem' in parsed) throw stepFailure(code, `{% ${source} %}: ${parsed.problem}`);
  try {
    if (pool !== undefined) {
      const input = inputFor(parsed.ast, names);
      if (!parsed.plain || !isSmall(input)) return await pool.evaluate(source, input);
    }
    return await evaluateHere(source, names);
  } catch (error) {
    throw stepFailure(code, `{% ${source} %}: ${thrownText(error)}; ${describeNames(names)}`, {});
  }
}

/** Evaluates an expression in this thread. Rejects with what the library throws, or with an Error at a bound. */
export async function evaluateHere(source: string, names: NameLookup): Promise<JsonValue | undefined> {
  const parsed = parse(source);
  if ('problem' in parsed) throw new Error(parsed.problem);
  const { expression, ready } = parsed;
  try {
    const result: unknown = await meter.take(async () => {
      await ready();
      return expression.evaluate(inputOf(names), BINDINGS);
    });
    return plainJson(result);
  } catch (error) {
    throw new Error(thrownText(error), { cause: error });
  }
}

type Parsed =
  | {
      readonly expression: jsonata.Expression;
      readonly ast: unknown;
      /** It goes no more than once through what it reads. */
      readonly plain: boolean;
      readonly ready: () => Promise<void>;
    }
  | { readonly problem: string };

const parse: (source: string) => Parsed = memoByText((source): Parsed => {
  if (source.length > JSONATA_LIMITS.sourceLength) {
    return { problem: `the expression is longer than ${JSONATA_LIMITS.sourceLength} characters` };
  }
  try {
    // `require` returns what the package's own types say; a dynamic import would make every reader of this file async.
    const library = require('jsonata') as typeof jsonata;
    const expression = library(source, OPTIONS);
    const ast: unknown = expression.ast();
    const forbidden = findForbidden(ast);
    if (forbidden !== undefined) return { problem: forbidden };
    registerBoundedFunctions(expression, FUNCTION_LIMITS, meter);
    if (BUILDS_TEXT.test(source)) boundTexts(expression, ast, JSONATA_LIMITS.outputLength);
    return {
      expression,
      ast,
      plain: isPlain(ast, source),
      ready: once(() => chargeFunctions(library, expression, meter)),
    };
  } catch (error) {
    return { problem: thrownText(error) };
  }
});

const BUILDS_TEXT = /&|\$(?:join|replace|string)\b/;

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}

/** A second lock: the tree was searched for regular expressions already. */
const NoRegExp: unknown = function refuse(): never {
  throw new Error('regular expressions are turned off');
};

const meter = new Meter(JSONATA_LIMITS);

const OPTIONS: jsonata.JsonataOptions = {
  stack: JSONATA_LIMITS.stack,
  sequence: JSONATA_LIMITS.sequence,
  RegexEngine: NoRegExp as RegExpConstructor,
  // The library asks for its time limit before every step, and for nothing else then: what there is of a hook that
  // costs no await.
  get timeout() {
    meter.step();
    return 0;
  },
};

const FUNCTION_LIMITS = { ...JSONATA_LIMITS, text: JSONATA_LIMITS.outputLength };

const BINDINGS: Record<string, unknown> = Object.fromEntries([...OFF.keys()].map((name) => [name, undefined]));

function findForbidden(ast: unknown): string | undefined {
  for (const node of treeParts(ast)) {
    if (node instanceof RegExp) return 'regular expressions are turned off';
    if (!('type' in node) || !('value' in node)) continue;
    if (node.type === 'regex') return 'regular expressions are turned off';
    if (node.type === 'variable' && typeof node.value === 'string' && OFF.has(node.value)) return OFF.get(node.value);
  }
  return undefined;
}

/** Names are computed when the expression reads them: most expressions read one or two of many. */
function inputOf(names: NameLookup): object {
  const input = {};
  for (const name of names.names()) {
    Object.defineProperty(input, name, {
      enumerable: true,
      configurable: true,
      get: () => names.lookup(name),
    });
  }
  return input;
}

function plainJson(result: unknown): JsonValue | undefined {
  if (result === undefined) return undefined;
  if (typeof result === 'function') throw new Error('the result is a function');
  let budget = JSONATA_LIMITS.outputLength;
  const text = JSON.stringify(result, (_key, value: unknown) => {
    budget -= typeof value === 'string' ? value.length + 2 : 4;
    if (budget < 0) throw new Error(`the result is larger than ${JSONATA_LIMITS.outputLength} characters`);
    if (isJsonataFunction(value)) throw new Error('the result holds a function');
    return value;
  }) as string | undefined;
  // The text was made by JSON.stringify one line above, so it parses to a JSON value.
  return text === undefined ? undefined : (JSON.parse(text) as JsonValue);
}

function isJsonataFunction(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('_jsonata_lambda' in value || '_jsonata_function' in value);
}

/** JSONata throws plain objects with a message. */
function thrownText(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('message' in error) || typeof error.message !== 'string') {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    return typeof code === 'string' ? code : messageOf(error);
  }
  const at = 'position' in error && typeof error.position === 'number' ? ` (at character ${error.position})` : '';
  return `${error.message}${at}`;
}
