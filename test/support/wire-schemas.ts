import * as spec2025 from '@modelcontextprotocol/sdk/types.js';
import { specTypeSchemas as spec2026 } from '@modelcontextprotocol/server';
import * as extension from '@modelcontextprotocol/ext-tasks/core/v2';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { specCheck, specErrorName, type Check, type WireRevision } from './spec-schemas.ts';

type Problem = string | undefined;

const RESULTS: { readonly [method: string]: string } = {
  initialize: 'InitializeResult',
  'server/discover': 'DiscoverResult',
  'tools/list': 'ListToolsResult',
  'tools/call': 'CallToolResult',
  'tasks/get': 'GetTaskResult',
  'tasks/list': 'ListTasksResult',
  'tasks/cancel': 'CancelTaskResult',
  'tasks/result': 'CallToolResult',
  'tasks/update': 'UpdateTaskResult',
  'resources/list': 'ListResourcesResult',
  'resources/templates/list': 'ListResourceTemplatesResult',
  'resources/read': 'ReadResourceResult',
  'resources/subscribe': 'EmptyResult',
  'resources/unsubscribe': 'EmptyResult',
  'prompts/list': 'ListPromptsResult',
  'prompts/get': 'GetPromptResult',
  'completion/complete': 'CompleteResult',
  'logging/setLevel': 'EmptyResult',
  'subscriptions/listen': 'SubscriptionsListenResult',
  ping: 'EmptyResult',
};

/** In 2026-07-28 a server sends no requests: what it asks stands in its results. */
const REQUESTS: { readonly [method: string]: string } = {
  'elicitation/create': 'ElicitRequest',
  'sampling/createMessage': 'CreateMessageRequest',
  'roots/list': 'ListRootsRequest',
  ping: 'PingRequest',
};

const NOTIFICATIONS: { readonly [method: string]: string } = {
  'notifications/cancelled': 'CancelledNotification',
  'notifications/progress': 'ProgressNotification',
  'notifications/message': 'LoggingMessageNotification',
  'notifications/tools/list_changed': 'ToolListChangedNotification',
  'notifications/prompts/list_changed': 'PromptListChangedNotification',
  'notifications/resources/list_changed': 'ResourceListChangedNotification',
  'notifications/resources/updated': 'ResourceUpdatedNotification',
};

/** What only one of them has. */
const OF_REVISION: { readonly [revision in WireRevision]: { readonly [method: string]: string } } = {
  '2025-11-25': { ...REQUESTS, 'notifications/tasks/status': 'TaskStatusNotification' },
  '2026-07-28': {
    'notifications/tasks': 'TaskStatusNotification',
    'notifications/subscriptions/acknowledged': 'SubscriptionsAcknowledgedNotification',
  },
};

/**
 * Checks a message that the server has emitted against the schemas of its generation, and throws on the first violation
 * or on a kind of message that the generation does not have. `answered` is the method of the request that a response
 * belongs to.
 *
 * The schemas are the specification's own JSON Schemas, those of the SDKs, and those of the Tasks extension's package.
 */
export function checkWire(revision: WireRevision, message: unknown, answered?: string): void {
  const problem = problemOf(revision, message, answered);
  if (problem !== undefined) throw new Error(`${revision}, ${problem}: ${JSON.stringify(message)}`);
}

function problemOf(revision: WireRevision, message: unknown, answered: string | undefined): Problem {
  if (!isJsonObject(message) || message['jsonrpc'] !== '2.0') return 'not JSON-RPC 2.0';
  const { method, result, error } = message;
  if (error !== undefined) {
    const own = isJsonObject(error) ? specErrorName(revision, Number(error['code'])) : undefined;
    return (
      violation(revision, 'JSONRPCErrorResponse', message) ??
      (own === undefined ? undefined : violation(revision, own, message))
    );
  }
  if (typeof method === 'string') {
    const name = NOTIFICATIONS[method] ?? OF_REVISION[revision][method];
    return name === undefined ? `unknown method ${method}` : violation(revision, name, message);
  }
  if (answered === undefined) return 'an answer to nothing';
  const name = RESULTS[answered];
  if (name === undefined || !isJsonObject(result)) return `no result of ${answered}`;
  return (
    violation(revision, 'JSONRPCResultResponse', message) ??
    violation(revision, refined(name, result, revision), result)
  );
}

/** `tools/call` has several results, and so has `prompts/get` of a prompt that asks. */
function refined(name: string, result: JsonObject, revision: WireRevision): string {
  if (name === 'GetPromptResult' && revision === '2026-07-28' && result['resultType'] === 'input_required') {
    return 'InputRequiredResult';
  }
  if (name !== 'CallToolResult') return name;
  if (revision === '2025-11-25') return 'task' in result ? 'CreateTaskResult' : name;
  if (result['resultType'] === 'task') return 'CreateTaskResult';
  return result['resultType'] === 'input_required' ? 'InputRequiredResult' : name;
}

const checks = new Map<string, Check>();

function violation(revision: WireRevision, name: string, value: unknown): Problem {
  const key = `${revision} ${name}`;
  let check = checks.get(key);
  if (check === undefined) {
    const all = [packaged(revision, name), specCheck(revision, name)].filter((one) => one !== undefined);
    if (all.length === 0) return `no schema of ${name}`;
    check = (candidate) => all.map((one) => one(candidate)).find((problem) => problem !== undefined);
    checks.set(key, check);
  }
  const problem = check(value);
  return problem === undefined ? undefined : `${name}: ${problem}`;
}

interface Parser {
  safeParse(value: unknown): { readonly success: boolean; readonly error?: { readonly message: string } };
}

interface Standard {
  readonly '~standard': { validate(value: unknown): unknown };
}

/** The schema that a package has: of the extension before that of the SDK. */
function packaged(revision: WireRevision, name: string): Check | undefined {
  if (revision === '2026-07-28') {
    const extended = name === 'InputRequiredResult' ? 'InputRequiredCallToolResult' : name;
    const own = parserIn(extension, `${extended}V2Schema`) ?? parserIn(extension, `${name}Schema`);
    if (own !== undefined) return own;
    const schema = (spec2026 as unknown as { readonly [name: string]: Standard | undefined })[name]; // a table by name
    return schema === undefined ? undefined : (value) => standardProblem(schema['~standard'].validate(value));
  }
  return parserIn(spec2025, `${name}Schema`);
}

function parserIn(module: object, name: string): Check | undefined {
  const parser = (module as { readonly [name: string]: Parser | undefined })[name]; // exports by name
  return parser === undefined ? undefined : (value) => parser.safeParse(value).error?.message;
}

function standardProblem(verdict: unknown): Problem {
  return isJsonObject(verdict) && verdict['issues'] !== undefined ? JSON.stringify(verdict['issues']) : undefined;
}
