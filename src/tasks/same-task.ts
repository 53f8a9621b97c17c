import { StepFailure } from '../core/failure.ts';
import { canonicalJson } from '../core/json.ts';
import { renderValue } from '../definition/expression/template.ts';
import type { Definition } from '../definition/model.ts';
import { Results } from '../engine/results.ts';
import { Scope } from '../engine/scope.ts';
import { textOf } from '../engine/step-view.ts';
import { Variables } from '../engine/variables.ts';
import { hashOf, keys } from './keys.ts';
import { TaskError } from './task.ts';
import type { CreateTask } from './task.ts';

/** What makes two creations one task (D7). */
export interface SameTask {
  /** The key of the row that names the task. */
  readonly row: string;
  /**
   * What must be equal beside the key: a client's key goes with its arguments; of the definition's own key nothing more
   * is asked.
   */
  readonly digest: string;
}

/**
 * The identity that a creation carries: the client's idempotency key, else the definition's `idempotency_key` rendered
 * over the arguments. A template in which anything resolves to nothing gives no key, rather than one for unlike calls;
 * a child workflow is its parent's step and has none either. Rejects with `TaskError('invalid_arguments')` when the
 * template cannot be rendered.
 */
export async function sameTaskOf(
  request: CreateTask,
  definition: Definition,
  now: number,
): Promise<SameTask | undefined> {
  const { principal, workflow, idempotencyKey } = request;
  if (idempotencyKey !== undefined) {
    const digest = hashOf(canonicalJson(request.arguments));
    return { row: keys.idempotency(principal, workflow, idempotencyKey), digest };
  }
  if (definition.idempotency_key === undefined || request.parent !== undefined) return undefined;
  const key = await rendered(definition.idempotency_key, definition, request, now);
  return key === undefined ? undefined : { row: keys.definitionKey(principal, workflow, key), digest: '' };
}

async function rendered(
  template: string,
  definition: Definition,
  request: CreateTask,
  now: number,
): Promise<string | undefined> {
  const task = { taskId: '', createdAt: now, input: request.arguments, saved: {}, depth: 0 };
  const names = new Scope({
    variables: new Variables(withoutEmptyDefaults(definition), task),
    results: new Results(),
    steps: new Map(),
    fixed: { workflow: { name: definition.name }, schedule: { time: request.scheduleTime ?? null } },
  });
  let complete = true;
  try {
    const key = textOf(
      await renderValue(template, names, () => {
        complete = false;
      }),
    );
    return complete && key !== '' ? key : undefined;
  } catch (error) {
    if (!(error instanceof StepFailure)) throw error;
    throw new TaskError('invalid_arguments', `idempotency_key: ${error.failure.message}`);
  }
}

/** A default of `null` means that there is none: such an argument resolves to nothing here. */
function withoutEmptyDefaults(definition: Definition): Definition {
  const input = Object.fromEntries(Object.entries(definition.variables.input).filter(([, value]) => value !== null));
  return { ...definition, variables: { ...definition.variables, input } };
}
