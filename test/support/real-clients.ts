import {
  createApplicationInputHandler,
  createTaskSessionFromClient,
  type RawClientDispatch,
  type TaskEnabledSession,
} from '@modelcontextprotocol/ext-tasks/client';
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernHttp,
  type JSONRPCMessage,
  type MessageExtraInfo,
  type Transport,
} from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { afterReading } from './after-reading.ts';
import { textOf as memberOf } from './raw-client.ts';
import type { HttpEndpoint, StdioCommand } from './wire-clients.ts';
import { watched } from './wire-watch.ts';

/** Where a client connects to. */
export type Place = HttpEndpoint | StdioCommand;

/** How a call of a workflow ended, as its client tells it. */
export interface Ending {
  readonly text: string;
  readonly isError: boolean;
  /** The client was given a task, or was told of one, before there was a result. */
  readonly task: boolean;
}

/** What every client has to manage, each by its own means. It answers every question with the name Ada. */
export interface RealClient {
  call(name: string, args?: JsonObject): Promise<Ending>;
  /** Calls, cancels as soon as there is a task, and resolves with the status it ends in. */
  cancel(name: string, args: JsonObject): Promise<string>;
  close(): Promise<void>;
}

const ANSWER = { action: 'accept', content: { name: 'Ada' } } as const;
const INFO = { name: 'real', version: '1' };
const TTL = { ttl: 600_000 };

function textOf(result: unknown): Omit<Ending, 'task'> {
  const { content, isError } = isJsonObject(result) ? result : {};
  const texts = Array.isArray(content)
    ? content.map((block) => (isJsonObject(block) && typeof block['text'] === 'string' ? block['text'] : ''))
    : [];
  return { text: texts.join('\n'), isError: isError === true };
}

/** The client of SDK 1.x, with its own words for tasks. */
export async function sdkOne(place: Place): Promise<RealClient> {
  const client = new Client(INFO, { capabilities: { elicitation: { form: {} } } });
  client.setRequestHandler(ElicitRequestSchema, () => afterReading({ ...ANSWER }));
  const transport =
    'url' in place
      ? new StreamableHTTPClientTransport(new URL(place.url), { requestInit: { headers: { ...place.headers } } })
      : new StdioClientTransport({ ...place, args: [...place.args], env: { ...place.env }, stderr: 'ignore' });
  await client.connect(watched(transport));
  const { tasks } = client.experimental;
  return {
    call: async (name, args = {}) => {
      let taskId = '';
      for await (const message of tasks.callToolStream({ name, arguments: args }, CallToolResultSchema, {
        task: TTL,
      })) {
        if (message.type === 'taskCreated') taskId = message.task.taskId;
        if (message.type === 'result') return { ...textOf(message.result), task: taskId !== '' };
        // It says that the task failed; why, its result says.
        if (message.type === 'error')
          return { ...textOf(await tasks.getTaskResult(taskId, CallToolResultSchema)), task: true };
      }
      throw new Error('the stream of the call has no end');
    },
    cancel: async (name, args) => {
      let taskId = '';
      for await (const message of tasks.callToolStream({ name, arguments: args }, CallToolResultSchema, {
        task: TTL,
      })) {
        if (message.type !== 'taskCreated') continue;
        ({ taskId } = message.task);
        await tasks.cancelTask(taskId);
      }
      return (await tasks.getTask(taskId)).status;
    },
    close: () => client.close(),
  };
}

/**
 * The client of SDK 2.x, which finds the generation by itself and knows no tasks: it goes on with the tools, as a model
 * would.
 */
export async function sdkTwo(place: Place): Promise<RealClient> {
  const { client } = await modern(place, 'auto');
  const callTool = async (name: string, args: JsonObject): Promise<JsonObject> =>
    // Parsed from JSON. Progress is asked for, as hosts do.
    (await client.callTool({ name, arguments: args }, { onprogress: () => undefined })) as unknown as JsonObject;
  return { ...byTools(callTool), close: () => client.close() };
}

