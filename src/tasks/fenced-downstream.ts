import type { CallContext, Downstream } from '../engine/ports.ts';

/**
 * The other servers as one run may use them: directly before a call is sent, `stillOurs` is asked, which rejects when
 * the task has ended or is another process's. A process that was paused for long makes no call that another one has
 * made meanwhile (D6), and none follows an acknowledged cancel.
 */
export function fencedDownstream(downstream: Downstream, stillOurs: () => Promise<void>): Downstream {
  const fenced = (context: CallContext): CallContext => ({ ...context, onTurn: stillOurs });
  return {
    callTool: (tool, args, context) => downstream.callTool(tool, args, fenced(context)),
    readResource: (uri, context) => downstream.readResource(uri, fenced(context)),
    getPrompt: (name, args, context) => downstream.getPrompt(name, args, fenced(context)),
    abandon: (server, handle, signal) => downstream.abandon(server, handle, signal),
    repeatability: (server, tool) => downstream.repeatability(server, tool),
    learnRepeatability: (server, tool, signal) => downstream.learnRepeatability(server, tool, signal),
  };
}
