import type { JsonObject } from '../../core/json.ts';
import type { TaskEvent, TaskView } from '../../tasks/task.ts';
import { requireOutcome, requireTask } from '../calls.ts';
import type { ProtocolDeps } from '../deps.ts';
import type { EarlyMessages } from '../early-messages.ts';
import { keepBeating, ProgressReporter, type ProgressTick } from '../progress.ts';
import { limitResult } from '../result-limit.ts';
import { deferredResult } from '../results.ts';
import { isTerminal } from '../task-object.ts';
import { insteadOfLarge } from '../tools.ts';
import { callToolResult, codec2026, requiredCapabilities } from './codec.ts';
import { missingCapabilities } from './capability-error.ts';
import { answerPrepared, askable, gathered, inputRequired, type Round } from './multi-round-trip.ts';
import type { StateSealer } from './request-state.ts';

/** The request while it is being answered. */
export interface CallChannel {
  /** The client withdrew the request, or its connection is gone. */
  readonly signal: AbortSignal;
  /** The server is stopping: answer now. */
  readonly hurry: AbortSignal;
  /** After `signal`: whether the client is the one who ended it. */
  readonly withdrawn: () => boolean;
  readonly progress?: (tick: ProgressTick) => void;
  readonly message?: (event: Extract<TaskEvent, { type: 'message' }>) => void;
}

/** What answering calls needs beside the neutral layer's ports. */
export interface CallDeps extends ProtocolDeps {
  readonly sealer: StateSealer;
}

/**
 * Answers a call inside its request: the result, `input_required` when the workflow asks something that this client can
 * answer, or, at the soft deadline, when nobody here can answer or when the server stops, the task's id and what to do
 * next; the run then goes on. Rejects with the signal's reason when the request was withdrawn; what becomes of the run
 * is the caller's decision.
 */
export async function answerPlainCall(
  round: Round,
  channel: CallChannel,
  early: EarlyMessages,
  deps: CallDeps,
): Promise<JsonObject> {
  const ended = new AbortController();
  const deadline = new AbortController();
  const reporter = new ProgressReporter(channel.progress ?? (() => undefined));
  const onEvent = (event: TaskEvent): void => {
    if (event.type !== 'message') return;
    reporter.onMessage(event);
    channel.message?.(event);
  };
  const unsubscribe = deps.tasks.subscribe(onEvent, round.view.taskId);
  for (const event of early.handOver(round.view.taskId)) onEvent(event);
  if (channel.progress !== undefined) void keepBeating(reporter, deps.clock, ended.signal);
  deps.clock.sleep(deps.settings.inlineWaitMs, ended.signal).then(
    () => deadline.abort(),
    () => undefined,
  );
  const wait = AbortSignal.any([channel.signal, channel.hurry, deadline.signal]);
  let newest = round.view;
  try {
    return await untilAnswered(round, wait, deps, (seen) => {
      newest = seen;
      reporter.onView(seen);
    });
  } catch (error) {
    if (channel.signal.aborted || !wait.aborted) throw error;
    return callToolResult(deferredResult(newest));
  } finally {
    ended.abort();
    unsubscribe();
    reporter.end();
  }
}

async function untilAnswered(
  round: Round,
  wait: AbortSignal,
  deps: CallDeps,
  onView: (view: TaskView) => void,
): Promise<JsonObject> {
  const { caller } = round;
  let { view } = round;
  let isGathered = false;
  for (;;) {
    onView(view);
    if (isTerminal(view)) return finished(round, view, deps);
    if (await answerPrepared(round, view, deps)) {
      view = await requireTask(view.taskId, caller, deps);
      continue;
    }
    if (view.inputs.length === 0) {
      isGathered = false;
    } else if (!isGathered) {
      isGathered = true;
      view = await gathered(view, caller.principal, wait, deps);
      continue;
    } else {
      const asks = askable(round, view);
      return asks.length > 0 ? inputRequired(round, asks, deps) : await unanswerable(round, view, deps);
    }
    view = await deps.tasks.waitForChange(view.taskId, caller.principal, view.rev, wait);
  }
}

/**
 * Somebody else has to answer, so waiting here helps nobody: the task's id and what to do next. A workflow that is
 * never to be a task has no such way out; it ends, and the error says which capability would have helped.
 */
async function unanswerable(round: Round, view: TaskView, deps: CallDeps): Promise<JsonObject> {
  if (round.definition.task !== 'forbidden' || round.notShown.size > 0) return callToolResult(deferredResult(view));
  await deps.tasks.cancel(view.taskId, round.caller.principal, 'the client cannot answer what the workflow asks');
  throw missingCapabilities(
    requiredCapabilities(view.inputs.map((input) => input.request)),
    `the tool '${round.definition.name}'`,
    'It asks while it runs, and it cannot go on as a task: `task: optional` in its definition would let it.',
  );
}

async function finished(round: Round, view: TaskView, deps: CallDeps): Promise<JsonObject> {
  const outcome = await requireOutcome(view, round.caller, deps);
  if (outcome.kind !== 'result') return codec2026.toolResult(outcome);
  return callToolResult(
    limitResult(outcome.result, view.taskId, {
      limitBytes: deps.settings.resultLimitBytes,
      structured: insteadOfLarge(round.definition, view),
    }),
  );
}
