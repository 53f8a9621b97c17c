import type { JsonObject } from '../core/json.ts';
import { isJsonObject } from '../core/json.ts';
import type { Repeatability } from '../engine/ports.ts';

/** What a server says about one of its tools. None of it is believed unless the operator trusts the server. */
export interface ToolFacts {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly annotations: JsonObject;
  readonly inputSchema: JsonObject;
  readonly outputSchema?: JsonObject;
  /** `execution.taskSupport` of the 2025-11-25 generation. */
  readonly taskSupport: 'forbidden' | 'optional' | 'required';
}

/** The tools of a server by name. */
export type ToolTable = ReadonlyMap<string, ToolFacts>;

/** One entry of `tools/list`; `undefined` when it is not one. */
export function readTool(entry: unknown): ToolFacts | undefined {
  // The entry comes out of JSON, so an object in it is a JSON object.
  if (!isJsonObject(entry)) return undefined;
  const { name, title, description, annotations, inputSchema, outputSchema, execution } = entry;
  if (typeof name !== 'string') return undefined;
  const support = isJsonObject(execution) ? execution['taskSupport'] : undefined;
  return {
    name,
    ...(typeof title === 'string' ? { title } : {}),
    ...(typeof description === 'string' ? { description } : {}),
    annotations: isJsonObject(annotations) ? annotations : {},
    inputSchema: isJsonObject(inputSchema) ? inputSchema : { type: 'object' },
    ...(isJsonObject(outputSchema) ? { outputSchema } : {}),
    taskSupport: support === 'optional' || support === 'required' ? support : 'forbidden',
  };
}

/** What the annotations say about calling the tool again; `readOnlyHint` is the stronger word. */
export function repeatabilityOf(facts: ToolFacts): Repeatability {
  if (facts.annotations['readOnlyHint'] === true) return 'read_only';
  return facts.annotations['idempotentHint'] === true ? 'idempotent' : 'unknown';
}
