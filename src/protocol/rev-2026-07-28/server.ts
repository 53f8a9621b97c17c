import { CLIENT_CAPABILITIES_META_KEY, McpServer } from '@modelcontextprotocol/server';
import type { JSONRPCMessage, LoggingLevel, ServerContext, Transport } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { messageOf } from '../../core/failure.ts';
import { isJsonObject } from '../../core/json.ts';
import type { JsonObject } from '../../core/json.ts';
import type { ConnectionContext } from '../connection.ts';
import { invalidParams, RPC, toWireError } from '../errors.ts';
import { STATELESS_CAPABILITIES } from '../greeting.ts';
import { INSTRUCTIONS } from '../instructions.ts';
import { assertShallow } from '../params.ts';
import { findWorkflow } from '../tools.ts';
import { codec2026, declaresTasks } from './codec.ts';
import { contentHandlers } from './content.ts';
import type { CallDeps } from './inline-call.ts';
import type { Handler, HandlerTable, RequestContext } from './request.ts';
import { taskHandlers } from './tasks.ts';
import { missingTasksCapability } from './capability-error.ts';
import { toolHandlers } from './tools.ts';

const LEVELS: readonly LoggingLevel[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];

const MINUTE_MS = 60_000;

/**
 * A server of this generation, not connected yet: for one request over HTTP, for the connection over stdio. Everything
 * but discovery and the envelope is handled here.
 */
export function create2026Server(deps: CallDeps, context: ConnectionContext & { readonly http: boolean }): McpServer {
  const product = new WorkflowServer(deps);
  const { server } = product;
  // Declared here and not in the constructor, which would register handlers of its own for them.
  server.registerCapabilities({ ...STATELESS_CAPABILITIES });
  const table: HandlerTable = { ...toolHandlers, ...contentHandlers, ...gated(taskHandlers) };
  for (const [method, handler] of Object.entries(table)) {
    // The form with schemas reaches methods that the core specification does not have, and leaves params as they came.
    server.setRequestHandler(method, { params: z.looseObject({}), result: z.looseObject({}) }, async (params, ctx) => {
      const request = requestContext(product, ctx, context, deps);
      try {
        if (!isJsonObject(params)) throw invalidParams('params: an object is expected');
        assertShallow(params, 'params');
        return { ...(await handler(params, request)) };
      } catch (error) {
        // Nobody reads the answer of a withdrawn request.
        if (ctx.mcpReq.signal.aborted) throw error;
        throw toWireError(error, codec2026, deps);
      }
    });
  }
  server.onerror = (error) => deps.logger.debug({ err: error }, 'protocol error on a connection');
  return product;
}

/** Handlers that only a request that declares the Tasks extension reaches. */
function gated(table: HandlerTable): HandlerTable {
  return Object.fromEntries(
    Object.entries(table).map(([method, handler]): [string, Handler] => [
      method,
      (params, context) => {
        if (!declaresTasks(context.capabilities)) throw missingTasksCapability();
        return handler(params, context);
      },
    ]),
  );
}

function requestContext(
  product: McpServer,
  ctx: ServerContext,
  context: ConnectionContext & { readonly http: boolean },
  deps: CallDeps,
): RequestContext {
  const { mcpReq } = ctx;
  const state = mcpReq.requestState();
  if (state !== undefined && typeof state !== 'string')
    throw invalidParams('params/requestState: a string is expected');
  const dropped = (what: string) => (error: unknown) => {
    deps.logger.debug({ what, cause: messageOf(error) }, 'a notification was not delivered');
  };
  return {
    ...context,
    deps,
    capabilities: objectOf(objectOf(mcpReq.envelope)[CLIENT_CAPABILITIES_META_KEY]),
    meta: objectOf(mcpReq._meta),
    inputResponses: mcpReq.inputResponses === undefined ? undefined : objectOf(mcpReq.inputResponses),
    malformedResponses: mcpReq.droppedInputResponseKeys ?? [],
    requestState: state,
    signal: mcpReq.signal,
    withdrawn: () => (context.http ? !context.hurry.aborted : product.server.transport !== undefined),
    notify: (method, params) => {
      mcpReq.notify({ method, params }).catch(dropped(method));
    },
    log: (level, data) => {
      const known = LEVELS.find((word) => word === level) ?? 'info';
      mcpReq.log(known, data, 'workflow').catch(dropped('notifications/message'));
    },
  };
}

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** The SDK's server with the two things it does not do for handlers of our own. */
class WorkflowServer extends McpServer {
  readonly #deps: CallDeps;

  constructor(deps: CallDeps) {
    super(deps.serverInfo, {
      instructions: INSTRUCTIONS,
      cacheHints: {
        // It depends on the capabilities of the request, so no shared cache may keep it.
        'tools/list': { ttlMs: MINUTE_MS / 12, cacheScope: 'private' },
        'prompts/list': { ttlMs: MINUTE_MS / 12, cacheScope: 'public' },
        'resources/templates/list': { ttlMs: MINUTE_MS / 12, cacheScope: 'public' },
        'server/discover': { ttlMs: 60 * MINUTE_MS, cacheScope: 'public' },
      },
    });
    this.#deps = deps;
  }

  /**
   * Where the HTTP entry finds the schema whose `x-mcp-header` properties it compares with the `Mcp-Param-*` headers.
   */
  override toolInputSchemaJson(name: string): Record<string, unknown> | undefined {
    const loaded = findWorkflow(name, this.#deps);
    return loaded === undefined ? super.toolInputSchemaJson(name) : { ...loaded.definition.input_schema };
  }

  override async connect(transport: Transport): Promise<void> {
    const send = transport.send.bind(transport);
    transport.send = (message, options) => send(withoutContent(message), options);
    await super.connect(transport);
    const deliver = transport.onmessage?.bind(transport);
    transport.onmessage = (message, extra) => {
      const id = 'method' in message && 'id' in message ? message.id : undefined;
      const problem = id === undefined ? undefined : shapeProblem(message);
      if (id === undefined || problem === undefined) {
        deliver?.(message, extra);
        return;
      }
      const error = { code: RPC.invalidParams, message: problem };
      send({ jsonrpc: '2.0', id, error }).catch((cause: unknown) => {
        this.#deps.logger.debug({ cause: messageOf(cause) }, 'a refusal was not delivered');
      });
    };
  }
}

/**
 * What is wrong with members of a request that handlers never see as they came: the SDK takes answers that are no
 * object for none, and shows the insides of its validator for the others.
 */
function shapeProblem(message: JSONRPCMessage): string | undefined {
  if (!('method' in message) || !isJsonObject(message.params)) return undefined;
  const { inputResponses, name, arguments: args } = message.params;
  if (inputResponses !== undefined && !isJsonObject(inputResponses))
    return 'params/inputResponses: an object is expected';
  if (message.method !== 'tools/call') return undefined;
  if (typeof name !== 'string') return 'params/name: a string is expected';
  return args === undefined || isJsonObject(args) ? undefined : 'params/arguments: an object is expected';
}

/** The SDK gives every answer to `tools/call` a `content`, which a task handle does not have. */
function withoutContent(message: JSONRPCMessage): JSONRPCMessage {
  if (!('result' in message) || message.result['resultType'] !== 'task') return message;
  const { content: _, ...result } = message.result;
  return { ...message, result };
}
