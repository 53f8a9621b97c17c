import type { JsonObject } from '../../core/json.ts';
import { invalidParams } from '../errors.ts';
import { fitting } from '../fit.ts';
import { onePage, optionalObject, requiredText } from '../params.ts';
import { META } from '../task-object.ts';
import type { ToolDescriptor } from '../tool-descriptor.ts';
import { listTools } from '../tools.ts';
import { declaresTasks } from './codec.ts';
import type { CallChannel } from './inline-call.ts';
import type { HandlerTable, RequestContext } from './request.ts';
import { answerToolCall } from './tool-calls.ts';

/** `tools/list` and `tools/call`. */
export const toolHandlers: HandlerTable = {
  'tools/list': (params, { deps, capabilities }) => {
    onePage(params);
    const tools = listTools(deps, { neverDeferred: declaresTasks(capabilities) });
    return { tools: fitting('tool', tools.map(wireTool), deps) };
  },
  'tools/call': (params, context) => {
    const key = context.meta[META.idempotencyKey];
    if (key !== undefined && (typeof key !== 'string' || key === '')) {
      throw invalidParams(`params/_meta/${META.idempotencyKey}: a text is expected`);
    }
    const call = {
      tool: requiredText(params, 'name'),
      arguments: optionalObject(params, 'arguments') ?? {},
      answers: context.inputResponses ?? {},
      malformed: context.malformedResponses,
      capabilities: context.capabilities,
      ...(key !== undefined && { key }),
      ...(context.requestState !== undefined && { requestState: context.requestState }),
    };
    return answerToolCall(call, context.caller, callChannel(context), context.deps);
  },
};

function wireTool(tool: ToolDescriptor): JsonObject {
  const { taskSupport: _, annotations, ...rest } = tool;
  return { ...rest, annotations: { ...annotations } };
}

function callChannel(context: RequestContext): CallChannel {
  const progressToken = context.meta['progressToken'];
  const wantsProgress = typeof progressToken === 'string' || typeof progressToken === 'number';
  return {
    signal: context.signal,
    hurry: context.hurry,
    withdrawn: context.withdrawn,
    ...(wantsProgress && {
      progress: (tick) => context.notify('notifications/progress', { progressToken, ...tick }),
    }),
    message: (event) => {
      // What has numbers is progress, as far as the client asked for it; the rest is a log line.
      if (event.progress === undefined || !wantsProgress) context.log(event.level, event.data ?? event.message);
    },
  };
}
