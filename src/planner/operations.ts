import type { JsonObject } from '../core/json.ts';
import { readArguments, type Arguments, type PlannerTool } from './arguments.ts';
import type { Intent } from './keys.ts';
import type { RequestEntry } from './plan.ts';
import type { Change, PlanStore } from './plan-store.ts';
import * as rules from './rules.ts';
import { detailsText, nextText, progressTable, requestsTable, SAID } from './texts.ts';

/** Who calls, on what, and with which idempotency key. */
export interface Call {
  readonly plans: PlanStore;
  readonly principal: string;
  readonly intent?: Intent;
}

type Operation<T extends PlannerTool> = (args: Arguments<T>, call: Call) => Promise<JsonObject>;
type Read = (args: JsonObject, call: Call) => Promise<JsonObject>;

/** Reads the arguments of a tool before it does what it does. */
function reading<T extends PlannerTool>(tool: T, act: Operation<T>): Read {
  return async (args, call) => act(readArguments(tool, args), call);
}

const OPERATIONS: { readonly [T in PlannerTool]: Read } = {
  request_planning: reading('request_planning', async (draft, { plans, principal, intent }) => {
    const entry = await plans.create(principal, (id, nextId) => rules.requestOf(id, draft, nextId), intent);
    return { requestId: entry.requestId, ...changed(SAID.planned, entry) };
  }),
  get_next_task: reading('get_next_task', async ({ requestId }, { plans, principal }) => {
    const entry = await plans.request(principal, requestId);
    const next = rules.nextOf(entry);
    return {
      taskId: next.kind === 'task' ? next.task.id : null,
      allTasksDone: next.kind === 'approved',
      ...answer(nextText(entry), entry),
    };
  }),
  mark_task_done: reading('mark_task_done', async ({ requestId, taskId, completedDetails }, call) =>
    change(SAID.done, requestId, (entry) => rules.markDone(entry, taskId, completedDetails), call),
  ),
  approve_task_completion: reading('approve_task_completion', async ({ requestId, taskId }, call) =>
    change(SAID.approved, requestId, (entry) => rules.approveTask(entry, taskId), call),
  ),
  approve_request_completion: reading('approve_request_completion', async ({ requestId }, call) =>
    change(SAID.completed, requestId, rules.approveRequest, call),
  ),
  add_tasks_to_request: reading('add_tasks_to_request', async ({ requestId, tasks }, call) =>
    change(SAID.added, requestId, (entry, nextId) => rules.withTasks(entry, tasks, nextId), call),
  ),
  update_task: reading('update_task', async ({ requestId, taskId, title, description }, call) =>
    change(SAID.updated, requestId, (entry) => rules.updateTask(entry, taskId, { title, description }), call),
  ),
  delete_task: reading('delete_task', async ({ requestId, taskId }, call) =>
    change(SAID.deleted, requestId, (entry) => rules.deleteTask(entry, taskId), call),
  ),
  open_task_details: reading('open_task_details', async ({ taskId }, { plans, principal }) => {
    const entry = await plans.requestOfTask(principal, taskId);
    const task = rules.taskIn(entry, taskId);
    // Not `task`: a result with that member is the handle of a task of the engine.
    return {
      message: detailsText(task),
      requestId: entry.requestId,
      status: rules.stateOf(task),
      details: { ...task },
    };
  }),
  list_requests: reading('list_requests', async (_none, { plans, principal }) => {
    const requests = await plans.requests(principal);
    return { message: requestsTable(requests), requests: requests.map((row) => ({ ...row })) };
  }),
};

/** Does what a tool does. Throws `PlannerRefusal`; rejects with `StoreError`. */
export function operate(tool: PlannerTool, args: JsonObject, call: Call): Promise<JsonObject> {
  return OPERATIONS[tool](args, call);
}

async function change(said: string, requestId: string, make: Change, call: Call): Promise<JsonObject> {
  return changed(said, await call.plans.change(call.principal, requestId, make, call.intent));
}

function changed(said: string, entry: RequestEntry): JsonObject {
  return answer(`${said}\n${progressTable(entry)}`, entry);
}

/** The request itself stands beside the table: only it has the ids of all tasks. */
function answer(message: string, entry: RequestEntry): JsonObject {
  return { message, request: { ...entry, tasks: entry.tasks.map((task) => ({ ...task })) } };
}
