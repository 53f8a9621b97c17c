import { isoTime } from '../../core/clock.ts';
import { isJsonObject } from '../../core/json.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Outcome, ToolResult } from '../../core/outcome.ts';
import type { InputRequest } from '../../engine/journal.ts';
import type { TaskView } from '../../tasks/task.ts';
import type { TaskCodec } from '../codec.ts';
import { RPC, WireError } from '../errors.ts';
import { META, progressObject } from '../task-object.ts';

/*
 * The wire form of tasks in generation 2026-07-28 (extension `io.modelcontextprotocol/tasks`). Pure: our words in,
 * MCP's out.
 * W1 `resultType: "task"` stands on CreateTaskResult and nowhere else.
 * W2 a tool result with `isError` is `completed`; `failed` is for JSON-RPC errors alone.
 * W3 `tasks/get` and `notifications/tasks` carry the same task object for the same state.
 * W4 an input request of a kind the client did not declare never leaves.
 */

/** The identifier of the Tasks extension in capabilities. */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

/** Task status of this generation. Not the neutral one: see W2. */
export type WireStatus2026 = 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';

/** The kinds of input request a client can meet, by the capabilities of one request. */
export interface InputAbilities {
  readonly elicitForm: boolean;
  readonly elicitUrl: boolean;
  readonly sampling: boolean;
  readonly samplingTools: boolean;
  readonly roots: boolean;
}

/** A client that can meet every kind; for places where nothing is to be left out. */
export const ALL_ABILITIES: InputAbilities = {
  elicitForm: true,
  elicitUrl: true,
  sampling: true,
  samplingTools: true,
  roots: true,
};

/** Reads the abilities out of declared client capabilities. `elicitation: {}` means forms, as before modes existed. */
export function abilitiesOf(capabilities: unknown): InputAbilities {
  const declared = isJsonObject(capabilities) ? capabilities : {};
  const elicitation = declared['elicitation'];
  const modes = isJsonObject(elicitation) ? elicitation : undefined;
  const sampling = declared['sampling'];
  return {
    elicitForm: modes !== undefined && (modes['form'] !== undefined || modes['url'] === undefined),
    elicitUrl: modes?.['url'] !== undefined,
    sampling: sampling !== undefined,
    samplingTools: isJsonObject(sampling) && sampling['tools'] !== undefined,
    roots: declared['roots'] !== undefined,
  };
}

/** True when declared client capabilities include the Tasks extension. */
export function declaresTasks(capabilities: unknown): boolean {
  if (!isJsonObject(capabilities)) return false;
  const extensions = capabilities['extensions'];
  return isJsonObject(extensions) && extensions[TASKS_EXTENSION] !== undefined;
}

/** True when the client can meet this request (W4). */
export function canMeet(request: InputRequest, abilities: InputAbilities): boolean {
  switch (request.method) {
    case 'elicitation/create':
      return request.params['mode'] === 'url' ? abilities.elicitUrl : abilities.elicitForm;
    case 'sampling/createMessage':
      return abilities.sampling && (request.params['tools'] === undefined || abilities.samplingTools);
    case 'roots/list':
      return abilities.roots;
    default:
      return false;
  }
}

/** The codec of this generation; `task` is the body of `notifications/tasks` and, with `resultType`, of `tasks/get`. */
export const codec2026: TaskCodec = {
  revision: '2026-07-28',
  resourceNotFound: RPC.invalidParams,
  status: (view, outcome) => wireStatus(view, outcome),
  task: (view, outcome) => detailedTask(view, outcome, ALL_ABILITIES),
  created: (view) => ({ resultType: 'task', ...taskFields(view, 'working') }),
  toolResult: (outcome) => {
    switch (outcome.kind) {
      case 'result':
        return callToolResult(outcome.result);
      case 'error':
        throw new WireError(outcome.code, outcome.message, outcome.data);
      case 'cancelled':
        throw new WireError(RPC.taskCancelled, `The task was cancelled: ${outcome.reason}`);
    }
  },
};

/** An input request in this generation's shape: a page to visit has no id of its own any more. */
export function wireRequest(request: InputRequest): JsonObject {
  if (request.params['mode'] !== 'url') return { method: request.method, params: request.params };
  const { elicitationId: _, ...params } = request.params;
  return { method: request.method, params };
}

/** The client capabilities that meeting these requests takes. */
export function requiredCapabilities(requests: readonly InputRequest[]): JsonObject {
  const forms = requests.filter((request) => request.method === 'elicitation/create');
  const turns = requests.filter((request) => request.method === 'sampling/createMessage');
  const url = forms.some((request) => request.params['mode'] === 'url');
  const tools = turns.some((request) => request.params['tools'] !== undefined);
  return {
    ...(forms.length > 0 && { elicitation: url ? { url: {} } : {} }),
    ...(turns.length > 0 && { sampling: tools ? { tools: {} } : {} }),
    ...(requests.some((request) => request.method === 'roots/list') && { roots: {} }),
  };
}

/**
 * The status a client of this generation sees. `outcome` decides for a task that is over (W2); without it the neutral
 * status stands in.
 */
export function wireStatus(view: TaskView, outcome: Outcome | undefined): WireStatus2026 {
  if (outcome === undefined) return view.status;
  switch (outcome.kind) {
    case 'result':
      return 'completed';
    case 'error':
      return 'failed';
    case 'cancelled':
      return 'cancelled';
  }
}

/**
 * The task with what its status calls for: result, error or input requests. `outcome` must be given for a task that is
 * over. Input requests that `abilities` cannot meet are left out (W4).
 */
export function detailedTask(view: TaskView, outcome: Outcome | undefined, abilities: InputAbilities): JsonObject {
  const fields = taskFields(view, wireStatus(view, outcome));
  if (outcome?.kind === 'result') return { ...fields, result: callToolResult(outcome.result) };
  if (outcome?.kind === 'error') return { ...fields, error: wireError(outcome) };
  if (view.status !== 'input_required') return fields;
  const askable = view.inputs.filter((input) => canMeet(input.request, abilities));
  return {
    ...fields,
    inputRequests: Object.fromEntries(askable.map(({ key, request }) => [key, wireRequest(request)])),
  };
}

/** The answer to `tasks/get`. */
export function getTaskResult(view: TaskView, outcome: Outcome | undefined, abilities: InputAbilities): JsonObject {
  return { resultType: 'complete', ...detailedTask(view, outcome, abilities) };
}

/** A finished tool result as a `tools/call` gives it, alone or inside a task. */
export function callToolResult(result: ToolResult): JsonObject {
  return {
    resultType: 'complete',
    content: result.content,
    ...(result.structuredContent !== undefined && { structuredContent: result.structuredContent }),
    ...(result.isError !== undefined && { isError: result.isError }),
    ...(result._meta !== undefined && { _meta: result._meta }),
  };
}

function wireError(outcome: Extract<Outcome, { kind: 'error' }>): JsonObject {
  return {
    code: outcome.code,
    message: outcome.message,
    ...(outcome.data !== undefined && { data: outcome.data }),
  };
}

function taskFields(view: TaskView, status: WireStatus2026): JsonObject {
  return {
    taskId: view.taskId,
    status,
    ...(view.statusMessage !== '' && { statusMessage: view.statusMessage }),
    createdAt: isoTime(view.createdAt),
    lastUpdatedAt: isoTime(view.lastUpdatedAt),
    ttlMs: view.ttl,
    pollIntervalMs: view.pollInterval,
    _meta: { [META.progress]: progressObject(view) },
  };
}
