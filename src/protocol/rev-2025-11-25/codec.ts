import { isoTime } from '../../core/clock.ts';
import { describeFailure } from '../../core/failure.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { TaskView } from '../../tasks/task.ts';
import type { TaskCodec } from '../codec.ts';
import { RPC, WireError } from '../errors.ts';
import { nextStep } from '../results.ts';
import { META, progressObject } from '../task-object.ts';

/**
 * A task in the words of 2025-11-25: nested `task`, `ttl`, `pollInterval`; a tool result with `isError` is a failed
 * task.
 */
export const codec2025: TaskCodec = {
  revision: '2025-11-25',
  resourceNotFound: RPC.resourceNotFound,

  // The neutral status has been modelled on this revision, so the words are the same.
  status: (view) => view.status,

  task: (view) => ({
    taskId: view.taskId,
    status: view.status,
    statusMessage: statusMessage(view),
    createdAt: isoTime(view.createdAt),
    lastUpdatedAt: isoTime(view.lastUpdatedAt),
    ttl: view.ttl,
    pollInterval: view.pollInterval,
  }),

  created: (view) => ({
    task: {
      ...codec2025.task(view, undefined),
      status: 'working',
      ...(view.status === 'working' ? {} : { statusMessage: 'The run has been accepted.' }),
    },
    _meta: {
      [META.progress]: progressObject(view),
      [META.modelImmediateResponse]: `Started task ${view.taskId}. ${nextStep({ ...view, inputs: [] })}`,
    },
  }),

  toolResult(outcome: Outcome): JsonObject {
    switch (outcome.kind) {
      case 'result':
        return { ...outcome.result };
      case 'error':
        throw new WireError(outcome.code, outcome.message, outcome.data);
      case 'cancelled':
        throw new WireError(RPC.taskCancelled, `Task was cancelled: ${outcome.reason}`);
    }
  },
};

/** Clients of this revision hide the result of a failed task, so the diagnosis is in the message. */
function statusMessage(view: TaskView): string {
  return view.status === 'failed' && view.failure !== undefined ? describeFailure(view.failure) : view.statusMessage;
}
