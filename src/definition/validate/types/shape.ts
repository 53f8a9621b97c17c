/**
 * What a value can be, as far as it is known. Everything here is sound: what is called impossible is impossible for
 * every value that fits the schema; where a schema says something that is not looked at, the answer is that it may be.
 */
import { isJsonObject, ownProperty, type JsonObject, type JsonValue } from '../../../core/json.ts';

/** `undefined` = anything. */
export type Shape =
  /** Fits a schema, whose references lead into `root`. */
  | { readonly kind: 'schema'; readonly schema: JsonValue; readonly root: JsonObject }
  /** An object with these members and no others. A member is looked at when it is asked for. */
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, () => Shape> }
  | { readonly kind: 'list'; readonly items: readonly (() => Shape)[] }
  /** A list of any length, of which each entry has this shape. */
  | { readonly kind: 'each'; readonly entry: () => Shape }
  | { readonly kind: 'scalar'; readonly type: 'string' | 'number' | 'boolean' | 'null' }
  | undefined;

/**
 * What a step into a value finds. `undeclared`: a schema lists members without this one, and does not say that there
 * are no others.
 */
export type Member =
  | { readonly is: 'possible'; readonly shape: Shape }
  | { readonly is: 'undeclared' | 'impossible'; readonly known: readonly string[] };

const ANYTHING: Member = { is: 'possible', shape: undefined };
const MAX_DEPTH = 24;
/** How many schemas one question looks at: alternatives that refer to each other can be without end. */
const MAX_LOOKS = 500;
/** Words behind which a schema may list more members. */
const ELSEWHERE = ['then', 'else', 'dependentSchemas', 'dependencies', '$dynamicRef', '$recursiveRef'] as const;

/**
 * A member of a value of this shape, as `{{a.b}}` or `{{a[0]}}` reads it. Null, which every value may turn out to be,
 * has none and is passed over.
 */
export function memberShape(shape: Shape, segment: string | number): Member {
  if (shape === undefined) return ANYTHING;
  switch (shape.kind) {
    case 'scalar':
      return { is: 'impossible', known: [] };
    case 'list': {
      const index = indexOf(segment);
      const item = index === undefined ? undefined : shape.items[index];
      return item === undefined ? { is: 'impossible', known: [] } : { is: 'possible', shape: item() };
    }
    case 'each':
      return indexOf(segment) === undefined
        ? { is: 'impossible', known: [] }
        : { is: 'possible', shape: shape.entry() };
    case 'object': {
      const member = shape.members.get(String(segment));
      return member === undefined
        ? { is: 'impossible', known: [...shape.members.keys()] }
        : { is: 'possible', shape: member() };
    }
    case 'schema':
      return schemaMember(shape.schema, { root: shape.root, segment, left: MAX_LOOKS });
  }
}

/**
 * JSON Schema's words for what a value of this shape can be; `undefined` = anything. `number` stands for integers too.
 */
export function typesOf(shape: Shape, depth = 0): ReadonlySet<string> | undefined {
  if (shape === undefined || depth > MAX_DEPTH) return undefined;
  switch (shape.kind) {
    case 'scalar':
      return new Set([shape.type]);
    case 'list':
    case 'each':
      return new Set(['array']);
    case 'object':
      return new Set(['object']);
    case 'schema': {
      const { root } = shape;
      const schema = resolved(shape.schema, root, depth);
      if (!isJsonObject(schema)) return undefined;
      if (schema['$ref'] !== undefined) return undefined;
      const own = declaredTypes(schema);
      const choices = listOf(schema['anyOf'] ?? schema['oneOf']);
      if (own !== undefined || choices === undefined) return own;
      const inner = choices.map((choice) => typesOf({ kind: 'schema', schema: choice, root }, depth + 1));
      return inner.some((types) => types === undefined)
        ? undefined
        : new Set(inner.flatMap((types) => [...(types ?? [])]));
    }
  }
}

function declaredTypes(schema: JsonObject): ReadonlySet<string> | undefined {
  const { type, const: only, enum: choices } = schema;
  const words = typeof type === 'string' ? [type] : Array.isArray(type) ? type.map(String) : undefined;
  if (words !== undefined) return new Set(words.map((word) => (word === 'integer' ? 'number' : word)));
  const values = only === undefined ? listOf(choices) : [only];
  return values === undefined ? undefined : new Set(values.map(typeOfValue));
}

/** JSON Schema's word for a value, `number` for integers too. */
export function typeOfValue(value: JsonValue): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** One question: a member of what fits a schema. */
interface Question {
  readonly root: JsonObject;
  readonly segment: string | number;
  left: number;
}

function schemaMember(from: JsonValue, question: Question): Member {
  const { root, segment } = question;
  question.left -= 1;
  const schema = resolved(from, root, 0);
  if (!isJsonObject(schema) || question.left < 0) return ANYTHING;
  const index = indexOf(segment);
  const types = declaredTypes(schema);
  const found: Member[] = [];
  if (types?.has('object') ?? true) found.push(objectMember(schema, root, String(segment)));
  if (index !== undefined && (types?.has('array') ?? true)) found.push(listItem(schema, root, index));
  // Each of these holds as well, so one that says no is enough.
  const reference = schema['$ref'] === undefined ? [] : [{ $ref: schema['$ref'] }];
  const more = [...(listOf(schema['allOf']) ?? []), ...reference].map((part) => schemaMember(part, question));
  for (const key of ['anyOf', 'oneOf'] as const) {
    const choices = listOf(schema[key]) ?? [];
    if (choices.length > 0) more.push(either(choices.map((choice) => schemaMember(choice, question))));
  }
  return both([either(found), ...more]);
}

