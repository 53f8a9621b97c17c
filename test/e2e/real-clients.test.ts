import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isJsonObject } from '../../src/core/json.ts';
import {
  createWorkspace,
  startBuiltServer,
  stdioCommand,
  type BuiltServer,
  type Workspace,
} from '../support/built-server.ts';
import { inspector, type Inspector } from '../support/inspector.ts';
import {
  byTools,
  extTasks,
  sdkOne,
  sdkTwo,
  type Ending,
  type Place,
  type RealClient,
} from '../support/real-clients.ts';
import { textOf } from '../support/raw-client.ts';
import { waitUntil } from '../support/wait-until.ts';
import { checkTap, startHttpTap, tapped, type HttpTap } from '../support/wire-taps.ts';

const DEFINITIONS = fileURLToPath(new URL('definitions', import.meta.url));
/** A run of 2 s is several times as long as a host would wait. */
const ENV = { MCP_WORKFLOW_INLINE_WAIT_MS: '800', MCP_WORKFLOW_POLL_INTERVAL_MS: '100' };
const REASON = "step 'break' failed (tool_error): the printer is on fire";

let command: Inspector;
let workspace: Workspace;
let server: BuiltServer;
let tap: HttpTap;
let logs: string[] = [];
beforeAll(async () => {
  command = inspector();
  workspace = await createWorkspace(DEFINITIONS);
  server = await startBuiltServer(workspace, { env: ENV });
  // The Inspector is another process; the SDKs are watched in this one, too.
  tap = await startHttpTap(() => server.url);
  // On a new machine the Inspector and its Node.js come over the network.
});
afterEach(() => {
  for (const log of logs.splice(0)) expect(checkTap(log)).toBeGreaterThan(0);
});
afterAll(async () => {
  await tap.close();
  await server.stop();
  await workspace.remove();
  logs = [];
});

/** Over stdio every connection is a server process of its own, all on one data folder. */
const PLACES: readonly (readonly [string, () => Place])[] = [
  ['HTTP', () => ({ url: tap.url, headers: server.headers })],
  [
    'stdio',
    () => {
      const log = join(workspace.dir, `wire-${crypto.randomUUID()}.jsonl`);
      logs.push(log);
      return tapped(stdioCommand(workspace, { env: ENV }), log);
    },
  ],
];

/**
 * The Inspector shows no forms. In 2025-11-25 it is told of the task and its calls go on with the tools. In 2026-07-28
 * it declares Tasks and stays until the end; meanwhile other calls of it answer and cancel.
 */
function inspectorClient(place: () => Place, era: 'legacy' | 'modern'): RealClient {
  const callTool = (name: string, args = {}) => command.callTool(place(), era, name, args);
  const close = (): Promise<void> => Promise.resolve();
  if (era === 'legacy') return { ...byTools(callTool), close };
  const open = (workflow: string, status: string): Promise<string> =>
    waitUntil(`a task of ${workflow} is ${status}`, async () => {
      const { structuredContent } = await callTool('tasks_list', { workflow, status });
      const tasks = isJsonObject(structuredContent) ? structuredContent['tasks'] : undefined;
      const first: unknown = Array.isArray(tasks) ? tasks[0] : undefined;
      return isJsonObject(first) ? textOf(first, 'taskId') : undefined;
    });
  return {
    call: async (name, args) => {
      const result = callTool(name, args);
      if (name === 'asks') {
        const inputResponses = { ask: { action: 'accept', content: { name: 'Ada' } } };
        const taskId = await open(name, 'input_required');
        const { structuredContent: now } = await callTool('tasks_get', { taskId });
        const asked = isJsonObject(now) && isJsonObject(now['inputRequests']) ? Object.keys(now['inputRequests']) : [];
        await callTool('tasks_update', {
          taskId,
          inputResponses: Object.fromEntries(asked.map((key) => [key, inputResponses.ask])),
        });
      }
      const { content, isError } = await result;
      const [block] = Array.isArray(content) ? content : [];
      return { text: isJsonObject(block) ? textOf(block, 'text') : '', isError: isError === true, task: true };
    },
    cancel: async (name, args) => {
      const told = callTool(name, args).then(
        () => 'a result',
        (error: unknown) => String(error),
      );
      const taskId = await open(name, 'working');
      await callTool('tasks_cancel', { taskId });
      // It says so itself.
      return /cancelled/u.exec(await told)?.[0] ?? '';
    },
    close,
  };
}

const CLIENTS: readonly (readonly [string, (place: () => Place) => Promise<RealClient>])[] = [
  ['the client of SDK 1.x', (place) => sdkOne(place())],
  ['the client of SDK 2.x, which negotiates', (place) => sdkTwo(place())],
  ['the client of the Tasks extension in 2025-11-25', (place) => extTasks(place(), 'legacy')],
  ['the client of the Tasks extension in 2026-07-28', (place) => extTasks(place(), 'modern')],
  ["the Inspector's command line in 2025-11-25", (place) => Promise.resolve(inspectorClient(place, 'legacy'))],
  ["the Inspector's command line in 2026-07-28", (place) => Promise.resolve(inspectorClient(place, 'modern'))],
];

describe.each(PLACES)('over %s', (_transport, place) => {
  test.each(CLIENTS)(
    '%s completes a long workflow, one that asks, one that fails, and one that is cancelled',
    async (_name, connect) => {
      const client = await connect(place);
      try {
        expect(await client.call('slow', { seconds: 2 })).toEqual({
          text: 'waited 2 s',
          isError: false,
          task: true,
        } satisfies Ending);
        expect(await client.call('asks')).toMatchObject({ text: 'accept: {"name":"Ada"}', isError: false });
        expect(await client.call('fails')).toMatchObject({ text: REASON, isError: true });
        expect(await client.cancel('slow', { seconds: 60 })).toBe('cancelled');
      } finally {
        await client.close();
      }
    },
  );
});
