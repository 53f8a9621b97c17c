import { isoTime } from '../core/clock.ts';
import type { Failure } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import type { StoredEntry } from '../engine/journal.ts';
import { taskObject } from '../protocol/task-object.ts';
import type { TaskInside, TaskView } from '../tasks/task.ts';

/** The task object of the protocol, with its revision, and with where and when each open question was asked. */
export function taskBody(view: TaskView): JsonObject & { readonly taskId: string } {
  const questions = view.inputs.map(({ key, path, request, requestedAt, expiresAt }) => [
    key,
    {
      method: request.method,
      params: request.params,
      path,
      requestedAt: isoTime(requestedAt),
      ...(expiresAt !== undefined && { expiresAt: isoTime(expiresAt) }),
    },
  ]);
  return {
    ...taskObject(view),
    taskId: view.taskId,
    rev: view.rev,
    ...(questions.length > 0 && { inputRequests: Object.fromEntries(questions) as JsonObject }),
  };
}

/** How a task ended, the parts of it that there are. */
export function outcomeBody(outcome: Outcome): JsonObject {
  switch (outcome.kind) {
    case 'result':
      return {
        output: outcome.output,
        result: { ...outcome.result },
        ...(outcome.failure !== undefined && { error: failureBody(outcome.failure) }),
      };
    case 'error':
      return { error: { ...failureBody(outcome.failure), message: outcome.message } };
    case 'cancelled':
      return { cancelled: { reason: outcome.reason } };
  }
}

type Shown = Pick<Failure, 'code' | 'message' | 'step'> & { readonly data?: JsonValue | undefined };

/** A failure without what only the engine reads. */
export function failureBody({ code, message, step, data }: Shown): JsonObject {
  return { code, message, ...(step !== undefined && { step }), ...(data !== undefined && { data }) };
}

/** Bytes of a value as JSON. */
export function bytesOf(value: JsonValue): number {
  return Buffer.byteLength(JSON.stringify(value));
}

const timeMembers = ['startedAt', 'retryAt', 'wakeAt', 'expiresAt'] as const;
const plainMembers = ['path', 'step', 'kind', 'attempt', 'key', 'level', 'from', 'status'] as const;

/**
 * An entry of the journal as an event: what happened, where and when, without what went in and what came out, which may
 * be megabytes. Values of secret inputs are hidden.
 */
export function journalEvent(entry: StoredEntry, hide: TaskInside['hide']): JsonObject {
  const members: Record<string, JsonValue> = { seq: entry.seq, at: isoTime(entry.at), type: entry.type };
  const given: Readonly<Record<string, unknown>> = { ...entry };
  for (const name of plainMembers) {
    const value = given[name];
    if (typeof value === 'string' || typeof value === 'number') members[name] = value;
  }
  for (const name of timeMembers) {
    const value = given[name];
    if (typeof value === 'number') members[name] = isoTime(value);
  }
  const error = failureIn(entry);
  if (error !== undefined) members['error'] = shownFailure({ ...error, data: undefined }, hide);
  if (entry.type === 'finished') {
    const { status, attempts, output } = entry.result;
    Object.assign(members, { status, attempts, outputBytes: output === null ? 0 : bytesOf(output) });
  }
  if (entry.type === 'emitted') members['message'] = hide(entry.message);
  if (entry.type === 'input_requested') members['method'] = entry.request.method;
  if (entry.type === 'resumed') members['dropped'] = entry.dropped.length;
  return members;
}

function failureIn(entry: StoredEntry): Failure | undefined {
  if (entry.type === 'finished') return entry.result.error;
  return entry.type === 'attempt_failed' || entry.type === 'settled' ? entry.failure : undefined;
}

/** A failure whose text and data show no secret input. */
export function shownFailure(failure: Shown, hide: TaskInside['hide']): JsonObject {
  const { message, data } = failure;
  const { data: _whole, ...rest } = failureBody({ ...failure, data: undefined });
  return { ...rest, message: hide(message), ...(data !== undefined && { data: hide(data) }) };
}
