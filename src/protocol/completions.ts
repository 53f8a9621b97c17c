import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { Caller } from './caller.ts';
import type { ProtocolDeps } from './deps.ts';
import { invalidParams } from './errors.ts';
import { inputProperties } from './prompts.ts';
import { listKnown } from './known-tasks.ts';
import { exposed, findWorkflow } from './tools.ts';

/** The specification's limit on one answer. */
const MAX_VALUES = 100;

/**
 * Values that begin with what has been typed: the enum of a workflow's input for a prompt argument, task ids and workflow names
 * for the resource templates. Empty for everything else.
 */
export async function complete(
  ref: JsonObject,
  argument: { readonly name: string; readonly value: string },
  caller: Caller,
  deps: ProtocolDeps,
): Promise<JsonObject> {
  const typed = argument.value.toLowerCase();
  const fitting = (await candidates(ref, argument.name, caller, deps)).filter((value) =>
    value.toLowerCase().startsWith(typed),
  );
  return {
    completion: {
      values: fitting.slice(0, MAX_VALUES),
      total: fitting.length,
      hasMore: fitting.length > MAX_VALUES,
    },
  };
}

async function candidates(
  ref: JsonObject,
  argument: string,
  caller: Caller,
  deps: ProtocolDeps,
): Promise<readonly string[]> {
  if (ref['type'] === 'ref/prompt') {
    const loaded = typeof ref['name'] === 'string' ? findWorkflow(ref['name'], deps) : undefined;
    if (loaded === undefined) throw invalidParams(`params/ref/name: unknown prompt`);
    return enumOf(inputProperties(loaded.definition)[argument]);
  }
  if (ref['type'] !== 'ref/resource') throw invalidParams('params/ref/type: ref/prompt or ref/resource is expected');
  if (argument === 'name') return exposed(deps).map(({ definition }) => definition.name);
  return argument === 'taskId' ? taskIds(caller, deps) : [];
}

function enumOf(schema: JsonValue | undefined): readonly string[] {
  if (!isJsonObject(schema)) return [];
  if (schema['type'] === 'boolean') return ['true', 'false'];
  const values = schema['enum'];
  return Array.isArray(values)
    ? values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))
    : [];
}

async function taskIds(caller: Caller, deps: ProtocolDeps): Promise<readonly string[]> {
  const page = caller.listsAll
    ? await deps.tasks.list({ principal: caller.principal, limit: 200 })
    : await listKnown(caller, deps, { limit: 200 });
  return page.tasks.map((view) => view.taskId);
}
