import { isJsonObject } from '../../core/json.ts';
import { TaskError } from '../../tasks/task.ts';
import { requireTask } from '../calls.ts';
import { cleanUpMeta } from '../clean-up.ts';
import { invalidParams } from '../errors.ts';
import { requiredText } from '../params.ts';
import { isTerminal } from '../task-object.ts';
import { abilitiesOf, getTaskResult } from './codec.ts';
import type { HandlerTable } from './request.ts';

/**
 * `tasks/get`, `tasks/update`, `tasks/cancel`. Whoever registers them checks that the request declares the extension.
 */
export const taskHandlers: HandlerTable = {
  'tasks/get': async (params, { caller, deps, capabilities }) => {
    const view = await requireTask(requiredText(params, 'taskId'), caller, deps);
    const outcome = isTerminal(view) ? await deps.tasks.outcome(view.taskId, caller.principal) : undefined;
    const answer = getTaskResult(view, outcome, abilitiesOf(capabilities));
    const meta = isJsonObject(answer['_meta']) ? answer['_meta'] : {};
    return { ...answer, _meta: { ...meta, ...(await cleanUpMeta(view, caller, deps)) } };
  },

  /**
   * Any part of the open questions may be answered. Keys that are not open are ignored; an answer that does not fit its
   * question is an error, and the ones before it stand.
   */
  'tasks/update': async (params, { caller, deps, inputResponses, malformedResponses }) => {
    const view = await requireTask(requiredText(params, 'taskId'), caller, deps);
    if (inputResponses === undefined) throw invalidParams('params/inputResponses: an object is expected');
    const malformed = malformedResponses.find((key) => view.inputs.some((input) => input.key === key));
    if (malformed !== undefined) throw invalidParams(`params/inputResponses/${malformed}: an object is expected`);
    for (const [key, response] of Object.entries(inputResponses)) {
      if (isJsonObject(response)) await deps.tasks.respond(view.taskId, caller.principal, key, response);
    }
    return {};
  },

  /** Also for a task that has ended: the client cannot know which of the two comes first. */
  'tasks/cancel': async (params, { caller, deps }) => {
    const view = await requireTask(requiredText(params, 'taskId'), caller, deps);
    try {
      if (!isTerminal(view)) await deps.tasks.cancel(view.taskId, caller.principal);
    } catch (error) {
      if (!(error instanceof TaskError) || error.code !== 'already_terminal') throw error;
    }
    return {};
  },
};