/** A client that is told of the task and goes on with the tools `tasks_*`. */
export function byTools(
  callTool: (name: string, args: JsonObject) => Promise<JsonObject>,
): Pick<RealClient, 'call' | 'cancel'> {
  const taskIn = ({ structuredContent }: JsonObject): JsonObject | undefined => {
    const task = isJsonObject(structuredContent) ? structuredContent['task'] : undefined;
    return isJsonObject(task) ? task : undefined;
  };
  return {
    call: async (name, args = {}) => {
      const first = await callTool(name, args);
      const task = taskIn(first);
      if (task === undefined) return { ...textOf(first), task: false };
      const { taskId } = task;
      for (;;) {
        const { structuredContent: now } = await callTool('tasks_get', { taskId: taskId ?? '', wait_seconds: 30 });
        const { status, inputRequests } = isJsonObject(now) ? now : {};
        const keys = isJsonObject(inputRequests) ? Object.keys(inputRequests) : [];
        const inputResponses = Object.fromEntries(keys.map((key) => [key, ANSWER]));
        if (keys.length > 0) await callTool('tasks_update', { taskId: taskId ?? '', inputResponses });
        else if (status !== 'working')
          return { ...textOf(await callTool('tasks_result', { taskId: taskId ?? '' })), task: true };
      }
    },
    cancel: async (name, args) => {
      const taskId = taskIn(await callTool(name, args))?.['taskId'] ?? '';
      await callTool('tasks_cancel', { taskId });
      const { structuredContent: now } = await callTool('tasks_get', { taskId });
      return isJsonObject(now) ? memberOf(now, 'status') : '';
    },
  };
}

/** The client of the Tasks extension, in the generation that it is told. */
export async function extTasks(place: Place, era: 'legacy' | 'modern'): Promise<RealClient> {
  const { client, dispatch } = await modern(place, era);
  const clientCapabilities = { elicitation: { form: {} } };
  const session: TaskEnabledSession = createTaskSessionFromClient(client, {
    endpointId: 'real',
    onInputRequest: createApplicationInputHandler({
      elicitation: () => afterReading(ANSWER),
      sampling: () => Promise.reject(new Error('not asked')),
      roots: () => Promise.reject(new Error('not asked')),
    }),
    ...(era === 'modern'
      ? {
          rawDispatch: dispatch,
          v2RequestFraming: { protocolVersion: '2026-07-28', clientInfo: INFO, clientCapabilities },
        }
      : {}),
  });
  return {
    call: async (name, args = {}) => {
      const execution = await session.callTool(name, { ...args }, { task: { preference: 'prefer' } });
      const task = execution.kind === 'task';
      const { outcome } = await execution.settle();
      if (outcome.status === 'completed') return { ...textOf(outcome.result), task };
      return { text: outcome.status === 'failed' ? outcome.error.message : '', isError: true, task };
    },
    cancel: async (name, args) => {
      const execution = await session.callTool(name, { ...args }, { task: { preference: 'prefer' } });
      await execution.cancel();
      return (await execution.settle()).outcome.status;
    },
    close: async () => {
      await session.close();
      await client.close();
    },
  };
}

async function modern(
  place: Place,
  mode: 'auto' | 'legacy' | 'modern',
): Promise<{ readonly client: ModernClient; readonly dispatch: RawClientDispatch }> {
  const client = new ModernClient(INFO, {
    capabilities: { elicitation: { form: {} } },
    versionNegotiation: { mode: mode === 'modern' ? { pin: '2026-07-28' } : mode },
  });
  client.setRequestHandler('elicitation/create', () => afterReading({ ...ANSWER }));
  const transport = watched(
    'url' in place
      ? new ModernHttp(new URL(place.url), { requestInit: { headers: { ...place.headers } } })
      : new ModernStdio({ ...place, args: [...place.args], env: { ...place.env }, stderr: 'ignore' }),
  );
  await client.connect(transport);
  return { client, dispatch: dispatchOver(transport) };
}

/** Requests beside those of the client, on its own connection: the SDK's codecs do not know those of the extension. */
function dispatchOver(transport: Transport): RawClientDispatch {
  const waiting = new Map<unknown, (message: JsonObject) => void>();
  const deliver = transport.onmessage;
  transport.onmessage = (message: JSONRPCMessage, extra?: MessageExtraInfo) => {
    const plain = message as unknown as JsonObject; // JSON-RPC is JSON
    const waiter = waiting.get(plain['id']);
    if (waiter === undefined) deliver?.(message, extra);
    else waiter(plain);
  };
  let count = 0;
  return async (request) => {
    const id = `raw-${(count += 1)}`;
    const answered = new Promise<JsonObject>((resolve) => waiting.set(id, resolve));
    const { method, params } = request as unknown as { readonly method: string; readonly params: JsonObject }; // framed by the extension's client
    await transport.send({ jsonrpc: '2.0', id, method, params });
    const { result, error } = await answered;
    waiting.delete(id);
    return isJsonObject(error)
      ? { kind: 'error', error: error as never }
      : { kind: 'result', result: (result ?? null) as never };
  };
}
