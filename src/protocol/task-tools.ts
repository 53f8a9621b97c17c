import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { statusOf, type TaskStatus, type ToolResult } from '../core/outcome.ts';
import type { TaskView } from '../tasks/task.ts';
import { requireOutcome, requireTask } from './calls.ts';
import type { Caller } from './caller.ts';
import { cleanUpObject } from './clean-up.ts';
import { COMPACT_TOOLS, searchWorkflows } from './compact.ts';
import type { ProtocolDeps } from './deps.ts';
import { RPC, toWireError, WireError } from './errors.ts';
import { waitAtMost } from './follow.ts';
import { listKnown } from './known-tasks.ts';
import { limitResult } from './result-limit.ts';
import { errorResult, jsonResult, nextStep } from './results.ts';
import { SCHEDULE_TOOLS } from './schedule-tools.ts';
import { listSchedules } from './schedules.ts';
import { isTerminal, taskObject } from './task-object.ts';
import { MAX_WAIT_SECONDS, TASK_TOOLS } from './task-tool-descriptors.ts';
import { roomOf } from './tool-rooms.ts';
import { exposed } from './tools.ts';

/** An argument that is not what the tool takes; the text names it. */
class ArgumentError extends Error {}

type OwnTool = (args: JsonObject, context: Context) => Promise<ToolResult> | ToolResult;

interface Context {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly deps: ProtocolDeps;
}

const STATUSES: ReadonlySet<string> = new Set<TaskStatus>([
  'working',
  'input_required',
  'completed',
  'failed',
  'cancelled',
]);

const HANDLERS: { readonly [tool: string]: OwnTool } = {
  tasks_get: get,
  tasks_list: list,
  tasks_result: result,
  tasks_cancel: cancel,
  tasks_update: update,
  schedules_list: schedules,
  workflow_search: (args, { deps }) => searchWorkflows(optionalText(args, 'query') ?? '', exposed(deps)),
};

const ARGUMENTS: ReadonlyMap<string, readonly string[]> = new Map(
  [...TASK_TOOLS, ...SCHEDULE_TOOLS, ...COMPACT_TOOLS].map(({ name, inputSchema }) => [
    name,
    isJsonObject(inputSchema['properties']) ? Object.keys(inputSchema['properties']) : [],
  ]),
);

/**
 * Runs one of the server's own tools. What goes wrong comes back as a tool result with `isError` and a text that a
 * model can act on; it rejects only when the request is withdrawn. `key`: the idempotency key of the client, for tools
 * of other rooms.
 */
export async function callOwnTool(
  tool: string,
  args: JsonObject,
  caller: Caller,
  signal: AbortSignal,
  deps: ProtocolDeps,
  key?: string,
): Promise<ToolResult> {
  try {
    const room = roomOf(tool, deps);
    if (room !== undefined) return await room.call(tool, args, caller, key);
    const handler = HANDLERS[tool];
    if (handler === undefined) return errorResult(`Unknown tool: ${tool}`);
    refuseStray(tool, args);
    return await handler(args, { caller, signal, deps });
  } catch (error) {
    if (signal.aborted) throw error;
    if (error instanceof ArgumentError || error instanceof WireError) return errorResult(error.message);
    const wire = toWireError(error, { resourceNotFound: RPC.invalidParams }, deps);
    const id = isJsonObject(wire.data) ? wire.data['correlationId'] : undefined;
    return errorResult(typeof id === 'string' ? `${wire.message} (${id})` : wire.message);
  }
}

/**
 * What the published schemas forbid: a misspelt argument would be passed over, and the tool would do something else.
 */
function refuseStray(tool: string, args: JsonObject): void {
  const names = ARGUMENTS.get(tool) ?? [];
  const stray = Object.keys(args).find((name) => !names.includes(name));
  if (stray === undefined) return;
  throw new ArgumentError(`arguments/${stray}: there is no such argument, only ${names.join(', ')}`);
}

async function get(args: JsonObject, { caller, signal, deps }: Context): Promise<ToolResult> {
  const start = await requireTask(text(args, 'taskId'), caller, deps);
  const view = await waitAtMost(deps.tasks, deps.clock, start, caller.principal, {
    ms: waitSeconds(args, 0) * 1000,
    enough: (seen) => isTerminal(seen) || seen.inputs.length > 0,
    signal,
  });
  return jsonResult({ ...taskObject(view), ...(await cleanUpObject(view, caller, deps)) }, nextStep(view));
}

