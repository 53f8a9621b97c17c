/**
 * Checks of calls: the tool or workflow exists, and its arguments fit what it takes, as far as that can be said before
 * they are rendered.
 */
import { nearest } from '../../core/suggest.ts';
import { isJsonObject, ownProperty, type JsonObject, type JsonValue } from '../../core/json.ts';
import { jsonataSource } from '../expression/jsonata.ts';
import type { DocumentPath, Finding } from '../finding.ts';
import type { KnownServer } from '../known-tools.ts';
import type { JsonSchema } from '../model.ts';
import { valueAt } from '../schema/check.ts';
import { compileSchema } from '../schema-validator.ts';
import type { CallFact } from '../step-syntax.ts';
import type { StepPlace } from './outline.ts';
import { error, findIn, shorten, suggestion, warning } from './report.ts';
import { typesOf } from './types/shape.ts';
import { valueShape, type TypeContext } from './types/step-shapes.ts';

export interface CallContext extends TypeContext {
  /** `input_schema` of another workflow. */
  readonly workflowInput: (name: string) => JsonSchema | undefined;
  /** Absent = not known which there are. */
  readonly workflowNames?: ReadonlySet<string>;
  /** Steps whose arguments come from the `on_error` that names them. */
  readonly givenArguments: ReadonlySet<string>;
}

export function checkCalls(context: CallContext): Finding[] {
  return findIn(context.outline.places, (place) => {
    const call = place.syntax.call?.(place.step);
    return call === undefined ? [] : checkCall(call, place, context);
  });
}

function checkCall(call: CallFact, place: StepPlace, context: CallContext): Finding[] {
  const at = [...place.at, ...call.at];
  if ('workflow' in call.of) {
    const { workflow } = call.of;
    if (context.workflowNames?.has(workflow) === false) {
      const hint = suggestion(workflow, context.workflowNames, 'workflows');
      // A warning: the tests of a definition can stand in for one that is elsewhere.
      return [warning('unknown_workflow', at, `workflow '${shorten(workflow)}' unknown`, hint)];
    }
    const schema = context.workflowInput(workflow);
    return schema === undefined ? [] : checkArguments(call, schema, place, context, false);
  }
  const { server, tool } = call.of;
  const known = context.known.get(server);
  if (known === undefined) return [];
  const shape = known.tools.get(tool);
  if (shape === undefined) return known.askedAt === undefined ? [unknownTool(server, tool, known, at)] : [];
  const changes = known.changes?.get(tool) ?? [];
  return [
    ...(changes.length === 0
      ? []
      : [warning('tool_changed', at, `${server}.${tool} is not as it was when last seen: ${changes.join('; ')}`)]),
    ...checkArguments(call, shape.inputSchema, place, context, true).map((found) => remembered(found, known)),
  ];
}

function unknownTool(server: string, tool: string, { tools }: KnownServer, at: DocumentPath): Finding {
  return error(
    'unknown_tool',
    at,
    `server '${server}' has no tool '${tool}'`,
    suggestion(tool, tools.keys(), 'it has'),
  );
}

/** What was not asked now may be different by now. */
export function remembered(finding: Finding, { askedAt }: KnownServer): Finding {
  if (askedAt === undefined) return finding;
  const note = `as the server was on ${askedAt.slice(0, 10)}; validate --connect asks again`;
  return { ...finding, hint: finding.hint === undefined ? note : `${finding.hint}; ${note}` };
}

/** `fillsIn`: who is called puts in the defaults of what is missing. A server may; a workflow's own check does not. */
function checkArguments(
  call: CallFact,
  schema: JsonSchema,
  place: StepPlace,
  context: CallContext,
  fillsIn: boolean,
): Finding[] {
  if (context.givenArguments.has(place.id)) return [];
  // A step is JSON; its interface only lacks the index signature of it.
  const given = (place.step as unknown as JsonObject)[call.argumentsKey];
  const at = given === undefined ? [...place.at, ...call.at] : [...place.at, call.argumentsKey];
  return new ArgumentCheck(schema, place, context, fillsIn).value(given ?? {}, schema, at, 'the arguments', 0);
}

const MAX_DEPTH = 16;

/** One value of a definition against one schema. */
class ArgumentCheck {
  readonly #root: JsonSchema;
  readonly #place: StepPlace;
  readonly #context: CallContext;
  readonly #fillsIn: boolean;

  constructor(root: JsonSchema, place: StepPlace, context: CallContext, fillsIn: boolean) {
    this.#fillsIn = fillsIn;
    this.#root = root;
    this.#place = place;
    this.#context = context;
  }

  value(value: JsonValue, schema: JsonValue | undefined, at: DocumentPath, name: string, depth: number): Finding[] {
    if (schema === undefined || schema === true || depth > MAX_DEPTH) return [];
    const wrong = this.#type(value, schema, at, name);
    if (wrong !== undefined) return [wrong];
    if (!isJsonObject(schema)) return [];
    if (isJsonObject(value) && schema['$ref'] === undefined) {
      const inside = this.#members(value, schema, at, name, depth);
      if (inside.length > 0) return inside;
    }
    return isLiteral(value) ? this.#literal(value, schema, at, name) : [];
  }

