import type { JSONRPCMessage, RequestOptions } from '@modelcontextprotocol/client';
import { INVALID_PARAMS } from '@modelcontextprotocol/client';
import { z } from 'zod';
import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { Interruption, StepFailure, stepFailure } from '../core/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { ToolResult } from '../core/outcome.ts';
import { toolResultSchema, toToolResult } from './results.ts';
import type { Session } from './session.ts';

/** A tool call that the server runs as a task of its own. Plain JSON: it is checkpointed and comes back after a restart. */
export type RemoteTaskHandle = {
  readonly kind: 'mcp-task';
  readonly generation: 'legacy' | 'modern';
  readonly taskId: string;
  /** Milliseconds between two looks at it. */
  readonly pollMs: number;
};

/** One request: `progressToken` goes into its `_meta` when the caller wants to hear of its progress. */
export type Send<R> = (session: Session, options: RequestOptions, progressToken: string | undefined) => Promise<R>;

/** Sends one request with everything a request needs: a live session, a deadline, its failure in our words. */
export type Requester = <R>(send: Send<R>) => Promise<R>;

export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

/** Where a task that answers a call is put on its way through the SDK, which knows no such answer. */
const TASK_META_KEY = 'dev.mcp-workflow/task';
const DEFAULT_POLL_MS = 1000;
const MIN_POLL_MS = 50;
const MAX_POLL_MS = 30_000;
const MAX_FAILED_LOOKS = 5;
const LOOK_AGAIN = { kind: 'exponential', delaySeconds: 0.5, maxDelaySeconds: 8 } as const;
const CANCEL_MS = 3000;

const anyResult = z.looseObject({});

/**
 * The 2026-07-28 generation answers `tools/call` with `resultType: "task"`, which the SDK's client refuses. Such an answer goes
 * through it as an empty result with the task in `_meta`; every other message goes through as it is.
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

interface Following {
  readonly request: Requester;
  /** A request that is sent whatever has been aborted, within `ms`. */
  readonly requestAnyway: (
    ms: number,
    send: (session: Session, options: RequestOptions) => Promise<unknown>,
  ) => Promise<void>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** In words, for messages: `server 's', tool 't'`. */
  readonly what: string;
}

/**
 * Waits for a remote task and gives its result. A connection that breaks meanwhile costs nothing: the next look goes over a new
 * one. When the signal aborts the remote task is cancelled, unless we only stop or hand over (it is taken up again later).
 * A task that the server does not know any more is `interrupted`: nobody can tell whether its work was done.
 */
export async function followTask(handle: RemoteTaskHandle, following: Following): Promise<ToolResult> {
  try {
    return await untilSettled(handle, following);
  } catch (error) {
    const { signal } = following;
    const goesOnLater = signal.reason instanceof Interruption && signal.reason.why !== 'cancel';
    if (signal.aborted && !goesOnLater) await cancel(handle, following);
    throw error;
  }
}

async function untilSettled(handle: RemoteTaskHandle, following: Following): Promise<ToolResult> {
  for (;;) {
    const state = await look(handle, following);
    const status = state['status'];
    if (handle.generation === 'modern') {
      const settled = await settleModern(state, handle, following);
      if (settled !== undefined) return settled;
    } else if (status === 'cancelled') {
      throw cancelledThere(following);
    } else if (status === 'completed' || status === 'failed' || status === 'input_required') {
      // For `input_required` too: the question is asked there, and refused by us.
      return legacyResult(handle, following);
    }
    await following.clock.sleep(handle.pollMs, following.signal);
  }
}

async function look(handle: RemoteTaskHandle, following: Following): Promise<Record<string, unknown>> {
  const params = { taskId: handle.taskId };
  for (let failed = 1; ; failed += 1) {
    try {
      return await following.request((session, options) =>
        session.client.request({ method: 'tasks/get', params }, anyResult, options),
      );
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      const { code, message } = error.failure;
      if (code === 'invalid_arguments' || code === String(INVALID_PARAMS)) {
        throw stepFailure('interrupted', `${following.what}: its task is gone, so its outcome is unknown (${message})`);
      }
      const passing = code === 'transport' || code === 'timeout';
      if (!passing || failed >= MAX_FAILED_LOOKS) throw error;
      const pause = Math.max(backoffMs(LOOK_AGAIN, failed, 0), error.failure.retryAfterMs ?? 0);
      await following.clock.sleep(pause, following.signal);
    }
  }
}

async function legacyResult(handle: RemoteTaskHandle, following: Following): Promise<ToolResult> {
  const params = { taskId: handle.taskId };
  const answer = await following.request((session, options) =>
    session.client.request({ method: 'tasks/result', params }, toolResultSchema, options),
  );
  return toToolResult(answer);
}

async function settleModern(
  state: Record<string, unknown>,
  handle: RemoteTaskHandle,
  following: Following,
): Promise<ToolResult | undefined> {
  switch (state['status']) {
    case 'completed': {
      const parsed = toolResultSchema.safeParse(state['result']);
      if (parsed.success) return toToolResult(parsed.data);
      throw stepFailure('transport', `${following.what}: its task has a result that cannot be used`);
    }
    case 'failed': {
      const error = state['error'] as JsonValue | undefined;
      const { code, message, data } = isJsonObject(error) ? error : {};
      throw new StepFailure({
        code: typeof code === 'number' ? String(code) : 'tool_error',
        message: `${following.what}: ${typeof message === 'string' ? message : 'its task failed'}`,
        ...(data === undefined ? {} : { data }),
      });
    }
    case 'cancelled':
      throw cancelledThere(following);
    case 'input_required':
      await cancel(handle, following);
      throw stepFailure('input_declined', `${following.what}: its task asks for input, which is not passed on`);
    default:
      return undefined;
  }
}

function cancelledThere(following: Following): StepFailure {
  return stepFailure('tool_error', `${following.what}: its task was cancelled on the server`);
}

async function cancel(handle: RemoteTaskHandle, following: Following): Promise<void> {
  const params = { taskId: handle.taskId };
  await following.requestAnyway(CANCEL_MS, (session, options) =>
    session.client.request({ method: 'tasks/cancel', params }, anyResult, options),
  );
}
