import { isJsonObject, ownProperty, type JsonObject, type JsonValue } from '../../core/json.ts';
import { renderValue } from './template.ts';
import { textOf } from './value-text.ts';

/**
 * A copy of `value` with the templates in its texts rendered over these names, where every text stays a text: what is
 * not one becomes JSON, and a path that leads to nothing becomes empty. For content outside a run. Rejects with
 * `StepFailure('template_error')` as `renderValue` does.
 */
export async function renderTexts<T extends JsonValue>(value: T, names: JsonObject): Promise<T> {
  // Texts stay texts and everything else keeps its form, so the type stays what it was.
  return (await render(value, names)) as T;
}

async function render(value: JsonValue, names: JsonObject): Promise<JsonValue> {
  if (typeof value === 'string') {
    const lookup = { lookup: (name: string) => ownProperty(names, name), names: () => Object.keys(names) };
    return textOf(await renderValue(value, lookup, () => undefined));
  }
  if (Array.isArray(value)) {
    const items: JsonValue[] = [];
    for (const item of value) items.push(await render(item, names));
    return items;
  }
  if (!isJsonObject(value)) return value;
  const members: [string, JsonValue][] = [];
  for (const [key, member] of Object.entries(value)) members.push([key, await render(member, names)]);
  return Object.fromEntries(members);
}
