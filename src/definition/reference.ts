import { parse, stringify } from 'yaml';
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

A key with a default may be left out. Each example is taken from a definition that a test runs. Keys that begin with \`x-\` are yours. Times are in seconds, fractions are fine.
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

/** A whole definition that shows keys; a test runs it. */
export interface ReferenceExample {
  /** Name in the folder `docs/reference-examples`. */
  readonly file: string;
  readonly text: string;
}

/**
 * The reference as Markdown: every key of a definition, of any step, and of each kind of the table, each with how it is
 * written in one of the examples (its kind's own first).
 */
export function definitionReference(syntaxes: StepSyntaxTable, examples: readonly ReferenceExample[]): string {
  const schema = definitionJsonSchema(syntaxes);
  const documents = [WORKFLOW_EXAMPLE, ...examples.map(({ text }) => text)].map((text) => parsedExample(text));
  const steps = documents.flatMap((document) => stepsIn(document));
  const kinds = [...syntaxes.values()].map((syntax) => ({
    syntax,
    schema: objectAt(objectAt(schema, '$defs'), `step_${syntax.type}`),
  }));
  const common = commonKeys(kinds.map((kind) => kind.schema));
  const [first] = kinds;
  return [
    INTRODUCTION,
    '## The definition\n',
    keyTable(
      rowsOf(schema, (key) => key !== '$schema'),
      documents,
    ),
    fenced(WORKFLOW_EXAMPLE),
    examplesLine(examples),
    '## Any step\n',
    first === undefined
      ? ''
      : keyTable(
          rowsOf(first.schema, (key) => common.has(key)),
          steps,
        ),
    ...kinds.flatMap(({ syntax, schema: own }) => [
      `## \`${syntax.type}\`\n`,
      `${syntax.summary}\n`,
      keyTable(
        rowsOf(own, (key, value) => key !== 'type' && common.get(key) !== JSON.stringify(value)),
        [parsedExample(syntax.example), ...steps.filter((step) => (step['type'] ?? 'tool') === syntax.type)],
      ),
      fenced(syntax.example),
    ]),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** Keys that most kinds have with the same words, and those words. */
function commonKeys(schemas: readonly JsonObject[]): ReadonlyMap<string, string> {
  const counts = new Map<string, Map<string, number>>();
  for (const schema of schemas) {
    for (const [key, value] of Object.entries(objectAt(schema, 'properties'))) {
      const forms = counts.get(key) ?? new Map<string, number>();
      const text = JSON.stringify(value);
      forms.set(text, (forms.get(text) ?? 0) + 1);
      counts.set(key, forms);
    }
  }
  return new Map(
    [...counts].flatMap(([key, forms]) =>
      [...forms].flatMap(([text, count]): [string, string][] => (count * 2 > schemas.length ? [[key, text]] : [])),
    ),
  );
}

function rowsOf(schema: JsonObject, wanted: (key: string, value: JsonValue) => boolean): readonly KeyRow[] {
  const required = schema['required'];
  return Object.entries(objectAt(schema, 'properties')).flatMap(([key, value]) => {
    if (!isJsonObject(value) || !wanted(key, value)) return [];
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
    const types = [...(known?.type.split(', ') ?? []), ...row.type.split(', ')];
    byKey.set(row.key, { ...(known ?? row), type: [...new Set(types)].join(', ') });
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

function keyTable(rows: readonly KeyRow[], examples: readonly JsonObject[]): string {
  if (rows.length === 0) return '';
  const lines = rows.map(({ key, type, required, text }) => {
    const value = required ? 'required' : (DEFAULT.exec(text)?.groups?.['value'] ?? '');
    const meaning = text.replace(DEFAULT, '').trim();
    const shown = code(exampleOf(key, examples));
    return `| \`${key}\` | ${cell(type)} | ${cell(value)} | ${cell(unitOf(key))} | ${cell(meaning)} | ${cell(shown)} |`;
  });
  return ['| Key | Type | Default | Unit | | Example |', '| --- | --- | --- | --- | --- | --- |', ...lines, ''].join(
    '\n',
  );
}

const LONGEST_EXAMPLE = 60;

/** How a key is written in the first example that has it, on one line. */
function exampleOf(key: string, examples: readonly JsonObject[]): string {
  const path = key.split('.').flatMap((part) => [part.replaceAll('[]', ''), ...(part.match(/\[\]/gu) ?? [])]);
  for (const example of examples) {
    const found = valueIn(example, path);
    if (found === undefined) continue;
    const text = stringify(found, { collectionStyle: 'flow', lineWidth: 0, singleQuote: true }).trim();
    const line = text.replaceAll(/\s+/gu, ' ');
    return line.length > LONGEST_EXAMPLE ? `${line.slice(0, LONGEST_EXAMPLE - 1).trimEnd()}…` : line;
  }
  return '';
}

/** The first value at a path in which `[]` is any item of a list and `<name>` any member of a map. */
function valueIn(value: JsonValue | undefined, [segment, ...rest]: readonly string[]): JsonValue | undefined {
  if (segment === undefined || value === undefined) return value;
  const inner =
    segment === '[]'
      ? Array.isArray(value)
        ? (value as readonly JsonValue[])
        : []
      : isJsonObject(value)
        ? segment === '<name>'
          ? Object.values(value)
          : [ownProperty(value, segment)]
        : [];
  for (const member of inner) {
    const found = valueIn(member, rest);
    if (found !== undefined) return found;
  }
  return undefined;
}

function parsedExample(text: string): JsonObject {
  const value: unknown = parse(text);
  return isJsonObject(value) ? value : {};
}

/** Every step in an example, at any depth: what has an `id` is one. */
function stepsIn(value: JsonValue): readonly JsonObject[] {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).flatMap(stepsIn);
  if (!isJsonObject(value)) return [];
  const inside = Object.values(value).flatMap(stepsIn);
  return typeof value['id'] === 'string' ? [value, ...inside] : inside;
}

function examplesLine(examples: readonly ReferenceExample[]): string {
  const links = examples.map(
    ({ file }) => `[${file.replace(/^\d+-|\.yaml$/gu, '').replaceAll('-', ' ')}](reference-examples/${file})`,
  );
  return links.length === 0
    ? ''
    : `More definitions from which the examples in these tables are: ${links.join(', ')}.\n`;
}

function code(text: string): string {
  // A text with a backtick in it needs more of them around it.
  return text === '' ? '' : text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
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
