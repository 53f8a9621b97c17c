import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Logger } from '../core/logger.ts';
import type { Outcome, ToolResult } from '../core/outcome.ts';
import { nearest } from '../core/suggest.ts';
import type { Definition } from '../definition/model.ts';
import { TaskError, type TaskEvent, type TaskView } from '../tasks/task.ts';
import type { Caller } from './caller.ts';
import { COMPACT_TOOLS } from './compact.ts';
import type { ProtocolDeps } from './deps.ts';
import { EarlyMessages } from './early-messages.ts';
import { invalidParams, taskNotFound } from './errors.ts';
import { firstAbort } from './first-abort.ts';
import { follow } from './follow.ts';
import { InputRelay, type Asker } from './input-relay.ts';
import { keepBeating, ProgressReporter, type ProgressTick } from './progress.ts';
import { deferredResult, errorResult } from './results.ts';
import type { SharedQuestions } from './shared-questions.ts';
import { exposed, findWorkflow } from './tools.ts';
import { SCHEDULE_TOOLS } from './schedule-tools.ts';
import { TASK_TOOLS } from './task-tool-descriptors.ts';
import { roomOf, roomTools } from './tool-rooms.ts';

/** A tool call without the words of any generation. */
export interface CallRequest {
  readonly tool: string;
  readonly arguments: JsonObject;
  /** The answer is a task handle, at once. */
  readonly wantsTask: boolean;
  readonly ttl?: number | null;
  /** The caller's idempotency key. */
  readonly key?: string;
  /** Whether the client lends its model. */
  readonly samples?: boolean;
}

/** What a waiting request can do meanwhile. */
export interface WaitChannel {
  /** The client withdrew the request, or its connection is gone. */
  readonly signal: AbortSignal;
  /** The server is stopping: answer now. */
  readonly hurry: AbortSignal;
  /** Puts questions to the client on this request; absent where a connection cannot. */
  readonly asker?: Asker;
  /** Those of the connection. */
  readonly questions: SharedQuestions;
}

/** The same for a call that can also report while it runs. */
export interface CallChannel extends WaitChannel {
  readonly progress?: (tick: ProgressTick) => void;
  /** What the client was told last, by the process before. */
  readonly progressSeen?: ProgressTick;
  readonly message?: (event: MessageEvent) => void;
  /** The task is durable; `said` is what it has said already. Subscribe in the same turn, and nothing is missed. */
  readonly created?: (view: TaskView, said: readonly MessageEvent[]) => void;
  /** A plain call has become this task, which is durable. */
  readonly began?: (view: TaskView) => void;
  /** False when the connection is gone and the client did not withdraw the request. The run then goes on. */
  readonly withdrawn: () => boolean;
}

type MessageEvent = Extract<TaskEvent, { type: 'message' }>;

/** What a tool name means. */
export type CallTarget =
  | { readonly kind: 'workflow'; readonly definition: Definition; readonly arguments: JsonObject }
  | { readonly kind: 'own'; readonly tool: string }
  /** The arguments of `workflow_run` name nothing that can be run; `message` is for a model to read. */
  | { readonly kind: 'wrong'; readonly message: string };

/** How a call is answered. `created` and `outcome` are for the codec; `tool` is a tool result as it stands. */
export type CallAnswer =
  | { readonly kind: 'created'; readonly view: TaskView }
  | { readonly kind: 'outcome'; readonly view: TaskView; readonly outcome: Outcome; readonly definition: Definition }
  | { readonly kind: 'tool'; readonly result: ToolResult };

const OWN_TOOLS: ReadonlySet<string> = new Set(
  [...TASK_TOOLS, ...SCHEDULE_TOOLS, ...COMPACT_TOOLS]
    .map((tool) => tool.name)
    .filter((name) => name !== 'workflow_run'),
);

/** Finds what a call is about. Throws `invalidParams` for a tool that is not published. */
export function resolveCall(request: CallRequest, deps: ProtocolDeps): CallTarget {
  const { tool } = request;
  if (deps.settings.compact && tool === 'workflow_run') return resolveCompact(request.arguments, deps);
  if (OWN_TOOLS.has(tool) && (tool !== 'workflow_search' || deps.settings.compact)) return { kind: 'own', tool };
  if (roomOf(tool, deps) !== undefined) return { kind: 'own', tool };
  const loaded = findWorkflow(tool, deps);
  if (loaded === undefined) throw invalidParams(unknown('tool', tool, deps));
  return { kind: 'workflow', definition: loaded.definition, arguments: request.arguments };
}

