import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { ARGUMENTS, type PlannerTool } from './arguments.ts';

/** A tool as every generation of the protocol publishes it. */
export interface PlannerToolDescriptor {
  readonly name: PlannerTool;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonObject;
  readonly annotations: {
    readonly readOnlyHint: boolean;
    readonly destructiveHint: boolean;
    readonly idempotentHint: boolean;
    readonly openWorldHint: boolean;
  };
  readonly taskSupport: 'forbidden';
}

/**
 * `reads`: changes nothing. `adds`: a second call adds again. `sets`: a second call changes nothing more. `removes`:
 * takes something away.
 */
type Effect = 'reads' | 'adds' | 'sets' | 'removes';

const TEXTS: { readonly [T in PlannerTool]: readonly [title: string, effect: Effect, description: string] } = {
  request_planning: [
    'Plan a request',
    'adds',
    'Registers a new request of the user and the tasks it is split into. Answers with the id of the request and a table of its progress. ' +
      'Then: get_next_task, do it, mark_task_done, show the result to the user, and so on with the next.',
  ],
  get_next_task: [
    'Get the next task',
    'reads',
    'The next pending task of a request. taskId is null when none is pending: either some tasks still need an approval, or (allTasksDone) ' +
      'all are approved and the request can be completed.',
  ],
  mark_task_done: [
    'Mark a task done',
    'sets',
    'Marks a task as done, with what came of it. It then waits for an approval and cannot be changed any more.',
  ],
  approve_task_completion: [
    'Approve a task',
    'sets',
    'Approves a task that is done. Call it only after the user has seen the result and has said so; never decide it yourself.',
  ],
  approve_request_completion: [
    'Complete a request',
    'sets',
    'Completes a request when all of its tasks are approved. Call it only after the user has said so; never decide it yourself.',
  ],
  add_tasks_to_request: [
    'Add tasks',
    'adds',
    'Adds tasks to a request, behind those it has. A request that was completed is open again.',
  ],
  update_task: [
    'Change a task',
    'sets',
    'Changes the title or the description of a task that is pending. One that is done or approved cannot be changed.',
  ],
  delete_task: [
    'Delete a task',
    'removes',
    'Deletes a task that is pending from its request. One that is done or approved cannot be deleted.',
  ],
  open_task_details: [
    'Show a task',
    'reads',
    'Everything about one task: title, description, status (Pending, Done or Approved) and what was said when it was done.',
  ],
  list_requests: ['List requests', 'reads', 'All requests, with how many of their tasks are approved.'],
};

/** The ten tools, in the order of seed 002. */
export const PLANNER_TOOLS: readonly PlannerToolDescriptor[] = (
  [
    'request_planning',
    'get_next_task',
    'mark_task_done',
    'approve_task_completion',
    'approve_request_completion',
    'add_tasks_to_request',
    'update_task',
    'delete_task',
    'open_task_details',
    'list_requests',
  ] as const
).map((name) => {
  const [title, effect, description] = TEXTS[name];
  return {
    name,
    title,
    description,
    inputSchema: inputSchema(name),
    annotations: {
      readOnlyHint: effect === 'reads',
      destructiveHint: effect === 'removes',
      idempotentHint: effect === 'reads' || effect === 'sets',
      openWorldHint: false,
    },
    taskSupport: 'forbidden',
  };
});

function inputSchema(name: PlannerTool): JsonObject {
  // zod writes JSON and nothing else.
  const { $schema: _, ...schema } = z.toJSONSchema(ARGUMENTS[name], { io: 'input' }) as JsonObject;
  if (!isJsonObject(schema)) throw new Error(`${name} takes no object`);
  return schema;
}
