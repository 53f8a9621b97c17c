import { isJsonObject, ownProperty, type JsonObject, type JsonValue } from '../core/json.ts';
import { definitionJsonSchema } from './json-schema.ts';
import type { StepSyntaxTable } from './step-syntax.ts';

/** One key as the reference shows it. */
interface KeyRow {
  /** Where it stands below its table: `retry.max_attempts`, `cases[].when`. */
  readonly key: string;
  readonly type: string;
  readonly required: boolean;
  readonly text: string;
}

const INTRODUCTION = `# Reference of the definition language

Made from the schemas that definitions are checked with; \`npm run reference\` writes it anew. What the keys mean together is in
[definition-language.md](definition-language.md), tasks that people have in [cookbook.md](cookbook.md).

A key with a default may be left out. Keys that begin with \`x-\` are yours. Times are in seconds, fractions are fine.
`;

/** A definition that shows the workflow's own keys; a test runs it. */
export const WORKFLOW_EXAMPLE = `name: fetch_page
title: Fetch a page
description: Fetches a page and says how long it is.
tags: [web]
input_schema:
  type: object
  properties: { url: { type: string, minLength: 1 } }
  required: [url]
  additionalProperties: false
variables:
  saved: { runs: 0 }
timeout_seconds: 120
budget: { tool_calls: 5 }
steps:
  - id: fetch
    server: web
    action: fetch
    arguments: { url: '{{input.url}}' }
    timeout_seconds: 20
    retry: { max_attempts: 3, delay_seconds: 1, backoff: exponential, retry_on: [timeout, transport] }
  - id: count
    type: set
    values: { characters: '{{fetch.text | length}}' }
    assign: { variables.saved.runs: '{% saved.runs + 1 %}' }
catch:
  - match: tool_error
    steps:
      - id: not_there
        type: succeed
        output: { characters: 0, runs: '{{saved.runs}}' }
output: { characters: '{{count.output.characters}}', runs: '{{saved.runs}}' }
output_schema:
  type: object
  properties: { characters: { type: integer }, runs: { type: integer } }
  required: [characters]
tests:
  - name: the second attempt works
    input: { url: 'https://example.com' }
    mocks: { fetch: { sequence: [{ error: { code: timeout } }, { output: hello }] } }
    expect: { output: { characters: 5, runs: 1 } }
  - name: a page that is not there has no characters
    input: { url: 'https://example.com/none' }
    mocks: { fetch: { error: not found } }
    expect: { output: { characters: 0, runs: 0 } }
`;

