import type { JSONRPCMessage } from '@modelcontextprotocol/client';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';

export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

/**
 * A tool call that the server runs as a task of its own. Plain JSON: it is checkpointed and comes back after a restart.
 */
export type RemoteTaskHandle = {
  readonly kind: 'mcp-task';
  readonly generation: 'legacy' | 'modern';
  readonly taskId: string;
  /** Milliseconds between two looks at it. */
  readonly pollMs: number;
};

/** Where a task that answers a call is put on its way through the SDK, which knows no such answer. */
const TASK_META_KEY = 'dev.mcp-workflow/task';
const DEFAULT_POLL_MS = 1000;
const MIN_POLL_MS = 50;
const MAX_POLL_MS = 30_000;

/**
 * The 2026-07-28 generation answers `tools/call` with `resultType: "task"`, which the SDK's client refuses. Such an
 * answer goes through it as an empty result with the task in `_meta`; every other message goes through as it is.
 */
export function wrapTaskAnswer(message: JSONRPCMessage): JSONRPCMessage {
  if (!('result' in message) || message.result['resultType'] !== 'task') return message;
  return { ...message, result: { resultType: 'complete', content: [], _meta: { [TASK_META_KEY]: message.result } } };
}

/** The task that an answer to `tools/call` stands for; `undefined` when it is the result itself. */
export function taskIn(answer: Record<string, unknown>): RemoteTaskHandle | undefined {
  // What comes from the wire is JSON.
  const wrapped = (answer['_meta'] as JsonObject | undefined)?.[TASK_META_KEY];
  if (isJsonObject(wrapped)) return toHandle('modern', wrapped['taskId'], wrapped['pollIntervalMs']);
  const task = answer['task'] as JsonValue | undefined;
  if (answer['content'] === undefined && isJsonObject(task)) {
    return toHandle('legacy', task['taskId'], task['pollInterval']);
  }
  return undefined;
}

/** Reads a handle of an earlier attempt; `undefined` when it is none of ours. */
export function readHandle(value: JsonValue | undefined): RemoteTaskHandle | undefined {
  if (!isJsonObject(value) || value['kind'] !== 'mcp-task') return undefined;
  const generation = value['generation'] === 'modern' ? 'modern' : 'legacy';
  return toHandle(generation, value['taskId'], value['pollMs']);
}

function toHandle(
  generation: RemoteTaskHandle['generation'],
  taskId: JsonValue | undefined,
  poll: JsonValue | undefined,
): RemoteTaskHandle | undefined {
  if (typeof taskId !== 'string' || taskId === '') return undefined;
  const pollMs = typeof poll === 'number' ? Math.min(MAX_POLL_MS, Math.max(MIN_POLL_MS, poll)) : DEFAULT_POLL_MS;
  return { kind: 'mcp-task', generation, taskId, pollMs };
}