function resolveCompact(args: JsonObject, deps: ProtocolDeps): CallTarget {
  const { workflow, input, ...stray } = args;
  const [first] = Object.keys(stray);
  if (first !== undefined) return wrong(`arguments/${first}: there is no such argument, only workflow and input`);
  if (typeof workflow !== 'string') return wrong('arguments/workflow: the name of a workflow is expected');
  if (input !== undefined && !isJsonObject(input)) return wrong('arguments/input: an object is expected');
  const loaded = findWorkflow(workflow, deps);
  if (loaded === undefined) return wrong(unknown('workflow', workflow, deps));
  return { kind: 'workflow', definition: loaded.definition, arguments: input ?? {} };
}

function wrong(message: string): CallTarget {
  return { kind: 'wrong', message };
}

function unknown(what: string, name: string, deps: ProtocolDeps): string {
  const names = exposed(deps).map(({ definition }) => definition.name);
  const rooms = roomTools(deps).map((tool) => tool.name);
  const suggestion = nearest(name, what === 'tool' ? [...names, ...OWN_TOOLS, ...rooms] : names);
  return `Unknown ${what}: ${name}${suggestion === undefined ? '' : `; did you mean '${suggestion}'?`}`;
}

/**
 * Starts a workflow. `created` as soon as the task is durable, or, for a plain call, the outcome when it ends within
 * the soft deadline, and a tool result with the task's id when it does not, when it needs an answer that this client
 * cannot give, or when the server stops. The run goes on in every case but one: a client that withdraws a plain call
 * without an idempotency key cancels it, since nobody would know its id.
 */
export async function callWorkflow(
  target: Extract<CallTarget, { kind: 'workflow' }>,
  request: CallRequest,
  caller: Caller,
  channel: CallChannel,
  deps: ProtocolDeps,
): Promise<CallAnswer> {
  const early = new EarlyMessages(deps.tasks);
  try {
    const view = await deps.tasks.create({
      workflow: target.definition.name,
      arguments: target.arguments,
      principal: caller.principal,
      ...(request.ttl === undefined ? {} : { ttl: request.ttl }),
      ...(request.key === undefined ? {} : { idempotencyKey: request.key }),
      ...(request.samples === undefined ? {} : { samples: request.samples }),
    });
    caller.known.add(view.taskId);
    if (request.wantsTask) {
      channel.created?.(view, early.handOver(view.taskId));
      return { kind: 'created', view };
    }
    channel.began?.(view);
    const started = { view, early };
    return await waitInline(started, target.definition, request, caller, channel, deps);
  } catch (error) {
    // A model can mend its arguments when it reads what is wrong with them: that is a tool result, not a protocol
    // error.
    if (!request.wantsTask && error instanceof TaskError && error.code === 'invalid_arguments') {
      return { kind: 'tool', result: errorResult(error.message) };
    }
    throw error;
  } finally {
    early.close();
  }
}

/** Goes on waiting for the task that a plain call became in the process before. As `callWorkflow` from there on. */
export async function resumeCall(
  target: Extract<CallTarget, { kind: 'workflow' }>,
  taskId: string,
  request: CallRequest,
  caller: Caller,
  channel: CallChannel,
  deps: ProtocolDeps,
): Promise<CallAnswer> {
  const early = new EarlyMessages(deps.tasks);
  try {
    const view = await requireTask(taskId, caller, deps);
    channel.began?.(view);
    return await waitInline({ view, early }, target.definition, request, caller, channel, deps);
  } finally {
    early.close();
  }
}

/** Made once: a reason of its own would take down a stack for every call. */
const OVER = new Error('the wait is over');

/** A task that was just created, with what it may have said meanwhile. */
interface Started {
  readonly view: TaskView;
  readonly early: EarlyMessages;
}

