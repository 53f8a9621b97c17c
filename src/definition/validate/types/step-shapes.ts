import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import type { KnownServers } from '../../known-tools.ts';
import type { JsonSchema, Step } from '../../model.ts';
import { jsonataSource } from '../../expression/jsonata.ts';
import { parseTemplate } from '../../expression/template-syntax.ts';
import type { OutputFact } from '../../step-syntax.ts';
import type { Outline, StepPlace } from '../outline.ts';
import { memberShape, type Member, type Shape } from './shape.ts';

/** What there is to know about the values of a definition. */
export interface TypeContext {
  readonly outline: Outline;
  readonly document: JsonObject;
  readonly known: KnownServers;
  /** `output_schema` of another workflow. */
  readonly workflowOutput: (name: string) => JsonSchema | undefined;
}

/** Members that every step has, and which have members of their own. */
const TEXT: Shape = { kind: 'scalar', type: 'string' };
const NUMBER: Shape = { kind: 'scalar', type: 'number' };
const ANYTHING = (): Shape => undefined;
const COMMON: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ['status', TEXT],
  ['attempts', NUMBER],
  ['text', TEXT],
  ['json', undefined],
  ['cached', { kind: 'scalar', type: 'boolean' }],
  [
    'error',
    {
      kind: 'object',
      members: new Map([
        ['code', () => TEXT],
        ['message', () => TEXT],
        ['step', () => TEXT],
        ['data', ANYTHING],
      ]),
    },
  ],
]);

/** Members of any result that nobody is told to read. */
const ALWAYS: ReadonlySet<string> = new Set(['interrupted', 'assigned']);

/** How deep a shape is followed through `set` steps that read each other. */
const MAX_FOLLOWED = 12;

/** Where a path leads to nothing: the members before, and what there is instead. */
export interface DeadEnd {
  readonly is: Exclude<Member['is'], 'possible'>;
  /** Index in the path of the member that is not there. */
  readonly index: number;
  readonly known: readonly string[];
}

/** What a path that begins at a step (`fetch.output.title`) or at the input names, or where it ends. */
export function pathShape(path: readonly (string | number)[], context: TypeContext, followed = 0): Shape | DeadEnd {
  const start = startOf(path, context, followed);
  if (start === undefined) return undefined;
  let { shape } = start;
  for (let index = start.index; index < path.length; index += 1) {
    const member = memberShape(shape, path[index] ?? '');
    if (member.is !== 'possible') return { is: member.is, index, known: member.known };
    shape = member.shape;
  }
  return shape;
}

/** A member that the result of a step does not have: `fetch.outptu`. */
export function unknownStepMember(
  path: readonly (string | number)[],
  { outline }: TypeContext,
): { readonly step: string; readonly member: string; readonly known: readonly string[] } | undefined {
  const [root, second] = path.map(String);
  const place = placeOf(root ?? '', second, outline);
  const member = path[root === 'steps' ? 2 : 1];
  const own = place?.syntax.members;
  if (place === undefined || own === undefined || member === undefined) return undefined;
  const known = new Set(['output', ...COMMON.keys(), ...own, ...(place.syntax.inside ?? [])]);
  return known.has(String(member)) || ALWAYS.has(String(member))
    ? undefined
    : { step: place.id, member: String(member), known: [...known] };
}

export function isDeadEnd(found: Shape | DeadEnd): found is DeadEnd {
  return found !== undefined && 'is' in found;
}

/** The shape at the beginning of a path, and the index of the first member behind it. */
function startOf(
  path: readonly (string | number)[],
  context: TypeContext,
  followed: number,
): { readonly shape: Shape; readonly index: number } | undefined {
  const [root, second] = path.map(String);
  if (root === 'input' || (root === 'variables' && second === 'input')) {
    // What the first member is about is checked with the variables.
    const schema = context.document['input_schema'];
    const index = root === 'input' ? 1 : 2;
    if (!isJsonObject(schema) || path.length <= index) return undefined;
    const first = memberShape({ kind: 'schema', schema, root: schema }, path[index] ?? '');
    return first.is === 'possible' ? { shape: first.shape, index: index + 1 } : undefined;
  }
  const place = placeOf(root ?? '', second, context.outline);
  if (place === undefined) return undefined;
  const at = root === 'steps' ? 2 : 1;
  const member = path[at];
  if (member === undefined) return undefined;
  if (member === 'output') return { shape: outputShape(place, context, followed), index: at + 1 };
  if (member === 'items' || member === 'failures') {
    const isList = place.syntax.output?.(place.step)?.is === 'items';
    const entry = (): Shape => itemShape(place, context, followed);
    return isList ? { shape: { kind: 'each', entry }, index: at + 1 } : undefined;
  }
  return COMMON.has(String(member)) ? { shape: COMMON.get(String(member)), index: at + 1 } : undefined;
}

