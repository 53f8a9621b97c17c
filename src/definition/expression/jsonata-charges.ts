/** What JSONata does without asking its own limits: work inside its functions, and texts made of values. */
import type jsonata from 'jsonata';
import { BOUNDED_FUNCTIONS, declaredLike, isLibraryFunction, jsonTextWithin } from './jsonata-functions.ts';
import type { Meter } from './jsonata-meter.ts';
import { treeParts } from './jsonata-paths.ts';

/** A function as the library keeps it. */
interface LibraryFunction {
  readonly implementation: (this: unknown, ...args: unknown[]) => unknown;
  readonly _jsonata_function: true;
}

/**
 * Lets every function of the library that `expression` names charge the meter for the size of its arguments before it
 * works: a function handed to `$reduce` or `$map` is called without a step of its own. Functions that were registered
 * keep their own charge.
 */
export async function chargeFunctions(
  library: typeof jsonata,
  expression: jsonata.Expression,
  meter: Meter,
): Promise<void> {
  const named = new Set<string>();
  for (const node of treeParts(expression.ast())) {
    if ('type' in node && node.type === 'variable' && 'value' in node && typeof node.value === 'string') {
      named.add(node.value);
    }
  }
  for (const name of named) {
    // An unregistered library knows its own functions under their names, and nothing else.
    const found: unknown = /^[a-zA-Z]\w*$/.test(name) ? await library(`$${name}`).evaluate(undefined) : undefined;
    if (isBuiltIn(found) && !BOUNDED_FUNCTIONS.has(name)) expression.assign(name, charged(found, meter));
  }
}

function isBuiltIn(value: unknown): value is LibraryFunction {
  return typeof value === 'object' && value !== null && '_jsonata_function' in value && 'implementation' in value;
}

function charged(native: LibraryFunction, meter: Meter): LibraryFunction {
  const { implementation } = native;
  const metered = function (this: unknown, ...args: unknown[]): unknown {
    meter.charge(args);
    return implementation.apply(this, args);
  };
  return { ...native, implementation: declaredLike(metered, implementation) };
}

// The library looks this symbol up among the names; its types know texts only.
const AFTER_EACH = Symbol.for('jsonata.__evaluate_exit') as unknown as string;

/**
 * Stops `expression` before a text grows past `limit` characters: texts can double with every step, and `&` makes a
 * text of any value. The hook costs time at every step, so it is for expressions that build texts.
 */
export function boundTexts(expression: jsonata.Expression, ast: unknown, limit: number): void {
  const joined = new Set<unknown>();
  for (const node of treeParts(ast)) {
    if ('type' in node && node.type === 'binary' && 'value' in node && node.value === '&') {
      if ('lhs' in node) joined.add(node.lhs);
      if ('rhs' in node) joined.add(node.rhs);
    }
  }
  expression.assign(AFTER_EACH, (part: unknown, _input: unknown, _environment: unknown, result: unknown): void => {
    if (typeof result === 'string') {
      if (result.length > limit) throw new Error(`a text is larger than ${limit} characters`);
    } else if (typeof result === 'object' && result !== null && joined.has(part) && !isLibraryFunction(result)) {
      jsonTextWithin(result, limit, 0);
    }
  });
}
