import type { JsonObject } from '../core/json.ts';
import type { Caller } from './caller.ts';
import type { ProtocolDeps } from './deps.ts';
import { invalidParams } from './errors.ts';
import { argumentValues } from './prompts.ts';
import { listKnown } from './known-tasks.ts';
import { exposed } from './tools.ts';

/** The specification's limit on one answer. */
const MAX_VALUES = 100;

/**
 * Values that begin with what has been typed: those of a prompt's argument (by default the enum of the workflow's
 * input), task ids and workflow names for the resource templates. Empty for everything else.
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
    if (typeof ref['name'] !== 'string') throw invalidParams('params/ref/name: a string is expected');
    return argumentValues(ref['name'], argument, deps);
  }
  if (ref['type'] !== 'ref/resource') throw invalidParams('params/ref/type: ref/prompt or ref/resource is expected');
  if (argument === 'name') return exposed(deps).map(({ definition }) => definition.name);
  return argument === 'taskId' ? taskIds(caller, deps) : [];
}

async function taskIds(caller: Caller, deps: ProtocolDeps): Promise<readonly string[]> {
  const page = caller.listsAll
    ? await deps.tasks.list({ principal: caller.principal, limit: 200 })
    : await listKnown(caller, deps, { limit: 200 });
  return page.tasks.map((view) => view.taskId);
}
