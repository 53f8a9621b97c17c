import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { ConnectionContext } from '../connection.ts';
import type { ProtocolDeps } from '../deps.ts';
import { RPC, toWireError, WireError } from '../errors.ts';
import { sessionCapabilities } from '../greeting.ts';
import { INSTRUCTIONS } from '../instructions.ts';
import { paramsOf } from '../params.ts';
import { SharedQuestions } from '../shared-questions.ts';
import { codec2025 } from './codec.ts';
import { contentHandlers } from './content.ts';
import { checkHandshake } from './handshake.ts';
import { Notifier } from './notifier.ts';
import { PolledQuestions } from './polled-questions.ts';
import type { HandlerTable, Session } from './session.ts';
import { taskHandlers } from './tasks.ts';
import { toolHandlers } from './tools.ts';

/**
 * A server for one connection of 2025-11-25 or an older revision, not connected yet. All methods but the handshake are
 * handled here, over the task service: the SDK's own task layer loses tasks and questions when a connection or the
 * process ends. Closing it withdraws waiting requests; tasks go on.
 */
export function create2025Server(deps: ProtocolDeps, context: ConnectionContext): Server {
  const server = new Server(deps.serverInfo, {
    capabilities: sessionCapabilities(context.caller.identified),
    instructions: INSTRUCTIONS,
  });
  checkHandshake(server);
  const notifier = new Notifier(server, deps, context.calls);
  const session: Session = { ...context, server, deps, notifier, questions: new SharedQuestions() };
  const polled = new PolledQuestions();
  const table: HandlerTable = { ...toolHandlers, ...taskHandlers(polled), ...contentHandlers };
  // The SDK handles this one by itself as soon as `logging` is declared, on the wrong stream.
  server.removeRequestHandler('logging/setLevel');
  server.fallbackRequestHandler = async (request, extra) => {
    const handler = Object.hasOwn(table, request.method) ? table[request.method] : undefined;
    if (handler === undefined) throw new WireError(RPC.methodNotFound, 'Method not found');
    try {
      return await handler(paramsOf(request.params), extra, session);
    } catch (error) {
      // Nobody reads the answer of a withdrawn request.
      if (extra.signal.aborted) throw error;
      throw toWireError(error, codec2025, deps);
    }
  };
  server.onerror = (error) => deps.logger.debug({ err: error }, 'protocol error on a connection');
  server.oninitialized = () => void notifier.watchAgain(context.caller.principal);
  server.onclose = () => {
    polled.close();
    notifier.close();
  };
  return server;
}
