import type { JsonObject } from '../../core/json.ts';
import type { Definition } from '../../definition/model.ts';
import type { StepSyntaxTable } from '../../definition/step-syntax.ts';
import { TaskError, type TaskView } from '../../tasks/task.ts';
import { requireOutcome, requireTask, resolveCall } from '../calls.ts';
import type { Caller } from '../caller.ts';
import { EarlyMessages } from '../early-messages.ts';
import { invalidParams } from '../errors.ts';
import { waitAtMost } from '../follow.ts';
import { errorResult } from '../results.ts';
import { callOwnTool } from '../task-tools.ts';
import { isTerminal } from '../task-object.ts';
import { missingTasksCapability } from './capability-error.ts';
import { abilitiesOf, callToolResult, codec2026, declaresTasks } from './codec.ts';
import { answerPlainCall, type CallChannel, type CallDeps } from './inline-call.ts';
import { answerPrepared, answerRound, askable, inputRequired, openState, type Round } from './multi-round-trip.ts';

/*
 * `tools/call` of generation 2026-07-28. The server decides whether a call becomes a task:
 * C1 a handle goes only to a request that declares the Tasks extension, and only when the task is durable.
 * C2 with the extension, an `optional` workflow that ends within GRACE_MS is answered directly; one that lasts longer
 *    or asks something gets a handle. A `required` one always gets a handle, after its leading questions.
 * C3 without the extension, or for a `forbidden` workflow, the call is answered inside the request; questions are put
 *    by multi round-trip (`input_required`), and the durable task is the state between the rounds.
 * C4 a client that withdraws the first round, or whose HTTP connection goes before its answer, cancels the task that it
 *    cannot know the id of; with an idempotency key it can find the task again, so that task stays.
 */

/** How long an `optional` workflow may take to be answered without a handle, in milliseconds. */
export const GRACE_MS = 200;

/** How long the first question of a `required` workflow is waited for before its handle goes out without it. */
const LEADING_QUESTION_MS = 5_000;

/** A call as it came, without the words of the SDK. */
export interface ToolCall {
  readonly tool: string;
  readonly arguments: JsonObject;
  /** The client's idempotency key. */
  readonly key?: string;
  /** `inputResponses` of a retried call; values are as the client sent them. */
  readonly answers: JsonObject;
  /** Keys of `inputResponses` whose values were no answers at all. */
  readonly malformed: readonly string[];
  readonly requestState?: string;
  /** The client's capabilities as this very request declares them. */
  readonly capabilities: unknown;
}

/**
 * Answers a call: a tool result, a task handle or `input_required`. Rejects with a `WireError` or `TaskError`, and with
 * the signal's reason when the request was withdrawn.
 */
export async function answerToolCall(
  call: ToolCall,
  caller: Caller,
  channel: CallChannel,
  deps: CallDeps,
): Promise<JsonObject> {
  const target = resolveCall({ tool: call.tool, arguments: call.arguments, wantsTask: false }, deps);
  if (target.kind === 'wrong') return callToolResult(errorResult(target.message));
  if (target.kind === 'own') {
    return callToolResult(await callOwnTool(target.tool, call.arguments, caller, channel.signal, deps, call.key));
  }
  const { definition } = target;
  if (definition.task === 'required' && !declaresTasks(call.capabilities))
    throw missingTasksCapability(definition.name);
  const early = new EarlyMessages(deps.tasks);
  try {
    const begun =
      call.requestState === undefined
        ? await firstRound(call, definition, target.arguments, caller, deps)
        : await nextRound(call, call.requestState, definition, caller, deps);
    if ('refused' in begun) return begun.refused;
    return await answerBegun(call, begun, channel, early, deps);
  } finally {
    early.close();
  }
}

async function answerBegun(
  call: ToolCall,
  begun: Round,
  channel: CallChannel,
  early: EarlyMessages,
  deps: CallDeps,
): Promise<JsonObject> {
  const { caller, definition } = begun;
  try {
    const answer =
      declaresTasks(call.capabilities) && definition.task !== 'forbidden'
        ? await answerWithTask(begun, channel, deps)
        : await answerPlainCall(begun, channel, early, deps);
    // The SDK sends nothing on a request that is over: an answer that nobody gets is no delivered handle (C4).
    channel.signal.throwIfAborted();
    return answer;
  } catch (error) {
    const unreachable = call.requestState === undefined && call.key === undefined;
    if (unreachable && channel.signal.aborted && channel.withdrawn())
      await cancelUnreachable(begun.view.taskId, caller, deps);
    throw error;
  }
}

async function firstRound(
  call: ToolCall,
  definition: Definition,
  args: JsonObject,
  caller: Caller,
  deps: CallDeps,
): Promise<Round | { readonly refused: JsonObject }> {
  try {
    const view = await deps.tasks.create({
      workflow: definition.name,
      arguments: args,
      principal: caller.principal,
      ...(call.key !== undefined && { idempotencyKey: call.key }),
      ...samplesOf(call, definition),
    });
    caller.known.add(view.taskId);
    const prepared = new Map(Object.entries(call.answers));
    return { ...roundBasics(call, definition, caller), view, prepared, notShown: new Set() };
  } catch (error) {
    // A model can mend its arguments when it reads what is wrong with them: that is a tool result, not a protocol
    // error.
    if (error instanceof TaskError && error.code === 'invalid_arguments') {
      return { refused: callToolResult(errorResult(error.message)) };
    }
    throw error;
  }
}

