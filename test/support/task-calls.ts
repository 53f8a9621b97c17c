import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  CallToolResultSchema,
  CreateTaskResultSchema,
  type CallToolResult,
  type Task,
} from '@modelcontextprotocol/sdk/types.js';
import { PATIENCE_MS } from './patience.ts';
import { waitUntil } from './wait-until.ts';

/** What `workflow://tasks/{taskId}` says of a step. */
export interface StepRow {
  readonly path: string;
  readonly status: string;
  readonly attempts: number;
}

/** Calls a workflow as a task; resolves with the task as it was created. */
export async function callAsTask(client: Client, name: string, args: object = {}): Promise<Task> {
  const params = { name, arguments: { ...args }, task: { ttl: 3_600_000 } };
  return (await client.request({ method: 'tools/call', params }, CreateTaskResultSchema)).task;
}

/** Waits in `tasks/result`. */
export function resultOf(client: Client, taskId: string): Promise<CallToolResult> {
  return client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema, { timeout: PATIENCE_MS });
}

/** Polls `tasks/get` until the task has one of `statuses`. */
export function pollUntil(client: Client, taskId: string, ...statuses: readonly Task['status'][]): Promise<Task> {
  return waitUntil(`${taskId} becomes ${statuses.join(' or ')}`, async () => {
    const task = await client.experimental.tasks.getTask(taskId);
    return statuses.includes(task.status) ? task : undefined;
  });
}

/** The step table of a task. */
export async function stepTable(client: Client, taskId: string): Promise<readonly StepRow[]> {
  const { contents } = await client.readResource({ uri: `workflow://tasks/${taskId}` });
  const content = contents[0];
  if (content === undefined || !('text' in content)) throw new Error('the resource has no text');
  // The shape is the contract of the resource; a test that relies on a missing member fails.
  return (JSON.parse(content.text) as { steps: readonly StepRow[] }).steps;
}
