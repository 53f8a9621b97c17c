import { isoTime } from '../core/clock.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Phase } from '../engine/ports.ts';
import type { PendingInput, StepRow, TaskView } from '../tasks/task.ts';

/** `_meta` keys. Ours carry the product's prefix; the others are the specification's. */
export const META = {
  idempotencyKey: 'dev.mcp-workflow/idempotency-key',
  progress: 'dev.mcp-workflow/progress',
  /**
   * What was undone: a line a step. In the result of a failed workflow; of a task that was ended from outside, on the
   * task.
   */
  compensation: 'dev.mcp-workflow/compensation',
  relatedTask: 'io.modelcontextprotocol/related-task',
  modelImmediateResponse: 'io.modelcontextprotocol/model-immediate-response',
} as const;

/** The task object that tools, resources and the command line show: the protocol's fields and ours beside them. */
export function taskObject(view: TaskView): JsonObject {
  return {
    taskId: view.taskId,
    workflow: view.workflow,
    status: view.status,
    statusMessage: view.statusMessage,
    createdAt: isoTime(view.createdAt),
    lastUpdatedAt: isoTime(view.lastUpdatedAt),
    ttl: view.ttl,
    pollInterval: view.pollInterval,
    ...progressObject(view),
    ...(view.endedAt === undefined ? {} : { endedAt: isoTime(view.endedAt) }),
    ...(view.wakeAt === undefined ? {} : { wakeAt: isoTime(view.wakeAt) }),
    ...(view.inputs.length === 0 ? {} : { inputRequests: inputRequests(view.inputs) }),
    ...(view.failure === undefined ? {} : { error: failureObject(view.failure) }),
    ...(view.warnings.length === 0 ? {} : { warnings: view.warnings }),
    ...(view.parent === undefined ? {} : { parent: { taskId: view.parent.taskId, path: view.parent.path } }),
    ...(view.scheduleTime === undefined ? {} : { scheduleTime: view.scheduleTime }),
  };
}

/** `_meta["dev.mcp-workflow/progress"]`: 0–100 and the phases. */
export function progressObject(view: TaskView): JsonObject {
  return { percent: view.percent, phases: view.phases.map(phaseObject) };
}

function phaseObject(phase: Phase): JsonObject {
  return {
    name: phase.name,
    status: phase.status,
    ...(phase.description === undefined ? {} : { description: phase.description }),
    ...(phase.startedAt === undefined ? {} : { startedAt: isoTime(phase.startedAt) }),
    ...(phase.endedAt === undefined ? {} : { endedAt: isoTime(phase.endedAt) }),
  };
}

/** Pending questions by key, each in MCP's own shape. */
export function inputRequests(inputs: readonly PendingInput[]): JsonObject {
  return Object.fromEntries(
    inputs.map((input) => [input.key, { method: input.request.method, params: input.request.params }]),
  );
}

/** One row of the step table with times as text. */
export function stepObject(row: StepRow): JsonObject {
  return {
    path: row.path,
    status: row.status,
    attempts: row.attempts,
    startedAt: row.startedAt === undefined ? null : isoTime(row.startedAt),
    endedAt: row.endedAt === undefined ? null : isoTime(row.endedAt),
    ...(row.error === undefined ? {} : { error: failureObject(row.error) }),
    ...(row.cached === undefined ? {} : { cached: row.cached }),
  };
}

function failureObject(failure: {
  readonly code: string;
  readonly message: string;
  readonly step?: string;
  readonly data?: JsonValue;
}): JsonObject {
  return {
    code: failure.code,
    message: failure.message,
    ...(failure.step === undefined ? {} : { step: failure.step }),
    ...(failure.data === undefined ? {} : { data: failure.data }),
  };
}

/** True when the status never changes again. */
export function isTerminal(view: TaskView): boolean {
  return view.endedAt !== undefined;
}
