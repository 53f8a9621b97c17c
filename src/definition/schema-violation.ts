import type { ErrorObject } from 'ajv';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import { nearest } from '../core/suggest.ts';

/** One way in which a value does not fit its schema. */
export interface SchemaViolation {
  /** `$`, `$.a.b[0]`, `$['odd key']`. */
  readonly path: string;
  /** What was expected and what was found. */
  readonly message: string;
}

const MAX_VIOLATIONS = 20;
const SHOWN_LENGTH = 60;
const SHOWN_CHOICES = 12;

/** Ajv's errors in the words of a person who wrote the value. At least one entry when there is an error. */
export function describeViolations(errors: readonly ErrorObject[], value: JsonValue): readonly SchemaViolation[] {
  const relevant = withoutNoise(errors);
  const seen = new Set<string>();
  const violations: SchemaViolation[] = [];
  for (const error of relevant) {
    const violation = describe(error, value);
    const key = `${violation.path} ${violation.message}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (violations.length >= MAX_VIOLATIONS) return [...violations, { path: '$', message: 'and more' }];
    violations.push(violation);
  }
  return violations;
}

/** A path as people write it; `value` tells list indexes from keys. */
export function dollarPath(segments: readonly string[], value: JsonValue): string {
  let path = '$';
  let at: JsonValue | undefined = value;
  for (const segment of segments) {
    if (Array.isArray(at)) {
      path += `[${segment}]`;
      at = at[Number(segment)];
    } else {
      path += /^[A-Za-z_][A-Za-z0-9_-]*$/.test(segment) ? `.${segment}` : `[${JSON.stringify(segment)}]`;
      at = isJsonObject(at) ? at[segment] : undefined;
    }
  }
  return path;
}

/** `text "abc"`, `number 3`, `list of 4`, `object`, for messages. */
export function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `list of ${value.length}`;
  if (typeof value === 'string') {
    return `text ${JSON.stringify(value.length > SHOWN_LENGTH ? `${value.slice(0, SHOWN_LENGTH)}…` : value)}`;
  }
  return typeof value === 'object' ? 'object' : `${typeof value} ${JSON.stringify(value)}`;
}

/** `anyOf` and `oneOf` report each branch and themselves: keep themselves, and what is wrong deeper inside. */
function withoutNoise(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const unions = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf');
  return errors.filter((error) => {
    if (error.keyword === 'if') return false;
    const choice = unions.find((outer) => outer !== error && error.schemaPath.startsWith(`${outer.schemaPath}/`));
    return choice === undefined;
  });
}

function describe(error: ErrorObject, value: JsonValue): SchemaViolation {
  const segments = segmentsOf(error.instancePath);
  const at = (...more: readonly string[]): string => dollarPath([...segments, ...more], value);
  const found = `found ${describeValue(error.data)}`;
  const parameter = (name: string): unknown => (error.params as { readonly [key: string]: unknown })[name];
  switch (error.keyword) {
    case 'type':
      return { path: at(), message: `expected ${typeNames(parameter('type'))}, ${found}` };
    case 'required': {
      const name = String(parameter('missingProperty'));
      return { path: at(name), message: `missing${expectedOf(error.parentSchema, name)}${meantBy(error, name)}` };
    }
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return unknownKey(String(parameter('additionalProperty') ?? parameter('unevaluatedProperty')), error, at);
    case 'enum':
      return { path: at(), message: `expected one of ${choices(parameter('allowedValues'))}, ${found}` };
    case 'const':
      return { path: at(), message: `expected ${JSON.stringify(parameter('allowedValue'))}, ${found}` };
    case 'format':
      return { path: at(), message: `expected a text of the format ${String(parameter('format'))}, ${found}` };
    case 'pattern':
      return { path: at(), message: `expected a text matching /${String(parameter('pattern'))}/, ${found}` };
    case 'anyOf':
    case 'oneOf':
      return { path: at(), message: `expected one of ${branches(error.schema)}, ${found}` };
    default:
      return {
        path: at(),
        message: `${(error.message ?? 'does not fit').replace(/^must /, 'expected to ')}, ${found}`,
      };
  }
}

/** In an open object a misspelt name is no error by itself; beside a missing one it is what was meant. */
function meantBy(error: ErrorObject, name: string): string {
  const declared = error.parentSchema?.['properties'];
  const known = typeof declared === 'object' && declared !== null ? declared : {};
  const given = typeof error.data === 'object' && error.data !== null ? Object.keys(error.data).slice(0, 100) : [];
  const strange = nearest(
    name,
    given.filter((key) => !Object.hasOwn(known, key)),
  );
  return strange === undefined ? '' : `; '${strange}' is none of its names: did you mean '${name}'?`;
}

function unknownKey(name: string, error: ErrorObject, at: (key: string) => string): SchemaViolation {
  const declared = error.parentSchema?.['properties'];
  const known = typeof declared === 'object' && declared !== null ? Object.keys(declared) : [];
  const near = nearest(name, known);
  const hint =
    near !== undefined
      ? `; did you mean '${near}'?`
      : known.length > 0
        ? `; known: ${known.slice(0, SHOWN_CHOICES).join(', ')}`
        : '';
  return { path: at(name), message: `unknown key '${name}'${hint}` };
}

function expectedOf(parent: unknown, name: string): string {
  const properties = member(parent, 'properties');
  const type = member(member(properties, name), 'type');
  return type === undefined ? '' : `; expected ${typeNames(type)}`;
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as { readonly [key: string]: unknown })[key]
    : undefined;
}

function typeNames(type: unknown): string {
  const names = Array.isArray(type) ? type.map(String) : [String(type)];
  return names.map((name) => (name === 'string' ? 'text' : name === 'array' ? 'list' : name)).join(' or ');
}

function choices(values: unknown): string {
  const list = Array.isArray(values) ? values : [values];
  const shown = list.slice(0, SHOWN_CHOICES).map((item) => JSON.stringify(item));
  return shown.join(', ') + (list.length > SHOWN_CHOICES ? `, … (${list.length} in all)` : '');
}

function branches(schema: unknown): string {
  const list = Array.isArray(schema) ? schema : [];
  const types = list.map((branch: unknown) => member(branch, 'type'));
  return types.every((type) => type !== undefined) && list.length > 0
    ? types.map(typeNames).join(', ')
    : `${list.length} forms`;
}

function segmentsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}
