/**
 * Functions that an expression calls and nobody has: found from its text, because at run time it is too late to ask
 * what was meant.
 */
import { nearest } from '../../core/suggest.ts';
import { treeParts } from './jsonata-paths.ts';

/** What JSONata 2.2 has by itself and expressions may use. */
export const LIBRARY_FUNCTIONS: ReadonlySet<string> = new Set(
  (
    'sum count max min average string substring substringBefore substringAfter lowercase uppercase length trim pad match contains replace split join ' +
    'formatNumber formatBase formatInteger parseInteger number floor ceil round abs sqrt power boolean not map zip filter single reduce sift keys lookup ' +
    'append exists spread merge reverse each error assert type sort distinct base64encode base64decode encodeUrlComponent encodeUrl decodeUrlComponent ' +
    'decodeUrl toMillis fromMillis clone'
  ).split(' '),
);

/**
 * `$summ is unknown; did you mean $sum?` for the first call of a name that is neither a function of the library nor
 * bound in the expression.
 */
export function unknownFunction(ast: unknown): string | undefined {
  const parts = [...treeParts(ast)];
  const bound = new Set(parts.flatMap(namesBound));
  for (const part of parts) {
    const name = called(part);
    if (name === undefined || LIBRARY_FUNCTIONS.has(name) || bound.has(name)) continue;
    const meant = nearest(name, [...LIBRARY_FUNCTIONS, ...bound]);
    return `$${name} is no function here${meant === undefined ? '' : `; did you mean $${meant}?`}`;
  }
  return undefined;
}

/** The name that a call, a partial call or the right side of `~>` calls. */
function called(part: object): string | undefined {
  if ('procedure' in part) return variableName(part.procedure);
  return 'type' in part && part.type === 'apply' && 'rhs' in part ? variableName(part.rhs) : undefined;
}

/** Names that `:=`, the parameters of a function, `@$name` or `#$name` give. */
function namesBound(part: object): readonly string[] {
  if (!('type' in part)) return [];
  const places: unknown[] = [];
  if (part.type === 'bind' && 'lhs' in part) places.push(part.lhs);
  if (part.type === 'lambda' && 'arguments' in part && Array.isArray(part.arguments))
    places.push(...(part.arguments as unknown[]));
  const names = places.map(variableName).filter((name) => name !== undefined);
  if ('focus' in part && typeof part.focus === 'string') names.push(part.focus);
  if ('index' in part && typeof part.index === 'string') names.push(part.index);
  return names;
}

/** `$` and `$$` are values, not names. */
function variableName(node: unknown): string | undefined {
  if (typeof node !== 'object' || node === null || !('type' in node) || !('value' in node)) return undefined;
  const { type, value } = node;
  return type === 'variable' && typeof value === 'string' && value !== '' && value !== '$' ? value : undefined;
}
