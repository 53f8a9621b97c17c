import { PromptSchema, ResourceSchema, ResourceTemplateSchema, ToolSchema } from '@modelcontextprotocol/sdk/types.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { ProtocolDeps } from './deps.ts';

/** What clients of the SDK hold each entry of a list to; they refuse the whole list for one that does not fit. */
const SCHEMAS = {
  tool: ToolSchema,
  prompt: PromptSchema,
  resource: ResourceSchema,
  template: ResourceTemplateSchema,
} as const;

const said = new WeakMap<object, Set<string>>();

/**
 * The entries that clients take. One that they would refuse is left out and logged once: nothing that one definition
 * says takes the others away.
 */
export function fitting<T extends JsonObject>(
  kind: keyof typeof SCHEMAS,
  entries: readonly T[],
  deps: Pick<ProtocolDeps, 'logger'>,
): readonly T[] {
  return entries.filter((entry) => {
    const checked = SCHEMAS[kind].safeParse(entry);
    if (checked.success) return true;
    const names = [entry['name'], entry['uri'], entry['uriTemplate']];
    const name = names.find((one) => typeof one === 'string') ?? '';
    const told = said.get(deps.logger) ?? new Set();
    said.set(deps.logger, told);
    if (!told.has(`${kind} ${name}`)) {
      const [issue] = checked.error.issues;
      const why = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
      deps.logger.error(
        { [kind]: name, why },
        `this ${kind} is left out of the list: clients would refuse the whole list`,
      );
    }
    told.add(`${kind} ${name}`);
    return false;
  });
}

/** A schema as clients take it: `true` and `false` where they want an object are written as one, and mean the same. */
export function publishedSchema(schema: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(schema).map(([key, member]) => [key, publishedMember(key, member)]));
}

/** Keywords that hold schemas by name, and those that hold one or a list of them. */
const BY_NAME = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);
const ONE_OR_LIST = new Set([
  'items',
  'prefixItems',
  'contains',
  'oneOf',
  'anyOf',
  'allOf',
  'not',
  'if',
  'then',
  'else',
]);

function publishedMember(key: string, member: JsonValue): JsonValue {
  if (BY_NAME.has(key) && isJsonObject(member)) {
    return Object.fromEntries(Object.entries(member).map(([name, schema]) => [name, asObject(schema)]));
  }
  if (ONE_OR_LIST.has(key)) return Array.isArray(member) ? member.map(asObject) : asObject(member);
  // These are `false` in every second schema, and every client takes that.
  return isJsonObject(member) && (key === 'additionalProperties' || key === 'unevaluatedProperties')
    ? publishedSchema(member)
    : member;
}

function asObject(schema: JsonValue): JsonValue {
  if (schema === true) return {};
  if (schema === false) return { not: {} };
  return isJsonObject(schema) ? publishedSchema(schema) : schema;
}
