/**
 * Which expressions are evaluated where they stand, and what of the names in scope goes to a worker with the others.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { NameLookup } from './contract.ts';
import { rootPaths, treeParts } from './jsonata-paths.ts';

/** With so few values, and so short texts, nothing that a plain expression does takes long. */
const SMALL = { values: 300, characters: 20_000, source: 1_000 } as const;

/**
 * Nodes that go once through what they are given. No function, no name of its own, no range: those build or repeat
 * without bound.
 */
const PLAIN_NODES: ReadonlySet<unknown> = new Set([
  'binary',
  'block',
  'condition',
  'filter',
  'function',
  'name',
  'number',
  'path',
  'string',
  'unary',
  'value',
  'variable',
]);
const PLAIN_FUNCTIONS: ReadonlySet<unknown> = new Set(
  (
    'sum count max min average string substring substringBefore substringAfter lowercase uppercase length trim contains join number floor ceil ' +
    'round abs sqrt boolean not keys lookup append exists merge reverse type distinct'
  ).split(' '),
);
const RANGE = '..';
/** The input as a whole, under one of the names that JSONata has for it; a wildcard reads it too. */
const WHOLE_INPUT: ReadonlySet<unknown> = new Set(['wildcard', 'descendant', 'parent']);

/** Whether an expression, by its text alone, goes no more than once through each value it reads. */
export function isPlain(ast: unknown, source: string): boolean {
  if (source.length > SMALL.source) return false;
  for (const node of treeParts(ast)) {
    if (!('type' in node)) continue;
    if (!PLAIN_NODES.has(node.type)) return false;
    // The library marks lists that it keeps, and ours are frozen.
    if ('keepArray' in node || 'keepSingletonArray' in node) return false;
    if (node.type === 'binary' && 'value' in node && node.value === RANGE) return false;
    if (node.type === 'function' && !('procedure' in node && callsPlainly(node.procedure))) return false;
  }
  return true;
}

function callsPlainly(procedure: unknown): boolean {
  return isJsonLike(procedure) && procedure['type'] === 'variable' && PLAIN_FUNCTIONS.has(procedure['value']);
}

/**
 * What an expression reads of the names in scope, as an object of its own; all of them where its text does not show it.
 */
export function inputFor(ast: unknown, names: NameLookup): JsonObject {
  const paths = rootPaths(ast);
  if (readsWhole(ast)) {
    return Object.fromEntries([...names.names()].map((name) => [name, names.lookup(name) ?? null]));
  }
  const input: Record<string, JsonValue> = {};
  for (const path of paths) put(input, path, names);
  return input;
}

function readsWhole(ast: unknown): boolean {
  for (const node of treeParts(ast)) {
    if (!('type' in node)) continue;
    if (WHOLE_INPUT.has(node.type)) return true;
    if (node.type === 'variable' && 'value' in node && (node.value === '' || node.value === '$')) return true;
  }
  return false;
}

/** Lays the value at a path into `input`, with the objects on its way that lead to it. */
function put(input: Record<string, JsonValue>, path: readonly (string | number)[], names: NameLookup): void {
  const [root, ...rest] = path.map(String);
  if (root === undefined) return;
  let value = names.lookup(root);
  if (value === undefined) return;
  const way = [root];
  for (const name of rest) {
    // A list is read as a whole, and so is what has no such member.
    if (!isJsonObject(value) || !Object.hasOwn(value, name)) break;
    value = value[name] ?? null;
    way.push(name);
  }
  let place = input;
  for (const name of way.slice(0, -1)) {
    const inner = Object.hasOwn(place, name) ? place[name] : undefined;
    const next: Record<string, JsonValue> = isJsonObject(inner) ? { ...inner } : {};
    place[name] = next;
    place = next;
  }
  const last = way.at(-1);
  if (last === undefined) return;
  const known = Object.hasOwn(place, last) ? place[last] : undefined;
  // What is there is a part of this value: the value has it too.
  place[last] = isJsonObject(known) && isJsonObject(value) ? { ...known, ...value } : value;
}

/** Whether a value is small. Looks at no more than it needs. */
export function isSmall(value: JsonValue): boolean {
  let left: number = SMALL.values;
  let characters: number = SMALL.characters;
  const stack: JsonValue[] = [value];
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    left -= 1;
    if (typeof item === 'string') characters -= item.length;
    if (left < 0 || characters < 0) return false;
    if (typeof item !== 'object' || item === null) continue;
    const members: readonly JsonValue[] = Array.isArray(item) ? item : Object.values(item);
    if (members.length > left) return false;
    stack.push(...members);
  }
  return true;
}

function isJsonLike(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null;
}
