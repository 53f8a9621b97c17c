import type { JsonObject } from '../../core/json.ts';
import {
  callWorkflow,
  resumeCall,
  resolveCall,
  type CallAnswer,
  type CallChannel,
  type CallRequest,
  type CallTarget,
} from '../calls.ts';
import { invalidParams, RPC, WireError } from '../errors.ts';
import { fitting } from '../fit.ts';
import { onePage, optionalObject, requiredText } from '../params.ts';
import { limitResult } from '../result-limit.ts';
import { errorResult } from '../results.ts';
import { META } from '../task-object.ts';
import { callOwnTool } from '../task-tools.ts';
import type { ToolDescriptor } from '../tool-descriptor.ts';
import { insteadOfLarge, listTools } from '../tools.ts';
import { asker2025 } from './asker.ts';
import { codec2025 } from './codec.ts';
import { metaOf, progressTokenOf, type Extra, type HandlerTable, type Session } from './session.ts';

/** `tools/list` and `tools/call`. */
export const toolHandlers: HandlerTable = { 'tools/list': list, 'tools/call': call };

function list(params: JsonObject, _extra: Extra, session: Session): JsonObject {
  onePage(params);
  return { tools: fitting('tool', listTools(session.deps).map(wireTool), session.deps) };
}

function wireTool(tool: ToolDescriptor): JsonObject {
  const { taskSupport, annotations, ...rest } = tool;
  return { ...rest, annotations: { ...annotations }, execution: { taskSupport } };
}

async function call(params: JsonObject, extra: Extra, session: Session): Promise<JsonObject> {
  const samples = session.server.getClientCapabilities()?.sampling !== undefined;
  const request = { ...parseCall(params), samples };
  const target = resolveCall(request, session.deps);
  if (target.kind === 'wrong') {
    if (request.wantsTask) throw invalidParams(target.message);
    return { ...errorResult(target.message) };
  }
  assertTaskSupport(target, request);
  if (target.kind === 'own') {
    const { arguments: args, key } = request;
    return { ...(await callOwnTool(target.tool, args, session.caller, extra.signal, session.deps, key)) };
  }
  const channel = callChannel(params, extra, session);
  const resumed = session.calls?.resumed(extra.requestId);
  if (resumed === undefined) {
    return encode(await callWorkflow(target, request, session.caller, channel, session.deps), session);
  }
  const { taskId, progress } = resumed;
  const goesOn = progress === undefined ? channel : { ...channel, progressSeen: progress };
  const answer = await resumeCall(target, taskId, request, session.caller, goesOn, session.deps);
  return encode(answer, session);
}

function parseCall(params: JsonObject): CallRequest {
  const task = optionalObject(params, 'task');
  const ttl = task?.['ttl'];
  if (ttl !== undefined && ttl !== null && (typeof ttl !== 'number' || !(ttl >= 0))) {
    throw invalidParams('params/task/ttl: a number of milliseconds is expected');
  }
  const key = metaOf(params)[META.idempotencyKey];
  if (key !== undefined && (typeof key !== 'string' || key === '')) {
    throw invalidParams(`params/_meta/${META.idempotencyKey}: a text is expected`);
  }
  return {
    tool: requiredText(params, 'name'),
    arguments: optionalObject(params, 'arguments') ?? {},
    wantsTask: task !== undefined,
    ...(ttl === undefined ? {} : { ttl }),
    ...(key === undefined ? {} : { key }),
  };
}

/** Tool-level negotiation: a tool that must be a task, or cannot be one, is "not found" the other way. */
function assertTaskSupport(target: Exclude<CallTarget, { kind: 'wrong' }>, request: CallRequest): void {
  const support = target.kind === 'own' ? 'forbidden' : target.definition.task;
  if (support === 'required' && !request.wantsTask) {
    throw new WireError(RPC.methodNotFound, `Tool '${request.tool}' has to be called as a task (params.task)`);
  }
  if (support === 'forbidden' && request.wantsTask) {
    throw new WireError(RPC.methodNotFound, `Tool '${request.tool}' cannot be called as a task`);
  }
}

function callChannel(params: JsonObject, extra: Extra, session: Session): CallChannel {
  const progressToken = progressTokenOf(params);
  return {
    signal: extra.signal,
    hurry: session.hurry,
    asker: asker2025(session, extra.requestId, undefined),
    questions: session.questions,
    created: (view, said) => session.notifier.watch(view, progressToken, said),
    began: (view) => session.calls?.began(extra.requestId, view.taskId),
    withdrawn: () => session.server.transport !== undefined,
    ...(progressToken === undefined
      ? {}
      : {
          progress: (tick) =>
            session.notifier.send('notifications/progress', { progressToken, ...tick }, extra.requestId),
        }),
    message: (event) => {
      // What has numbers is progress, as far as the client asked for it; the rest is a log line.
      if (event.progress !== undefined && progressToken !== undefined) return;
      session.notifier.log(event, extra.requestId);
    },
  };
}

function encode(answer: CallAnswer, session: Session): JsonObject {
  switch (answer.kind) {
    case 'tool':
      return { ...answer.result };
    case 'created':
      return codec2025.created(answer.view);
    case 'outcome': {
      if (answer.outcome.kind !== 'result') return codec2025.toolResult(answer.outcome);
      const limited = limitResult(answer.outcome.result, answer.view.taskId, {
        limitBytes: session.deps.settings.resultLimitBytes,
        structured: insteadOfLarge(answer.definition, answer.view),
      });
      return codec2025.toolResult({ ...answer.outcome, result: limited });
    }
  }
}
