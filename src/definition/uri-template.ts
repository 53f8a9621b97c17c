/** URIs with variables, the simplest form of RFC 6570: `docs://errors/{code}`. */
import { FORBIDDEN_NAMES } from '../core/json.ts';

/** A URI template, cut up: there is one literal more than there are variables. */
export interface UriTemplate {
  readonly literals: readonly string[];
  readonly variables: readonly string[];
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MAX_VARIABLES = 10;

/** Reads a URI template; a text says what is wrong with it. */
export function parseUriTemplate(text: string): UriTemplate | string {
  const parts = text.split(/\{([^{}]*)\}/);
  const literals = parts.filter((_, index) => index % 2 === 0);
  const variables = parts.filter((_, index) => index % 2 === 1);
  if (literals.some((literal) => /[{}]/.test(literal))) return 'a brace is not closed';
  if (variables.length === 0) return 'it has no variable';
  if (variables.length > MAX_VARIABLES) return `it has more than ${MAX_VARIABLES} variables`;
  const odd = variables.find((name) => !VARIABLE.test(name) || FORBIDDEN_NAMES.has(name));
  if (odd !== undefined) return `'{${odd}}' is not a variable`;
  if (new Set(variables).size < variables.length) return 'a variable stands in it twice';
  // What stands between two variables is what tells them apart.
  if (literals.slice(1, -1).includes('')) return 'between two variables there must be something';
  return { literals, variables };
}

/**
 * The variables of a URI that fits the template, decoded; `undefined` when it does not fit. A variable is at least one
 * character long, ends where what follows it in the template begins for the first time, and holds no `/`, `?` or `#`.
 * Linear in the length of the URI.
 */
export function matchUri(template: UriTemplate, uri: string): { readonly [variable: string]: string } | undefined {
  const { literals, variables } = template;
  const [first = ''] = literals;
  if (!uri.startsWith(first)) return undefined;
  const found: [string, string][] = [];
  let from = first.length;
  for (const [index, name] of variables.entries()) {
    const next = literals[index + 1] ?? '';
    const last = index === variables.length - 1;
    const end = last ? uri.length - next.length : uri.indexOf(next, from + 1);
    if (end <= from || !uri.startsWith(next, end)) return undefined;
    const value = decoded(uri.slice(from, end));
    if (value === undefined) return undefined;
    found.push([name, value]);
    from = end + next.length;
  }
  return Object.fromEntries(found);
}

function decoded(raw: string): string | undefined {
  if (/[/?#]/.test(raw)) return undefined;
  try {
    return decodeURIComponent(raw);
  } catch {
    return undefined;
  }
}