function objectMember(schema: JsonObject, root: JsonObject, name: string): Member {
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
  const declared = ownProperty(properties, name);
  if (declared === false) return { is: 'impossible', known: namesIn(properties, name) };
  if (declared !== undefined) return { is: 'possible', shape: { kind: 'schema', schema: declared, root } };
  if (schema['patternProperties'] !== undefined) return ANYTHING;
  const others = schema['additionalProperties'];
  if (others === false) return { is: 'impossible', known: namesIn(properties, name) };
  if (isJsonObject(others)) return { is: 'possible', shape: { kind: 'schema', schema: others, root } };
  if (others === true) return ANYTHING;
  const known = namesIn(properties, name);
  const complete = known.length > 0 && ELSEWHERE.every((word) => schema[word] === undefined);
  return complete ? { is: 'undeclared', known } : ANYTHING;
}

function listItem(schema: JsonObject, root: JsonObject, index: number): Member {
  const first = isOlder(root) ? undefined : listOf(schema['prefixItems']);
  // Of older drafts: a list of schemas by position.
  const older = listOf(schema['items']);
  const item = first?.[index] ?? older?.[index];
  if (item !== undefined) return { is: 'possible', shape: { kind: 'schema', schema: item, root } };
  const rest = older === undefined ? schema['items'] : schema['additionalItems'];
  if (rest === false) return { is: 'impossible', known: [] };
  return { is: 'possible', shape: isJsonObject(rest) ? { kind: 'schema', schema: rest, root } : undefined };
}

function namesIn(properties: JsonObject, but: string): readonly string[] {
  return Object.keys(properties).filter((name) => name !== but && properties[name] !== false);
}

/** One of several holds. */
function either(members: readonly Member[]): Member {
  const [first, second] = members.filter((member) => member.is === 'possible');
  const open = members.some((member) => member.is === 'undeclared');
  // What is undeclared in one of them may be anything, if it is that one.
  if (first !== undefined) return second === undefined && !open ? first : ANYTHING;
  const known = [...new Set(members.flatMap((member) => (member.is === 'possible' ? [] : member.known)))];
  return { is: open ? 'undeclared' : 'impossible', known };
}

/** All of them hold. What one of them declares is declared, whatever the others leave open. */
function both(members: readonly Member[]): Member {
  const [only, second] = members;
  if (only !== undefined && second === undefined) return only;
  const impossible = members.find((member) => member.is === 'impossible');
  if (impossible !== undefined) return impossible;
  const shapes = members.flatMap((member) =>
    member.is === 'possible' && member.shape !== undefined ? [member.shape] : [],
  );
  if (shapes.length > 0) return { is: 'possible', shape: shapes.length === 1 ? shapes[0] : undefined };
  return members.every((member) => member.is === 'undeclared') && only !== undefined ? only : ANYTHING;
}

/**
 * The schema that a `$ref` into the same document stands for; the schema itself when that has more than the reference
 * or leads elsewhere.
 */
function resolved(schema: JsonValue, root: JsonObject, depth: number): JsonValue {
  let at = schema;
  for (let step = depth; step < MAX_DEPTH && isJsonObject(at); step += 1) {
    const reference = at['$ref'];
    if (typeof reference !== 'string') return at;
    // Up to draft 7 nothing beside a reference counts.
    if (!isOlder(root) && Object.keys(at).some((key) => CONSTRAINING.has(key))) return at;
    const target = pointed(root, reference);
    if (target === undefined) return true;
    at = target;
  }
  return isJsonObject(at) && at['$ref'] !== undefined ? true : at;
}

function isOlder(root: JsonObject): boolean {
  const dialect = root['$schema'];
  return typeof dialect === 'string' && /draft-0[1-7]/u.test(dialect);
}

const CONSTRAINING: ReadonlySet<string> = new Set([
  'type',
  'properties',
  'additionalProperties',
  'items',
  'prefixItems',
  'allOf',
  'anyOf',
  'oneOf',
]);

/**
 * What a JSON Pointer in a fragment names. Anything else (`$anchor`, another document, a schema with an `$id` of its
 * own) is not looked for.
 */
function pointed(root: JsonObject, reference: string): JsonValue | undefined {
  if (reference === '#') return root;
  if (!reference.startsWith('#/')) return undefined;
  let at: JsonValue | undefined = root;
  for (const part of reference.slice(2).split('/')) {
    const key = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(at)) at = at[Number(key)];
    else at = isJsonObject(at) ? ownProperty(at, key) : undefined;
    if (isJsonObject(at) && at['$id'] !== undefined) return undefined;
  }
  return at;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

function indexOf(segment: string | number): number | undefined {
  return typeof segment === 'number' || /^\d{1,9}$/u.test(segment) ? Number(segment) : undefined;
}