async function list(args: JsonObject, { caller, deps }: Context): Promise<ToolResult> {
  const status = optionalText(args, 'status');
  if (status !== undefined && !STATUSES.has(status)) {
    throw new ArgumentError(`arguments/status: one of ${[...STATUSES].join(', ')} is expected`);
  }
  const workflow = optionalText(args, 'workflow');
  const filter = {
    ...(workflow === undefined ? {} : { workflow }),
    ...(status === undefined ? {} : { status: status as TaskStatus }), // one of STATUSES
  };
  const limit = number(args, 'limit', 1, 200) ?? 50;
  if (!Number.isInteger(limit)) throw new ArgumentError('arguments/limit: a whole number is expected');
  const cursor = optionalText(args, 'cursor');
  const page = caller.listsAll
    ? await deps.tasks.list({
        principal: caller.principal,
        limit,
        ...filter,
        ...(cursor === undefined ? {} : { cursor }),
      })
    : await listKnown(caller, deps, { limit, cursor, ...filter });
  return jsonResult({
    tasks: page.tasks.map(taskObject),
    ...(page.nextCursor === undefined ? {} : { nextCursor: page.nextCursor }),
  });
}

async function schedules(args: JsonObject, { caller, deps }: Context): Promise<ToolResult> {
  return jsonResult(await listSchedules(caller, deps, optionalText(args, 'workflow')));
}

async function result(args: JsonObject, { caller, signal, deps }: Context): Promise<ToolResult> {
  const start = await requireTask(text(args, 'taskId'), caller, deps);
  const view = await waitAtMost(deps.tasks, deps.clock, start, caller.principal, {
    ms: waitSeconds(args, MAX_WAIT_SECONDS) * 1000,
    enough: (seen) => isTerminal(seen) || seen.inputs.length > 0,
    signal,
  });
  if (!isTerminal(view)) return described(view);
  const outcome = await requireOutcome(view, caller, deps);
  switch (outcome.kind) {
    case 'result':
      return limitResult(outcome.result, view.taskId, {
        limitBytes: deps.settings.resultLimitBytes,
        structured: 'drop',
      });
    case 'error':
      return errorResult(`The task ${statusOf(outcome)} with error ${outcome.code}: ${outcome.message}`);
    case 'cancelled':
      return errorResult(`The task was cancelled: ${outcome.reason}`);
  }
}

async function cancel(args: JsonObject, { caller, deps }: Context): Promise<ToolResult> {
  const taskId = text(args, 'taskId');
  const view = await requireTask(taskId, caller, deps);
  if (isTerminal(view)) return errorResult(`The task has ended already (${view.status}); there is nothing to cancel.`);
  const reason = optionalText(args, 'reason');
  return described(await deps.tasks.cancel(taskId, caller.principal, reason));
}

async function update(args: JsonObject, { caller, deps }: Context): Promise<ToolResult> {
  const taskId = text(args, 'taskId');
  await requireTask(taskId, caller, deps);
  const responses = args['inputResponses'];
  if (!isJsonObject(responses) || Object.keys(responses).length === 0) {
    throw new ArgumentError(
      'arguments/inputResponses: an object with an answer by the key of each question is expected',
    );
  }
  const accepted: string[] = [];
  const ignored: string[] = [];
  for (const [key, response] of Object.entries(responses)) {
    const verdict = await deps.tasks.respond(taskId, caller.principal, key, response);
    (verdict === 'accepted' ? accepted : ignored).push(key);
  }
  const view = await requireTask(taskId, caller, deps);
  return jsonResult(
    { ...taskObject(view), accepted, ignored },
    ignored.length === 0
      ? nextStep(view)
      : `Not open any more, so nothing was changed for: ${ignored.join(', ')}. ${nextStep(view)}`,
  );
}

function described(view: TaskView): ToolResult {
  return jsonResult(taskObject(view), nextStep(view));
}

function text(args: JsonObject, name: string): string {
  const value = optionalText(args, name);
  if (value === undefined) throw new ArgumentError(`arguments/${name}: a string is expected`);
  return value;
}

function optionalText(args: JsonObject, name: string): string | undefined {
  const value: JsonValue | undefined = args[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw new ArgumentError(`arguments/${name}: a string is expected`);
  return value;
}

function waitSeconds(args: JsonObject, otherwise: number): number {
  return number(args, 'wait_seconds', 0, MAX_WAIT_SECONDS) ?? otherwise;
}

function number(args: JsonObject, name: string, min: number, max: number): number | undefined {
  const value = args[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || value < min || value > max) {
    throw new ArgumentError(`arguments/${name}: a number from ${min} to ${max} is expected`);
  }
  return value;
}