function placeOf(root: string, second: string | undefined, { byId, ids }: Outline): StepPlace | undefined {
  if (root === 'steps') return second === undefined ? undefined : byId.get(second);
  if (ids.has(root)) return byId.get(root);
  return root.startsWith('step_') ? byId.get(root.slice('step_'.length)) : undefined;
}

function outputShape(place: StepPlace, context: TypeContext, followed: number): Shape {
  const fact = place.syntax.output?.(place.step);
  return fact === undefined || followed > MAX_FOLLOWED ? undefined : factShape(fact, place, context, followed);
}

function factShape(fact: OutputFact, place: StepPlace, context: TypeContext, followed: number): Shape {
  switch (fact.is) {
    case 'schema':
      return schemaShape(fact.schema);
    case 'template':
      return valueShape(fact.value, context, followed, place);
    case 'tool':
      return schemaShape(context.known.get(fact.server)?.tools.get(fact.tool)?.outputSchema);
    case 'workflow':
      return schemaShape(context.workflowOutput(fact.name));
    case 'members': {
      const members = [...fact.members].map(
        ([name, steps]) => [name, () => lastShape(steps, context, followed + 1)] as const,
      );
      return { kind: 'object', members: new Map(members) };
    }
    case 'items':
      return { kind: 'each', entry: () => lastShape(fact.steps, context, followed + 1) };
  }
}

/** The output of a list of steps: that of its last step, where that runs in any case. */
function lastShape(steps: readonly Step[], context: TypeContext, followed: number): Shape {
  const last = steps.at(-1);
  const place = last === undefined ? undefined : context.outline.byId.get(last.id);
  if (place === undefined || place.step.when !== undefined || isNamedElsewhere(place.id, context.document)) {
    return undefined;
  }
  return outputShape(place, context, followed);
}

const texts = new WeakMap<JsonObject, string>();

/** A step that something may target runs only then; what merely reads it writes it in a longer text. */
function isNamedElsewhere(id: string, document: JsonObject): boolean {
  const text = texts.get(document) ?? JSON.stringify(document);
  texts.set(document, text);
  return text.split(JSON.stringify(id)).length > 2;
}

/** What `.items` of a step says of each of its items. */
function itemShape(place: StepPlace, context: TypeContext, followed: number): Shape {
  const fact = place.syntax.output?.(place.step);
  if (fact?.is !== 'items') return undefined;
  const output = (): Shape => lastShape(fact.steps, context, followed + 1);
  return {
    kind: 'object',
    members: new Map([
      ['index', () => NUMBER],
      ['item', ANYTHING],
      ['status', () => TEXT],
      ['output', output],
      ['error', () => COMMON.get('error')],
    ]),
  };
}

function schemaShape(schema: JsonValue | undefined): Shape {
  return isJsonObject(schema) ? { kind: 'schema', schema, root: schema } : undefined;
}

/**
 * What a value of the definition becomes when it is rendered at a place. Names that a block binds there are not
 * followed.
 */
export function valueShape(value: JsonValue, context: TypeContext, followed: number, place: StepPlace): Shape {
  if (typeof value === 'string') return textShape(value, context, followed, place);
  if (typeof value === 'number') return NUMBER;
  if (typeof value === 'boolean') return { kind: 'scalar', type: 'boolean' };
  if (value === null) return { kind: 'scalar', type: 'null' };
  const inner = (member: JsonValue) => (): Shape => valueShape(member, context, followed + 1, place);
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item: JsonValue) => inner(item)) };
  return isJsonObject(value)
    ? { kind: 'object', members: new Map(Object.entries(value).map(([key, member]) => [key, inner(member)])) }
    : undefined;
}

function textShape(text: string, context: TypeContext, followed: number, place: StepPlace): Shape {
  if (jsonataSource(text) !== undefined) return undefined;
  if (!text.includes('{{')) return TEXT;
  const { whole } = parseTemplate(text);
  if (whole === undefined) return TEXT;
  if (whole.filters.length > 0 || isBoundName(whole.path[0], place)) return undefined;
  const found = pathShape(whole.path, context, followed + 1);
  return isDeadEnd(found) ? undefined : found;
}

function isBoundName(name: string, place: StepPlace): boolean {
  for (let at: StepPlace | undefined = place; at !== undefined; at = at.list.owner) {
    if (at.list.block?.binds?.includes(name) === true) return true;
  }
  return false;
}
