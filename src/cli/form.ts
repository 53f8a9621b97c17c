import { isJsonObject } from '../core/json.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { compileSchema, SchemaError } from '../definition/schema-validator.ts';
import type { InputRequest } from '../engine/journal.ts';
import { typedValue } from './arguments.ts';
import { CommandError } from './exit.ts';
import { plainLine, plainText } from './terminal.ts';

/** Asks a line; `undefined` = end of input. */
export type AskLine = (question: string) => Promise<string | undefined>;

/** One question of a form, out of one property of the requested schema. */
export interface Field {
  readonly name: string;
  readonly schema: JsonObject;
  readonly required: boolean;
  readonly choices: readonly Choice[];
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

/** Typed instead of an answer. */
const DECLINE = '!decline';
const DISMISS = '!cancel';

/** True when a person at a terminal can answer it: a form or a link. A model's turn is not. */
export function canAnswer(request: InputRequest): boolean {
  return request.method === 'elicitation/create';
}

/**
 * Asks an elicitation field by field and resolves with its result in MCP's shape: `accept` with the content, `decline`,
 * or
 * `cancel` when the input ended (Ctrl-D). A line that does not fit is asked again.
 */
export async function askForm(request: InputRequest, ask: AskLine, say: (text: string) => void): Promise<JsonObject> {
  const { params } = request;
  say(`\n${plainText(textOf(params['message']))}\n`);
  if (params['mode'] === 'url') return askLink(textOf(params['url']), ask, say);
  const fields = fieldsOf(params['requestedSchema']);
  say(`(${DECLINE} declines, ${DISMISS} or Ctrl-D dismisses)\n`);
  const content: Record<string, JsonValue> = {};
  if (fields.length === 0) {
    const answer = await ask('Press Enter to accept: ');
    return ending(answer) ?? { action: 'accept', content };
  }
  for (const field of fields) {
    const value = await askField(field, ask, say);
    if ('action' in value) return value;
    if (value.value !== undefined) content[field.name] = value.value;
  }
  return { action: 'accept', content };
}

async function askLink(url: string, ask: AskLine, say: (text: string) => void): Promise<JsonObject> {
  say(`Open ${plainLine(url)} and finish there.\n`);
  const answer = await ask(`Press Enter when done (${DECLINE} declines): `);
  return ending(answer) ?? { action: 'accept' };
}

async function askField(
  field: Field,
  ask: AskLine,
  say: (text: string) => void,
): Promise<{ readonly value: JsonValue | undefined } | { readonly action: 'decline' | 'cancel' }> {
  const fallback = field.schema['default'];
  for (const [index, choice] of field.choices.entries()) say(`  ${index + 1}. ${plainLine(choice.label)}\n`);
  for (;;) {
    const line = await ask(questionText(field));
    const ended = ending(line);
    if (ended !== undefined) return ended;
    const text = (line ?? '').trim();
    if (text === '' && fallback !== undefined) return { value: fallback };
    if (text === '' && !field.required) return { value: undefined };
    const answer = fitting(field, readAnswer(field, text));
    if ('value' in answer) return answer;
    say(`  ${plainLine(answer.problem)}\n`);
  }
}

function ending(line: string | undefined): { readonly action: 'decline' | 'cancel' } | undefined {
  if (line === undefined || line.trim() === DISMISS) return { action: 'cancel' };
  return line.trim() === DECLINE ? { action: 'decline' } : undefined;
}

function questionText({ name, schema, required, choices }: Field): string {
  const title = textOf(schema['title']) || name;
  const description = textOf(schema['description']);
  const fallback = schema['default'];
  const kind = choices.length > 0 ? '' : schema['type'] === 'boolean' ? ' (yes/no)' : '';
  const hint = fallback === undefined ? (required ? '' : ' [optional]') : ` [${JSON.stringify(fallback)}]`;
  return `${plainLine(title)}${description === '' ? '' : ` - ${plainLine(description)}`}${kind}${hint}: `;
}

type Answer = { readonly value: JsonValue } | { readonly problem: string };

/** What a line means for a field; the task service has the last word on whether it fits the schema. */
function readAnswer(field: Field, text: string): Answer {
  const { schema, choices } = field;
  if (text === '') return { problem: 'an answer is needed' };
  if (schema['type'] === 'array') {
    const picked = text.split(',').map((part) => pick(choices, part.trim()));
    const values = picked.filter((value) => value !== undefined);
    return values.length === picked.length
      ? { value: values }
      : { problem: `choose from 1 to ${choices.length}, with commas between` };
  }
  if (choices.length > 0) {
    const value = pick(choices, text);
    return value === undefined ? { problem: `choose from 1 to ${choices.length}` } : { value };
  }
  if (schema['type'] === 'boolean') {
    if (/^(?:y|yes|true)$/i.test(text)) return { value: true };
    return /^(?:n|no|false)$/i.test(text) ? { value: false } : { problem: 'yes or no' };
  }
  try {
    return { value: typedValue(field.name, text, schema) };
  } catch (error) {
    if (error instanceof CommandError) return { problem: error.message };
    throw error;
  }
}

/**
 * What the whole form would be refused for is said at once. A schema that cannot be read is for the task service to
 * tell.
 */
function fitting(field: Field, answer: Answer): Answer {
  if ('problem' in answer) return answer;
  try {
    const [violation] = compileSchema(field.schema)(answer.value);
    return violation === undefined ? answer : { problem: violation.message };
  } catch (error) {
    if (error instanceof SchemaError) return answer;
    throw error;
  }
}

/** By number, by value or by label. */
function pick(choices: readonly Choice[], text: string): string | undefined {
  const byText = choices.find((choice) => choice.value === text || choice.label === text);
  return (byText ?? (/^\d{1,4}$/.test(text) ? choices[Number(text) - 1] : undefined))?.value;
}

/** The fields of a requested schema, in their order. */
export function fieldsOf(schema: JsonValue | undefined): readonly Field[] {
  if (!isJsonObject(schema) || !isJsonObject(schema['properties'])) return [];
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(schema['properties']).flatMap(([name, property]) =>
    isJsonObject(property)
      ? [{ name, schema: property, required: required.includes(name), choices: choicesOf(property) }]
      : [],
  );
}

/**
 * MCP has five spellings of a choice: `enum`, `enum` with `enumNames`, `oneOf` of constants, and both inside `items`.
 */
function choicesOf(schema: JsonObject): readonly Choice[] {
  if (isJsonObject(schema['items'])) return choicesOf(schema['items']);
  const titled = schema['oneOf'] ?? schema['anyOf'];
  if (Array.isArray(titled)) {
    return titled.flatMap((entry) =>
      isJsonObject(entry) && typeof entry['const'] === 'string'
        ? [{ value: entry['const'], label: textOf(entry['title']) || entry['const'] }]
        : [],
    );
  }
  const values = Array.isArray(schema['enum']) ? schema['enum'] : [];
  const names = Array.isArray(schema['enumNames']) ? schema['enumNames'] : [];
  return values.flatMap((value, index) =>
    typeof value === 'string' ? [{ value, label: textOf(names[index]) || value }] : [],
  );
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
