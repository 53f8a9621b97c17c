import type { RequestOptions } from '@modelcontextprotocol/client';
import { INVALID_PARAMS } from '@modelcontextprotocol/client';
import { z } from 'zod';
import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { Interruption, StepFailure, stepFailure } from '../core/failure.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import type { ToolResult } from '../core/outcome.ts';
import { toolResultSchema, toToolResult } from './results.ts';
import type { Session } from './session.ts';
import type { RemoteTaskHandle } from './task-handle.ts';

/** One request: `progressToken` goes into its `_meta` when the caller wants to hear of its progress. */
export type Send<R> = (session: Session, options: RequestOptions, progressToken: string | undefined) => Promise<R>;

/** Sends something whose answer does not matter. */
export type Tell = (session: Session, options: RequestOptions) => Promise<unknown>;

/** Sends one request with everything a request needs: a live session, a deadline, its failure in our words. */
export type Requester = <R>(send: Send<R>) => Promise<R>;

const MAX_FAILED_LOOKS = 5;
/** How long to wait before a remote task is asked about, or given up, once more. */
export const LOOK_AGAIN = { kind: 'exponential', delaySeconds: 0.5, maxDelaySeconds: 8 } as const;
/** How long the server of a task that is not wanted any more is listened to. */
export const CANCEL_MS = 3000;

const anyResult = z.looseObject({});

interface Following {
  readonly request: Requester;
  /** A request that is sent whatever has been aborted, within `ms`. */
  readonly requestAnyway: (ms: number, send: Tell) => Promise<void>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** In words, for messages: `server 's', tool 't'`. */
  readonly what: string;
}

/**
 * Waits for a remote task and gives its result. A connection that breaks meanwhile costs nothing: the next look goes
 * over a new one. When the signal aborts because nobody wants the result any more, the remote task is cancelled. An
 * interruption of the whole task leaves it: after a stop it is taken up again, and after a cancel the clean-up of our
 * task cancels it, which a crash in between only delays. A task that the server does not know any more is
 * `interrupted`: nobody can tell whether its work was done.
 */
export async function followTask(handle: RemoteTaskHandle, following: Following): Promise<ToolResult> {
  try {
    return await untilSettled(handle, following);
  } catch (error) {
    const { signal } = following;
    if (signal.aborted && !(signal.reason instanceof Interruption)) await cancel(handle, following);
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
  await following.requestAnyway(CANCEL_MS, cancelRequest(handle));
}

/** Asks for the end of a remote task. */
export function cancelRequest({ taskId }: RemoteTaskHandle): Tell {
  return (session, options) =>
    session.client.request({ method: 'tasks/cancel', params: { taskId } }, anyResult, options);
}