/** The reference as Markdown: every key of a definition, of any step, and of each kind of the table. */
export function definitionReference(syntaxes: StepSyntaxTable): string {
  const schema = definitionJsonSchema(syntaxes);
  const kinds = [...syntaxes.values()].map((syntax) => ({
    syntax,
    schema: objectAt(objectAt(schema, '$defs'), `step_${syntax.type}`),
  }));
  const common = commonKeys(kinds.map((kind) => kind.schema));
  const [first] = kinds;
  return [
    INTRODUCTION,
    '## The definition\n',
    keyTable(rowsOf(schema, (key) => key !== '$schema')),
    fenced(WORKFLOW_EXAMPLE),
    '## Any step\n',
    first === undefined ? '' : keyTable(rowsOf(first.schema, (key) => common.has(key))),
    ...kinds.flatMap(({ syntax, schema: own }) => [
      `## \`${syntax.type}\`\n`,
      `${syntax.summary}\n`,
      keyTable(rowsOf(own, (key) => !common.has(key) && key !== 'type')),
      fenced(syntax.example),
    ]),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** Keys that every kind has with the same words. */
function commonKeys(schemas: readonly JsonObject[]): ReadonlySet<string> {
  const [first, ...others] = schemas.map((schema) => objectAt(schema, 'properties'));
  return new Set(
    Object.entries(first ?? {}).flatMap(([key, value]) => {
      const text = JSON.stringify(value);
      return others.every((properties) => JSON.stringify(ownProperty(properties, key)) === text) ? [key] : [];
    }),
  );
}

function rowsOf(schema: JsonObject, wanted: (key: string) => boolean): readonly KeyRow[] {
  const required = schema['required'];
  return Object.entries(objectAt(schema, 'properties')).flatMap(([key, value]) => {
    if (!wanted(key) || !isJsonObject(value)) return [];
    const row: KeyRow = {
      key,
      type: typeOf(value),
      required: Array.isArray(required) && required.includes(key),
      text: descriptionOf(value),
    };
    return [row, ...innerRows(key, value)];
  });
}

/** Keys below a key. A key that several forms of a value have is shown once, with every type. */
function innerRows(key: string, schema: JsonObject): readonly KeyRow[] {
  const rows: KeyRow[] = [];
  for (const form of formsOf(schema)) {
    rows.push(...rowsOf(form, () => true).map((row) => ({ ...row, key: `${key}.${row.key}` })));
    const { items, additionalProperties: members } = form;
    if (isJsonObject(items)) rows.push(...innerRows(`${key}[]`, items));
    if (isJsonObject(members)) rows.push(...innerRows(`${key}.<name>`, members));
  }
  const byKey = new Map<string, KeyRow>();
  for (const row of rows) {
    const known = byKey.get(row.key);
    if (known === undefined) byKey.set(row.key, row);
    else if (!known.type.split(', ').includes(row.type)) {
      byKey.set(row.key, { ...known, type: `${known.type}, ${row.type}` });
    }
  }
  return [...byKey.values()].filter((row) => row.text !== '');
}

function formsOf(schema: JsonObject): readonly JsonObject[] {
  const alternatives = schema['anyOf'] ?? schema['oneOf'];
  return Array.isArray(alternatives) ? alternatives.filter(isJsonObject).flatMap(formsOf) : [schema];
}

function typeOf(schema: JsonObject): string {
  const { enum: choices, const: only, type, $ref } = schema;
  if (only !== undefined) return word(only);
  if (Array.isArray(choices)) return choices.map(word).join(', ');
  if (typeof $ref === 'string') return 'step';
  const forms = formsOf(schema);
  if (forms.length > 1 || forms[0] !== schema) return [...new Set(forms.map(typeOf))].join(' or ');
  if (Array.isArray(type)) return type.map(String).join(' or ');
  if (type === 'array') {
    const { items } = schema;
    const inner = isJsonObject(items) ? typeOf(items) : 'any';
    return inner === 'any' ? 'list' : `list of ${inner}`;
  }
  return typeof type === 'string' ? type : 'any';
}

function word(value: JsonValue): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function descriptionOf(schema: JsonObject): string {
  const own = schema['description'];
  if (typeof own === 'string') return own;
  const inner = formsOf(schema).find((form) => typeof form['description'] === 'string')?.['description'];
  return typeof inner === 'string' ? inner : '';
}

/** `Default x.` is a column of its own; everything after it stays. */
const DEFAULT = /\s*Default:? (?<value>(?:[^.]|\.(?!\s|$))*)\.(?=\s|$)/u;

function keyTable(rows: readonly KeyRow[]): string {
  if (rows.length === 0) return '';
  const lines = rows.map(({ key, type, required, text }) => {
    const value = required ? 'required' : (DEFAULT.exec(text)?.groups?.['value'] ?? '');
    const meaning = text.replace(DEFAULT, '').trim();
    return `| \`${key}\` | ${cell(type)} | ${cell(value)} | ${cell(unitOf(key))} | ${cell(meaning)} |`;
  });
  return ['| Key | Type | Default | Unit | |', '| --- | --- | --- | --- | --- |', ...lines, ''].join('\n');
}

const UNITS: readonly (readonly [RegExp, string])[] = [
  [/(?:^|[._])seconds$/u, 'seconds'],
  [/(?:^|\.)bytes$/u, 'bytes'],
  [/(?:^|[._])tokens$/u, 'tokens'],
];

function unitOf(key: string): string {
  return UNITS.find(([pattern]) => pattern.test(key))?.[1] ?? '';
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function fenced(yaml: string): string {
  return `\`\`\`yaml\n${yaml.trimEnd()}\n\`\`\`\n`;
}

function objectAt(value: JsonObject, key: string): JsonObject {
  const member = ownProperty(value, key);
  return isJsonObject(member) ? member : {};
}