  /** A value that can never be of the type. What is not there when it is rendered is null. */
  #type(value: JsonValue, schema: JsonValue, at: DocumentPath, name: string): Finding | undefined {
    const expected = typesOf({ kind: 'schema', schema, root: this.#root });
    const found = typesOf(valueShape(value, this.#context, 0, this.#place));
    if (expected === undefined || found === undefined || isLiteral(value)) return undefined;
    if ([...found].some((type) => expected.has(type))) return undefined;
    const [is, takes] = [wordsOf(found), wordsOf(expected)];
    return error(
      'invalid_arguments',
      at,
      `${name}: ${takes} is expected, and this is always ${is}`,
      hintFor(value, found),
    );
  }

  #members(value: JsonObject, schema: JsonObject, at: DocumentPath, name: string, depth: number): Finding[] {
    const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
    const names = Object.keys(properties);
    const required = Array.isArray(schema['required']) ? schema['required'].map(String) : [];
    // In an open object a misspelt name is no error by itself; beside a missing one it is what was meant.
    const strange = Object.keys(value).filter((key) => !Object.hasOwn(properties, key));
    const meantBy = (key: string): string | undefined => {
      const found = nearest(key, strange);
      return found === undefined ? undefined : `'${found}' is none of its names: did you mean '${key}'?`;
    };
    const missing = required
      // What has a default is filled in by the server.
      .filter((key) => !Object.hasOwn(value, key) && !(this.#fillsIn && hasDefault(properties[key], this.#root)))
      .map((key) =>
        error('invalid_arguments', at, `${name}: '${key}' is missing${typeNote(properties[key])}`, meantBy(key)),
      );
    const closed = schema['additionalProperties'] === false && schema['patternProperties'] === undefined;
    const unknown = Object.keys(value)
      .filter((key) => closed && !Object.hasOwn(properties, key))
      .map((key) => ({
        ...error('invalid_arguments', [...at, key], `${name}: unknown key '${key}'`, suggestion(key, names, 'known')),
        atKey: true,
      }));
    const inside = Object.entries(value).flatMap(([key, member]) =>
      this.value(member, ownProperty(properties, key), [...at, key], `'${key}'`, depth + 1),
    );
    return [...missing, ...unknown, ...inside];
  }

  /** All that the schema says, of a value that is fixed. */
  #literal(value: JsonValue, schema: JsonObject, at: DocumentPath, name: string): Finding[] {
    const { $schema, $defs, definitions } = this.#root;
    const whole = {
      ...($schema === undefined ? {} : { $schema }),
      ...($defs === undefined ? {} : { $defs }),
      ...(definitions === undefined ? {} : { definitions }),
      ...schema,
    };
    try {
      return compileSchema(this.#fillsIn ? withoutFilledIn(whole, this.#root) : whole)(value).map(({ path, message }) =>
        error('invalid_arguments', at, `${path === '$' ? name : `${name} ${path}`}: ${message}`),
      );
    } catch {
      // A schema that cannot be used on its own, or not at all: nothing can be said.
      return [];
    }
  }
}

/** Also where the default stands behind references inside the same schema. */
function hasDefault(schema: JsonValue | undefined, root: JsonSchema, hops = 0): boolean {
  if (!isJsonObject(schema) || hops > MAX_DEPTH) return false;
  if (schema['default'] !== undefined) return true;
  const reference = schema['$ref'];
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return false;
  const names = reference.slice(2).split('/');
  return hasDefault(
    valueAt(
      root,
      names.map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~')),
    ),
    root,
    hops + 1,
  );
}

function isLiteral(value: JsonValue): boolean {
  if (typeof value === 'string') return !value.includes('{{') && jsonataSource(value) === undefined;
  if (Array.isArray(value)) return value.every((item: JsonValue) => isLiteral(item));
  return !isJsonObject(value) || Object.values(value).every((member) => isLiteral(member));
}

/** The schema without demands that the server meets itself: a required property with a default, at any depth. */
function withoutFilledIn(schema: JsonObject, root: JsonSchema): JsonObject {
  return Object.fromEntries(
    Object.entries(schema).map(([key, member]) => {
      const { properties } = schema;
      if (key === 'required' && Array.isArray(member) && isJsonObject(properties)) {
        return [
          key,
          member.filter((name: JsonValue) => typeof name !== 'string' || !hasDefault(properties[name], root)),
        ];
      }
      return [key, filledInside(member, root)];
    }),
  );
}

function filledInside(value: JsonValue, root: JsonSchema): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => filledInside(item, root));
  return isJsonObject(value) ? withoutFilledIn(value, root) : value;
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ['string', 'text'],
  ['array', 'a list'],
  ['object', 'an object'],
  ['number', 'a number'],
  ['boolean', 'true or false'],
]);

function wordsOf(types: ReadonlySet<string>): string {
  return [...types].map((type) => WORDS.get(type) ?? type).join(' or ');
}

function typeNote(schema: JsonValue | undefined): string {
  const types = schema === undefined ? undefined : typesOf({ kind: 'schema', schema, root: {} });
  return types === undefined ? '' : ` (${wordsOf(types)})`;
}

function hintFor(value: JsonValue, found: ReadonlySet<string>): string | undefined {
  const text = typeof value === 'string' && found.has('string');
  return text && value.includes('{{') && !/^\{\{[^{}]*\}\}$/u.test(value)
    ? 'a template inside a text makes text; as the whole value it keeps its type'
    : undefined;
}
