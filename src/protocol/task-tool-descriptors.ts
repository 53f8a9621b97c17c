import type { JsonObject } from '../core/json.ts';
import type { ToolDescriptor } from './tool-descriptor.ts';

/** The longest a `tasks_*` tool waits: hosts give up on calls at 60 seconds. */
export const MAX_WAIT_SECONDS = 45;

const TASK_ID: JsonObject = { type: 'string', description: 'The id of the task, as the call that started it gave it.' };

const READ_ONLY = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
} as const;

function schema(properties: JsonObject, required: readonly string[]): JsonObject {
  return { type: 'object', properties, required, additionalProperties: false };
}

/**
 * The operations of the protocol as tools with the protocol's own names, for clients whose host has no Tasks. They
 * carry the same task object.
 */
export const TASK_TOOLS: readonly ToolDescriptor[] = [
  {
    name: 'tasks_cancel',
    title: 'Cancel a task',
    description: 'Stops a running task for good. What its finished steps have done stays done.',
    inputSchema: schema({ taskId: TASK_ID, reason: { type: 'string', maxLength: 500 } }, ['taskId']),
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    taskSupport: 'forbidden',
  },
  {
    name: 'tasks_get',
    title: 'Look at a task',
    description:
      'The state of a task: status (working, input_required, completed, failed, cancelled), what it is doing, percent and phases, ' +
      'and the questions it waits for. With wait_seconds it answers as soon as the task has ended or asks something.',
    inputSchema: schema(
      {
        taskId: TASK_ID,
        wait_seconds: {
          type: 'number',
          minimum: 0,
          maximum: MAX_WAIT_SECONDS,
          default: 0,
          description: `How long to wait for the task to end, at most ${MAX_WAIT_SECONDS} seconds.`,
        },
      },
      ['taskId'],
    ),
    annotations: READ_ONLY,
    taskSupport: 'forbidden',
  },
  {
    name: 'tasks_list',
    title: 'List tasks',
    description: 'Tasks, newest first, a page at a time.',
    inputSchema: schema(
      {
        cursor: { type: 'string', description: 'nextCursor of the page before.' },
        limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
        workflow: { type: 'string', description: 'Only tasks of this workflow.' },
        status: { type: 'string', enum: ['working', 'input_required', 'completed', 'failed', 'cancelled'] },
      },
      [],
    ),
    annotations: READ_ONLY,
    taskSupport: 'forbidden',
  },
  {
    name: 'tasks_result',
    title: 'Get the result of a task',
    description:
      'The result of a finished task, exactly as the workflow gave it. If the task has not ended within wait_seconds, its state instead.',
    inputSchema: schema(
      {
        taskId: TASK_ID,
        wait_seconds: { type: 'number', minimum: 0, maximum: MAX_WAIT_SECONDS, default: MAX_WAIT_SECONDS },
      },
      ['taskId'],
    ),
    annotations: READ_ONLY,
    taskSupport: 'forbidden',
  },
  {
    name: 'tasks_update',
    title: 'Answer a task',
    description:
      'Answers questions of a task that is input_required. inputResponses maps the key of each question (tasks_get shows them under ' +
      'inputRequests) to its answer: for an elicitation {"action": "accept", "content": {…}} with content by the requested schema, or ' +
      '{"action": "decline"}; for a turn of a model {"role": "assistant", "content": {"type": "text", "text": …}}; for roots {"roots": [{"uri": …}]}. ' +
      'Ask the person first; do not invent answers. The first answer counts, later ones do nothing.',
    inputSchema: schema(
      {
        taskId: TASK_ID,
        inputResponses: {
          type: 'object',
          minProperties: 1,
          additionalProperties: { type: 'object' },
          description: 'Answer by the key of the question.',
        },
      },
      ['taskId', 'inputResponses'],
    ),
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    taskSupport: 'forbidden',
  },
];