/**
 * Whether the client lends its model. One that says no and takes no task is told what it lacks when the question comes
 * (an error of the protocol), unless another model can answer.
 */
function samplesOf({ capabilities }: ToolCall, { task }: Definition): { readonly samples?: boolean } {
  if (abilitiesOf(capabilities).sampling) return { samples: true };
  return declaresTasks(capabilities) && task !== 'forbidden' ? { samples: false } : {};
}

async function nextRound(
  call: ToolCall,
  requestState: string,
  definition: Definition,
  caller: Caller,
  deps: CallDeps,
): Promise<Round> {
  const basics = roundBasics(call, definition, caller);
  const state = openState(requestState, basics.binding, deps);
  if (state === undefined) throw invalidParams('Invalid or expired requestState');
  await requireTask(state.taskId, caller, deps);
  const malformed = call.malformed.find((name) => Object.hasOwn(state.keys, name));
  if (malformed !== undefined) throw invalidParams(`params/inputResponses/${malformed}: an object is expected`);
  const notShown = await answerRound(state, call.answers, caller.principal, deps);
  return { ...basics, view: await requireTask(state.taskId, caller, deps), prepared: new Map(), notShown };
}

function roundBasics(
  call: ToolCall,
  definition: Definition,
  caller: Caller,
): Pick<Round, 'definition' | 'caller' | 'binding' | 'abilities'> {
  return {
    definition,
    caller,
    binding: { principal: caller.principal, tool: call.tool, arguments: call.arguments },
    abilities: abilitiesOf(call.capabilities),
  };
}

async function answerWithTask(round: Round, channel: CallChannel, deps: CallDeps): Promise<JsonObject> {
  const { definition, caller } = round;
  if (definition.task === 'required') {
    const leading = leadingQuestions(definition, round, deps.syntaxes);
    if (leading.size === 0) return codec2026.created(round.view);
    const view = await waitForLeading(round, leading, channel, deps);
    const asks = askable(round, view).filter((input) => leading.has(input.path));
    return asks.length > 0 ? inputRequired(round, asks, deps) : codec2026.created(view);
  }
  const view = await waitAtMost(deps.tasks, deps.clock, round.view, caller.principal, {
    ms: GRACE_MS,
    enough: (seen) => isTerminal(seen) || seen.inputs.length > 0,
    signal: channel.signal,
  });
  if (!isTerminal(view)) return codec2026.created(view);
  return codec2026.toolResult(await requireOutcome(view, caller, deps));
}

/**
 * The questions with which a workflow begins: its first steps, as far as they are unconditional `elicit` steps that the
 * client can show. The specification wants such questions asked before a handle goes out.
 */
function leadingQuestions(definition: Definition, round: Round, syntaxes: StepSyntaxTable): ReadonlySet<string> {
  const leading = new Set<string>();
  for (const step of definition.steps) {
    const canAsk = step['url'] === undefined ? round.abilities.elicitForm : round.abilities.elicitUrl;
    const asksPerson = syntaxes.get(step.type)?.formKey !== undefined;
    if (!asksPerson || step.when !== undefined || !canAsk) break;
    leading.add(step.id);
  }
  return leading;
}

/** Waits until one of the leading questions is open, all of them are behind, or it takes too long. */
async function waitForLeading(
  round: Round,
  leading: ReadonlySet<string>,
  channel: CallChannel,
  deps: CallDeps,
): Promise<TaskView> {
  const { caller } = round;
  const deadline = deps.clock.monotonic() + LEADING_QUESTION_MS;
  let { view } = round;
  for (;;) {
    if (await answerPrepared(round, view, deps)) view = await requireTask(view.taskId, caller, deps);
    if (isTerminal(view) || view.inputs.some((input) => leading.has(input.path))) return view;
    const rows = await deps.tasks.steps(view.taskId, caller.principal);
    const behind = new Set(rows.filter((row) => row.endedAt !== undefined).map((row) => row.path));
    const ms = deadline - deps.clock.monotonic();
    if ([...leading].every((path) => behind.has(path)) || ms <= 0 || channel.hurry.aborted) return view;
    const { rev } = view;
    view = await waitAtMost(deps.tasks, deps.clock, view, caller.principal, {
      ms,
      enough: (seen) => seen.rev > rev,
      signal: channel.signal,
    });
  }
}

async function cancelUnreachable(taskId: string, caller: Caller, deps: CallDeps): Promise<void> {
  try {
    await deps.tasks.cancel(taskId, caller.principal, 'the client withdrew the call before it knew the task');
  } catch (error) {
    // It ended in the same moment, or the store is down; nobody waits for an answer either way.
    deps.logger.info({ taskId, err: error }, 'a withdrawn call could not be cancelled');
  }
}
