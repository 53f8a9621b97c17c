/**
 * Templates, rendered once (rule 3): what a value contains is never read as a template again, because only text of the
 * definition is ever parsed and values are only ever inserted.
 */
import { isJsonObject, type JsonValue } from '../../core/json.ts';
import type { NameLookup, OnMissing } from './contract.ts';
import { filterNamed, OMITTED } from './filters.ts';
import { evaluateJsonata, jsonataSource } from './jsonata.ts';
import { resolvePath } from './resolve.ts';
import type { Operand } from './scanner.ts';
import { parseTemplate, type FilterCall, type TemplateExpression } from './template-syntax.ts';
import { textOf } from './value-text.ts';

/**
 * A copy of `value` with every `{{…}}` in its texts replaced. A text that is exactly one template takes the type of
 * what it names; inside a longer text a value is text (objects as JSON, null as nothing). A path that resolves to
 * nothing gives null or empty text and is reported once through `onMissing`, which may throw (`strict`). Keys are left
 * alone. `{% … %}` is not evaluated here and stays text.
 */
export function renderTemplate(value: JsonValue, names: NameLookup, onMissing: OnMissing): JsonValue {
  return orNull(rendered(value, names, onMissing));
}

function rendered(value: JsonValue, names: NameLookup, onMissing: OnMissing): JsonValue {
  if (typeof value === 'string') return renderText(value, names, onMissing);
  if (Array.isArray(value)) return kept(value.map((item: JsonValue) => rendered(item, names, onMissing)));
  if (!isJsonObject(value)) return value;
  return fromMembers(Object.entries(value).map(([key, member]) => [key, rendered(member, names, onMissing)]));
}

/** Nothing is left out of nowhere: a whole value that is to be left out is null. */
function orNull(value: JsonValue): JsonValue {
  return value === OMITTED ? null : value;
}

function kept(items: readonly JsonValue[]): JsonValue {
  return items.includes(OMITTED) ? items.filter((item) => item !== OMITTED) : items;
}

/**
 * As `renderTemplate`, and a text that is as a whole `{% JSONata %}` is evaluated. Rejects with
 * `StepFailure('template_error')` when an expression fails or passes its bounds; the text then lists the names there
 * are.
 */
export async function renderValue(value: JsonValue, names: NameLookup, onMissing: OnMissing): Promise<JsonValue> {
  return orNull(await renderedValue(value, names, onMissing));
}

async function renderedValue(value: JsonValue, names: NameLookup, onMissing: OnMissing): Promise<JsonValue> {
  if (!holdsJsonata(value)) return rendered(value, names, onMissing);
  if (typeof value === 'string') {
    const source = jsonataSource(value);
    if (source === undefined) return renderText(value, names, onMissing);
    const result = await evaluateJsonata(source, names, 'template_error');
    if (result === undefined) onMissing(value.trim());
    return result ?? null;
  }
  if (Array.isArray(value)) {
    const items: JsonValue[] = [];
    for (const item of value) items.push(await renderedValue(item, names, onMissing));
    return kept(items);
  }
  if (!isJsonObject(value)) return value;
  const members: [string, JsonValue][] = [];
  for (const [key, member] of Object.entries(value)) members.push([key, await renderedValue(member, names, onMissing)]);
  return fromMembers(members);
}

/** Renders a text that stays text whatever it holds: the inside of a quoted literal of a condition. */
export function renderInsideText(text: string, names: NameLookup, onMissing: OnMissing): string {
  return parseTemplate(text)
    .parts.map((part) => (typeof part === 'string' ? part : textOf(orNull(evaluateExpression(part, names, onMissing)))))
    .join('');
}

/** Filters that say what becomes of nothing, so that nothing is no surprise. */
const FOR_NOTHING: ReadonlySet<string> = new Set(['default', 'omit']);

/**
 * The value of one `{{ path | filters }}`, `OMITTED` for what is to be left out; a path that resolves to nothing is
 * null and reported unless `default` catches it.
 */
export function evaluateExpression(expression: TemplateExpression, names: NameLookup, onMissing: OnMissing): JsonValue {
  const found = resolvePath(expression.path, names);
  if (found === undefined && !expression.filters.some((call) => FOR_NOTHING.has(call.name))) onMissing(expression.text);
  return expression.filters.reduce<JsonValue>(
    (value, call) => applyFilter(value, call, names, onMissing),
    found ?? null,
  );
}

function renderText(text: string, names: NameLookup, onMissing: OnMissing): JsonValue {
  if (!text.includes('{{')) return text;
  const { whole } = parseTemplate(text);
  return whole === undefined ? renderInsideText(text, names, onMissing) : evaluateExpression(whole, names, onMissing);
}

function applyFilter(value: JsonValue, call: FilterCall, names: NameLookup, onMissing: OnMissing): JsonValue {
  if (value === OMITTED) return value;
  if (call.name === 'omit') return value ?? OMITTED;
  if (call.name === 'default') return value ?? argumentValue(call.argument, names, onMissing) ?? null;
  const filter = filterNamed(call.name);
  return filter === undefined ? value : filter(value, argumentValue(call.argument, names, onMissing));
}

function argumentValue(argument: Operand | undefined, names: NameLookup, onMissing: OnMissing): JsonValue | undefined {
  if (argument === undefined) return undefined;
  if (argument.kind === 'literal') return argument.value;
  const value = resolvePath(argument.path, names);
  if (value === undefined) onMissing(argument.text);
  return value ?? null;
}

function holdsJsonata(value: JsonValue): boolean {
  if (typeof value === 'string') return jsonataSource(value) !== undefined;
  if (Array.isArray(value)) return value.some(holdsJsonata);
  return isJsonObject(value) && Object.values(value).some(holdsJsonata);
}

function fromMembers(members: readonly (readonly [string, JsonValue])[]): JsonValue {
  return Object.fromEntries(members.filter(([, value]) => value !== OMITTED));
}
