import { z } from 'zod';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { JsonSchema } from './model.ts';
import { schemasFor, type DefinitionSchemas } from './schema/schemas.ts';
import type { StepSyntaxTable } from './step-syntax.ts';

/** Paired up below: written out as a member, `then` would look like a promise. */
const KEYWORDS = ['if', 'then'] as const;

const made = new WeakMap<StepSyntaxTable, JsonSchema>();

/**
 * The JSON Schema (2020-12) of a definition, made of the same zod schemas that parsing uses: it accepts exactly the
 * documents whose shape `parseDefinition` accepts. Steps are `$defs/step`, which chooses the kind by `type`; each kind
 * is `$defs/step_<type>`.
 */
export function definitionJsonSchema(syntaxes: StepSyntaxTable): JsonSchema {
  const known = made.get(syntaxes) ?? make(schemasFor(syntaxes));
  made.set(syntaxes, known);
  return known;
}

function make(schemas: DefinitionSchemas): JsonSchema {
  const kinds = [...schemas.kinds].map(([type, schema]): [string, JsonValue] => [
    `step_${type}`,
    convert(schema, schemas),
  ]);
  const { $schema, ...workflow } = convert(schemas.workflow, schemas);
  return {
    $schema: $schema ?? 'https://json-schema.org/draft/2020-12/schema',
    title: 'Workflow definition of mcp-workflow-engine',
    ...workflow,
    $defs: {
      step: stepChooser([...schemas.kinds.keys()], schemas.defaultKind),
      ...Object.fromEntries(kinds.map(([name, kind]) => [name, withoutDialect(kind)])),
    },
  };
}

/** Chooses by `type`, in the form in which editors complete best. */
function stepChooser(types: readonly string[], defaultKind: string | undefined): JsonSchema {
  return {
    type: 'object',
    description: 'A step.',
    required: ['id'],
    properties: {
      type: { enum: types, description: `Kind of the step. \`${defaultKind ?? ''}\` when it is left out.` },
    },
    allOf: types.map((type) => {
      const chosen = { properties: { type: { const: type } }, ...(type === defaultKind ? {} : { required: ['type'] }) };
      const parts = [chosen, { $ref: `#/$defs/step_${type}` }];
      return Object.fromEntries(KEYWORDS.map((keyword, index) => [keyword, parts[index] ?? {}]));
    }),
  };
}

function convert(schema: z.ZodType, schemas: DefinitionSchemas): JsonObject {
  const converted = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io: 'input',
    reused: 'inline',
    override: ({ zodSchema, jsonSchema }) => {
      const origin: unknown = zodSchema;
      if (origin === schemas.step) jsonSchema['$ref'] = '#/$defs/step';
      removeNoise(jsonSchema);
      addDefault(jsonSchema);
      if (jsonSchema.additionalProperties === false) jsonSchema['patternProperties'] = { '^x-': {} };
    },
  });
  // zod gives plain JSON; going through text drops its hidden members.
  const plain: unknown = JSON.parse(JSON.stringify(converted));
  if (!isJsonObject(plain)) throw new Error('a zod schema became no JSON Schema object');
  return plain;
}

/**
 * A bound that only says "a safe integer" and that no document can break: the lowest one, as every integer of ours is
 * positive.
 */
function removeNoise(jsonSchema: { [key: string]: unknown }): void {
  if (jsonSchema['minimum'] === Number.MIN_SAFE_INTEGER) delete jsonSchema['minimum'];
}

const DEFAULT = /\bDefault:? `?(?<value>[\w.-]*\w)`?(?:\.|,|$)|`(?<choice>\w+)` \(default\)/u;

/**
 * The default that the description names, as the keyword that editors complete from, where it is a value and not a
 * sentence.
 */
function addDefault(jsonSchema: { [key: string]: unknown }): void {
  const { description, type, enum: choices } = jsonSchema;
  const groups = typeof description === 'string' ? DEFAULT.exec(description)?.groups : undefined;
  const word = groups?.['value'] ?? groups?.['choice'];
  if (word === undefined || jsonSchema['default'] !== undefined) return;
  if (Array.isArray(choices)) {
    if (choices.includes(word)) jsonSchema['default'] = word;
  } else if (type === 'boolean') {
    if (word === 'true' || word === 'false') jsonSchema['default'] = word === 'true';
  } else if (isNumeric(jsonSchema) && /^\d+(?:\.\d+)?$/u.test(word)) {
    jsonSchema['default'] = Number(word);
  }
}

/** A number, or a number or a template that gives one. */
function isNumeric({ type, anyOf }: { readonly [key: string]: unknown }): boolean {
  if (Array.isArray(anyOf)) return anyOf.some((form: unknown) => isJsonObject(form) && isNumeric(form));
  return type === 'integer' || type === 'number';
}

function withoutDialect(schema: JsonValue): JsonValue {
  if (!isJsonObject(schema)) return schema;
  const { $schema: _dialect, ...rest } = schema;
  return rest;
}
