import { FORBIDDEN_NAMES, isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { JsonSchema } from '../model.ts';

/** One argument of the workflow to be. */
export interface StarterInput {
  readonly name: string;
  /** `type`, `description`, `enum`, `items` and `default` only, so that `sampleOf` fits it. */
  readonly schema: JsonSchema;
  readonly required: boolean;
}

const TYPES = ['string', 'number', 'integer', 'boolean', 'array', 'object'];

/** Types that `--input name:type` takes, for messages. */
export const INPUT_TYPES: readonly string[] = TYPES;

/**
 * `name`, `name:type`, `name=default`, `name:type=default`. Without a type the default decides, and without either it
 * is a text. A text where anything else is expected is read as JSON. An input with a default need not be given.
 * @returns what is wrong, as a text
 */
export function parseInput(text: string): StarterInput | string {
  const match = /^(?<name>[A-Za-z_][A-Za-z0-9_-]*)(?::(?<type>[a-z]+))?(?:=(?<value>.*))?$/su.exec(text.trim());
  const { name, type, value } = match?.groups ?? {};
  if (name === undefined || FORBIDDEN_NAMES.has(name))
    return `'${text}': expected name, name:type or name:type=default`;
  if (type !== undefined && !TYPES.includes(type)) return `'${text}': the type is one of ${TYPES.join(', ')}`;
  if (value === undefined) return { name, schema: { type: type ?? 'string' }, required: true };
  const given = type === 'string' ? value : jsonOrText(value);
  const found = typeOf(given);
  if (type === undefined && found === 'null')
    return `'${text}': with null the type is needed, or leave the default out`;
  const fits = type === undefined || type === found || (type === 'number' && found === 'integer');
  if (!fits) return `'${text}': '${value}' is no ${type}`;
  // A whole number does not say that fractions are wrong.
  const meant = type ?? (found === 'integer' ? 'number' : found);
  return { name, schema: { type: meant, default: given }, required: false };
}

/** What a template can name in quotes. */
const NAMEABLE = /^[^'"\\{}\p{Cc}]+$/u;

/**
 * The arguments that a tool insists on, as arguments of the workflow; `others`: those that it also takes, with their
 * types.
 */
export function inputsOf(toolSchema: JsonSchema): {
  readonly inputs: readonly StarterInput[];
  readonly others: readonly string[];
} {
  const properties = isJsonObject(toolSchema['properties']) ? toolSchema['properties'] : {};
  const required = Array.isArray(toolSchema['required']) ? toolSchema['required'] : [];
  const inputs: StarterInput[] = [];
  const others: string[] = [];
  for (const [name, property] of Object.entries(properties)) {
    if (FORBIDDEN_NAMES.has(name)) continue;
    const schema = simplified(isJsonObject(property) ? property : {});
    if (required.includes(name) && NAMEABLE.test(name)) inputs.push({ name, schema, required: true });
    else others.push(typeof schema['type'] === 'string' ? `${name} (${schema['type']})` : name);
  }
  return { inputs, others };
}

/** The template that names an input out of `inputsOf` or `parseInput`. */
export function inputTemplate(name: string): string {
  const plain = /^[A-Za-z_][A-Za-z0-9_-]*$/u.test(name);
  return plain ? `{{input.${name}}}` : `{{input['${name}']}}`;
}

/** A value that fits the schema of a `StarterInput`. */
export function sampleOf({ schema, name }: StarterInput): JsonValue {
  if (schema['default'] !== undefined) return schema['default'];
  if (Array.isArray(schema['enum'])) return schema['enum'][0] ?? null;
  if (schema['type'] === 'array') return [sample(schema['items'], 'first'), sample(schema['items'], 'second')];
  return sample(schema, `some ${name.replaceAll('_', ' ')}`);
}

function sample(schema: JsonValue | undefined, text: string): JsonValue {
  switch (isJsonObject(schema) ? schema['type'] : undefined) {
    case 'number':
    case 'integer':
      return 1;
    case 'boolean':
      return true;
    case 'array':
      return [];
    case 'object':
      return {};
    default:
      return text;
  }
}

const LONGEST_DESCRIPTION = 160;

/** What of a property's schema a person wants in a starter: what it is, without what only machines check. */
function simplified(property: JsonObject): JsonSchema {
  const { type, description, enum: choices, items } = property;
  const plain = Array.isArray(type) ? type.find((entry) => entry !== 'null') : type;
  // Choices say it all, and need not be of the type that stands beside them.
  const listed = Array.isArray(choices) && choices.length > 0;
  const known = typeof plain === 'string' && TYPES.includes(plain) && !listed ? { type: plain } : {};
  const itemType = isJsonObject(items) ? simplified(items)['type'] : undefined;
  const line = typeof description === 'string' ? (description.trim().split('\n')[0] ?? '').trim() : '';
  return {
    ...known,
    ...(line === '' ? {} : { description: line.slice(0, LONGEST_DESCRIPTION) }),
    ...(listed ? { enum: choices } : {}),
    ...(plain === 'array' && itemType !== undefined ? { items: { type: itemType } } : {}),
  };
}

function jsonOrText(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

function typeOf(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}