async function waitInline(
  started: Started,
  definition: Definition,
  request: CallRequest,
  caller: Caller,
  channel: CallChannel,
  deps: ProtocolDeps,
): Promise<CallAnswer> {
  const created = started.view;
  const ended = new AbortController();
  const enough = new AbortController();
  const reporter = new ProgressReporter(channel.progress ?? (() => undefined), channel.progressSeen);
  const relay = startRelay(created.taskId, caller, channel, deps, () => enough.abort());
  const onMessage = (event: MessageEvent): void => {
    reporter.onMessage(event);
    channel.message?.(event);
  };
  for (const event of started.early.handOver(created.taskId)) onMessage(event);
  const unsubscribe = deps.tasks.subscribe((event) => {
    if (event.type === 'message') onMessage(event);
  }, created.taskId);
  if (channel.progress !== undefined) void keepBeating(reporter, deps.clock, ended.signal);
  deps.clock.sleep(deps.settings.inlineWaitMs, ended.signal).then(
    () => enough.abort(),
    () => undefined,
  );
  const wait = firstAbort(channel.signal, channel.hurry, enough.signal);
  let newest = created;
  try {
    const view = await follow(deps.tasks, created, caller.principal, wait.signal, (seen) => {
      newest = seen;
      reporter.onView(seen);
      relay.offer(seen);
    });
    const outcome = await requireOutcome(view, caller, deps);
    return { kind: 'outcome', view, outcome, definition };
  } catch (error) {
    if (channel.signal.aborted) {
      if (request.key === undefined && channel.withdrawn()) await cancelQuietly(created.taskId, caller, deps);
      throw error;
    }
    if (!channel.hurry.aborted && !enough.signal.aborted) throw error;
    return { kind: 'tool', result: deferredResult(newest) };
  } finally {
    ended.abort(OVER);
    wait.dispose();
    unsubscribe();
    relay.close();
    reporter.end();
  }
}

/**
 * Waits until a task has ended, answering its questions on the way. Rejects when the request is withdrawn or the server
 * stops.
 */
export async function awaitOutcome(
  view: TaskView,
  caller: Caller,
  channel: WaitChannel,
  deps: ProtocolDeps,
): Promise<{ readonly view: TaskView; readonly outcome: Outcome }> {
  const relay = startRelay(view.taskId, caller, channel, deps, () => undefined);
  const wait = firstAbort(channel.signal, channel.hurry);
  try {
    const last = await follow(deps.tasks, view, caller.principal, wait.signal, (seen) => relay.offer(seen));
    return { view: last, outcome: await requireOutcome(last, caller, deps) };
  } finally {
    wait.dispose();
    relay.close();
  }
}

/** The outcome of a terminal task. */
export async function requireOutcome(view: TaskView, caller: Caller, deps: ProtocolDeps): Promise<Outcome> {
  const outcome = await deps.tasks.outcome(view.taskId, caller.principal);
  // Its ttl may have ended between the two reads.
  if (outcome === undefined) throw taskNotFound();
  return outcome;
}

/** A task of the caller, or the one error that every other id gets. */
export async function requireTask(taskId: string, caller: Caller, deps: ProtocolDeps): Promise<TaskView> {
  const view = await deps.tasks.get(taskId, caller.principal);
  if (view === undefined) throw taskNotFound();
  caller.known.add(taskId);
  return view;
}

/** Puts the questions of a task to one client; they belong to the task, and closing the relay leaves them open. */
export function startRelay(
  taskId: string,
  caller: Caller,
  channel: Pick<WaitChannel, 'asker' | 'questions'>,
  deps: ProtocolDeps,
  onStuck: () => void,
): InputRelay {
  const logger: Logger = deps.logger.child({ taskId });
  return new InputRelay({
    asker: channel.asker ?? { can: () => false, ask: () => Promise.reject(new Error('cannot ask')) },
    respond: (key, response) => deps.tasks.respond(taskId, caller.principal, key, response),
    clock: deps.clock,
    logger,
    instantDeclineMs: deps.settings.instantDeclineMs,
    questions: channel.questions,
    taskId,
    onStuck,
  });
}

async function cancelQuietly(taskId: string, caller: Caller, deps: ProtocolDeps): Promise<void> {
  try {
    await deps.tasks.cancel(taskId, caller.principal, 'the client withdrew the call');
  } catch (error) {
    // It ended in the same moment, or the store is down; nobody waits for an answer either way.
    deps.logger.info({ taskId, err: error }, 'a withdrawn call could not be cancelled');
  }
}
