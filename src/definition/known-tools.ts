import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { JsonSchema } from './model.ts';

/** What a server says of the arguments and results of one of its tools. */
export interface ToolShape {
  readonly inputSchema: JsonSchema;
  readonly outputSchema?: JsonSchema;
}

/** The tools of one server as far as they are known. */
export interface KnownServer {
  readonly tools: ReadonlyMap<string, ToolShape>;
  /** When it was asked, ISO 8601. Absent = just now, so a tool that is not listed does not exist. */
  readonly askedAt?: string;
  /** Tools that are not as they were remembered, each with what is different. */
  readonly changes?: ReadonlyMap<string, readonly string[]>;
}

/** By name of the server. */
export type KnownServers = ReadonlyMap<string, KnownServer>;

const MAX_DIFFERENCES = 6;

/**
 * What is different between two forms of a tool, in words for a person; nothing when they are equal. A change that has
 * no words (a new pattern) is named by its property.
 */
export function toolDifferences(before: ToolShape, after: ToolShape): readonly string[] {
  const found = [
    ...schemaDifferences('input', before.inputSchema, after.inputSchema),
    ...outputDifferences(before.outputSchema, after.outputSchema),
  ];
  return found.length > MAX_DIFFERENCES
    ? [...found.slice(0, MAX_DIFFERENCES), `and ${found.length - MAX_DIFFERENCES} more`]
    : found;
}

function outputDifferences(before: JsonSchema | undefined, after: JsonSchema | undefined): readonly string[] {
  if (before === undefined && after === undefined) return [];
  if (before === undefined) return ['it describes its output now'];
  if (after === undefined) return ['it describes its output no longer'];
  return schemaDifferences('output', before, after);
}

function schemaDifferences(where: string, before: JsonSchema, after: JsonSchema): readonly string[] {
  if (canonicalJson(before) === canonicalJson(after)) return [];
  const [old, now] = [membersOf(before), membersOf(after)];
  const required = [requiredOf(before), requiredOf(after)] as const;
  const found: string[] = [];
  for (const name of Object.keys(old)) if (!Object.hasOwn(now, name)) found.push(`${where} '${name}' is gone`);
  for (const [name, schema] of Object.entries(now)) {
    const must = required[1].has(name);
    if (!Object.hasOwn(old, name)) {
      found.push(`${where} '${name}' is new${must && where === 'input' ? ' and required' : ''}`);
      continue;
    }
    const earlier = old[name] ?? null;
    if (canonicalJson(earlier) !== canonicalJson(schema)) found.push(`${where} '${name}' ${changeOf(earlier, schema)}`);
    if (must !== required[0].has(name))
      found.push(`${where} '${name}' is ${must ? 'required now' : 'required no longer'}`);
  }
  return found.length > 0 ? found : [`the ${where} schema is different`];
}

function changeOf(before: JsonValue, after: JsonValue): string {
  const [old, now] = [typeText(before), typeText(after)];
  return old === now ? 'is described differently' : `was ${old} and is ${now}`;
}

function typeText(schema: JsonValue): string {
  const type = isJsonObject(schema) ? schema['type'] : undefined;
  if (Array.isArray(type)) return type.map(String).join(' or ');
  return typeof type === 'string' ? type : 'anything';
}

function membersOf(schema: JsonSchema): JsonObject {
  return isJsonObject(schema['properties']) ? schema['properties'] : {};
}

function requiredOf(schema: JsonSchema): ReadonlySet<JsonValue> {
  return new Set(Array.isArray(schema['required']) ? schema['required'] : []);
}
