import { FORBIDDEN_NAMES, isJsonObject, ownProperty, type JsonObject, type JsonValue } from '../core/json.ts';
import type { DocumentPath } from './finding.ts';
import { inferInputSchema } from './infer-input.ts';
import type { Definition, Step } from './model.ts';
import { isExtensionKey } from './schema/issue-text.ts';
import { schemasFor } from './schema/schemas.ts';
import { valueAt } from './schema/check.ts';
import type { StepSyntaxTable } from './step-syntax.ts';

type Mutable = Record<string, JsonValue>;

/**
 * Fills in what a step may leave out, in place, at every depth: `type` (rule 1), `arguments` (rule 9), conditions
 * written as
 * `true` / `false`. Works on a tree that belongs to the caller and may be invalid; what does not fit is left alone.
 */
export function normaliseSteps(document: JsonObject, syntaxes: StepSyntaxTable): void {
  const normalise = (value: JsonValue | undefined): void => {
    if (!isJsonObject(value)) return;
    // The tree was made by the reader for this one parse.
    const step: Mutable = value;
    if (!('type' in step) && 'server' in step && 'action' in step) step['type'] = 'tool';
    const syntax = typeof step['type'] === 'string' ? syntaxes.get(step['type']) : undefined;
    if (syntax === undefined) return;
    if (typeof step['when'] === 'boolean') step['when'] = String(step['when']);
    if (!('arguments' in step) && schemasFor(syntaxes).keys.get(syntax.type)?.has('arguments') === true) {
      step['arguments'] = {};
    }
    // A step that is an object with a known type is all that `blocks` needs; see StepSyntax.
    for (const block of syntax.blocks(step as Step)) normaliseList(valueAt(step, block.at));
    normalise(step['compensate']);
  };
  const normaliseList = (list: JsonValue | undefined): void => {
    if (Array.isArray(list)) list.forEach(normalise);
  };
  for (const { at } of stepLists(document)) normaliseList(valueAt(document, at));
}

/** Where a definition has its outermost lists of steps. */
export function stepLists(
  document: JsonObject,
): readonly { readonly at: DocumentPath; readonly role: 'main' | 'catch' | 'finally' }[] {
  const clauses = document['catch'];
  const catches = Array.isArray(clauses) ? clauses.map((_, index: number) => ['catch', index, 'steps'] as const) : [];
  return [
    { at: ['steps'], role: 'main' },
    ...catches.map((at) => ({ at, role: 'catch' as const })),
    { at: ['finally'], role: 'finally' },
  ];
}

/** The definition of a document that fits the schemas and whose steps are normalised. */
export function toDefinition(document: JsonObject): Definition {
  const kept = Object.entries(document).filter(([key]) => key !== '$schema' && !isExtensionKey(key));
  const given = Object.fromEntries(kept);
  const variables = objectIn(given, 'variables');
  const declared = objectIn(variables, 'input');
  const input = { ...declared, ...schemaDefaults(objectIn(given, 'input_schema'), declared) };
  const normal: Mutable = {
    ...given,
    tags: given['tags'] ?? [],
    variables: {
      input,
      ...(variables['output'] === undefined ? {} : { output: objectIn(variables, 'output') }),
      global: objectIn(variables, 'global'),
      saved: objectIn(variables, 'saved'),
    },
    input_schema: given['input_schema'] ?? inferInputSchema(input),
    task: given['task'] ?? 'optional',
    strict: given['strict'] ?? false,
    secrets: given['secrets'] ?? [],
    conditionals: conditionalList(objectIn(given, 'conditionals')),
    tests: given['tests'] ?? [],
    ...(Array.isArray(given['catch']) ? { catch: given['catch'].map(catchClause) } : {}),
    ...(given['prompt'] === undefined ? {} : { prompt: promptWithBlocks(objectIn(given, 'prompt')) }),
  };
  // The schemas have checked every member; this is the door between the document and the typed model.
  return normal as unknown as Definition;
}

/**
 * The defaults of `input_schema`, where `variables.input` has none: whoever reads the schema is told that they hold.
 */
function schemaDefaults(schema: JsonObject, declared: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(objectIn(schema, 'properties')).flatMap(([name, property]): [string, JsonValue][] => {
      const fallback = isJsonObject(property) ? ownProperty(property, 'default') : undefined;
      const known = ownProperty(declared, name) ?? null;
      return fallback === undefined || known !== null || FORBIDDEN_NAMES.has(name) ? [] : [[name, fallback]];
    }),
  );
}

function conditionalList(conditionals: JsonObject): JsonObject[] {
  return Object.entries(conditionals).flatMap(([name, entry]) =>
    isJsonObject(entry)
      ? [
          {
            name,
            condition: conditionText(entry['condition']),
            if_true: asList(entry['if_true']),
            if_false: asList(entry['if_false']),
          },
        ]
      : [],
  );
}

function conditionText(condition: JsonValue | undefined): string {
  return typeof condition === 'string' ? condition : JSON.stringify(condition ?? false);
}

function catchClause(clause: JsonValue): JsonValue {
  if (!isJsonObject(clause) || clause['match'] === undefined) return clause;
  return { ...clause, match: asList(clause['match']) };
}

/** A message that is a text becomes a text block, and what only people read is left out. */
function promptWithBlocks(prompt: JsonObject): JsonObject {
  const messages: readonly JsonValue[] = Array.isArray(prompt['messages']) ? prompt['messages'] : [];
  return { ...withoutExtensions(prompt), messages: messages.map(messageWithBlock) };
}

function messageWithBlock(message: JsonValue): JsonValue {
  if (!isJsonObject(message)) return message;
  const { content } = message;
  const block = isJsonObject(content) ? withoutExtensions(content) : { type: 'text', text: content ?? '' };
  return { ...withoutExtensions(message), content: block };
}

function withoutExtensions(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !isExtensionKey(key)));
}

function asList(value: JsonValue | undefined): readonly JsonValue[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function objectIn(value: JsonObject, key: string): JsonObject {
  const member = value[key];
  return isJsonObject(member) ? member : {};
}
