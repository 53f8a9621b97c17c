import type { JsonObject } from '../core/json.ts';
import type { CleanUpState, TaskView } from '../tasks/task.ts';
import type { Caller } from './caller.ts';
import type { ProtocolDeps } from './deps.ts';
import { isTerminal, META } from './task-object.ts';

/** False only when there is nothing to be told of beside the task. */
export function mayHaveCleanUp(view: TaskView): boolean {
  return isTerminal(view) && view.status !== 'completed';
}

/**
 * What is cleaned up after a task that was ended from outside; its record stays as it is, so this is told beside it.
 */
async function stateOf(view: TaskView, caller: Caller, deps: ProtocolDeps): Promise<CleanUpState | undefined> {
  if (!mayHaveCleanUp(view)) return undefined;
  return await deps.tasks.cleanUp(view.taskId, caller.principal);
}

/**
 * `{cleanUp: {status, compensation, warnings}}` for a task object of ours; empty when there was nothing to clean up.
 */
export async function cleanUpObject(view: TaskView, caller: Caller, deps: ProtocolDeps): Promise<JsonObject> {
  const state = await stateOf(view, caller, deps);
  if (state === undefined) return {};
  const { status, undone, warnings } = state;
  return { cleanUp: { status, compensation: undone, warnings } };
}

/** The same for `_meta` of a task object of the protocol: what was undone, once that is done. */
export async function cleanUpMeta(view: TaskView, caller: Caller, deps: ProtocolDeps): Promise<JsonObject> {
  const state = await stateOf(view, caller, deps);
  return state === undefined || state.undone.length === 0 ? {} : { [META.compensation]: state.undone };
}
