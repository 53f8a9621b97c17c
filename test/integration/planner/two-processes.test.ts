import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { startBuiltServer, stdioCommand, type BuiltServer, type Workspace } from '../../support/built-server.ts';
import { ask, callBody, emptyWorkspace } from '../../support/planner-server.ts';
import { tasksIn, textIn, TWO_TASKS } from '../../support/planner-world.ts';
import { rawRequest } from '../../support/raw-client.ts';
import type { WireClient } from '../../support/wire-client.ts';
import { rawHttp, rawStdio } from '../../support/wire-clients.ts';

/** A tool result, or the body of an answer over the route: both say what the tool answered, or that it refused. */
type Caller = (name: string, args: JsonObject) => Promise<{ readonly refused: boolean; readonly answer: JsonObject }>;

let workspace: Workspace;
let servers: BuiltServer[] = [];
let clients: WireClient[] = [];
/** Four callers of two servers over HTTP, one of each kind, and one whose server is a third process on a pipe. */
let callers: readonly Caller[] = [];

beforeEach(async () => {
  workspace = await emptyWorkspace();
  const options = { flags: ['--planner'] };
  servers = await Promise.all([startBuiltServer(workspace, options), startBuiltServer(workspace, options)]);
  const [one, other] = servers;
  if (one === undefined || other === undefined) throw new Error('no servers');
  clients = [await rawHttp(one), await rawStdio(stdioCommand(workspace, options))];
  const ofResult = (result: JsonObject): Awaited<ReturnType<Caller>> => ({
    refused: result['isError'] === true,
    answer: (result['structuredContent'] ?? {}) as JsonObject, // an object by the protocol
  });
  const byRoute =
    (server: BuiltServer): Caller =>
    async (name, args) => {
      const { status, body } = await ask(server, '/call-tool', callBody(name, args));
      return { refused: status === 400, answer: body };
    };
  callers = [
    byRoute(one),
    byRoute(other),
    async (name, args) => ofResult(await rawRequest(other.url, 'tools/call', { name, arguments: args })),
    ...clients.map(
      (client): Caller =>
        async (name, args) =>
          ofResult(await client.request('tools/call', { name, arguments: args })),
    ),
  ];
});

afterEach(async () => {
  for (const client of clients) await client.close();
  await Promise.all(servers.map((server) => server.stop()));
  await workspace.remove();
});

/** So many calls at the same time, of all callers in turn. */
function atOnce(
  count: number,
  name: string,
  args: (index: number) => JsonObject,
): Promise<readonly Awaited<ReturnType<Caller>>[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => {
      const caller = callers[index % callers.length];
      if (caller === undefined) throw new Error('nobody calls');
      return caller(name, args(index));
    }),
  );
}

async function planOf(requestId: string): Promise<readonly JsonObject[]> {
  const [first] = await atOnce(1, 'get_next_task', () => ({ requestId }));
  return tasksIn(first?.answer ?? {});
}

const request = { originalRequest: 'r', tasks: TWO_TASKS };

describe('concurrent callers of three processes on one data folder, over HTTP, the routes and stdio', () => {
  test('plan at the same time: each request and each task has a number of its own, and none is lost', async () => {
    const answers = await atOnce(50, 'request_planning', (index) => ({ ...request, originalRequest: `r${index}` }));
    expect(answers.filter(({ refused }) => refused)).toEqual([]);
    const ids = answers.map(({ answer }) => textIn(answer, 'requestId'));
    const expected = Array.from({ length: 50 }, (_, index) => `req-${index + 1}`);
    expect(ids.toSorted()).toEqual(expected.toSorted());
    const tasks = answers.flatMap(({ answer }) => tasksIn(answer).map((task) => textIn(task, 'id')));
    expect(new Set(tasks).size).toBe(100);
    for (const { answer } of await atOnce(callers.length, 'list_requests', () => ({}))) {
      expect(answer['requests']).toHaveLength(50);
    }
  });

  test('add to one request at the same time: all tasks are in it, once', async () => {
    await atOnce(1, 'request_planning', () => request);
    const added = await atOnce(50, 'add_tasks_to_request', (index) => ({
      requestId: 'req-1',
      tasks: [{ title: `t${index}`, description: '' }],
    }));
    expect(added.filter(({ refused }) => refused)).toEqual([]);
    const titles = (await planOf('req-1')).map((task) => textIn(task, 'title'));
    const expected = Array.from({ length: 50 }, (_, index) => `t${index}`);
    expect(titles.slice(2).toSorted()).toEqual(expected.toSorted());
  });

  test('mark one task done with details of their own: the first is kept, all others are refused', async () => {
    await atOnce(1, 'request_planning', () => request);
    const marked = await atOnce(15, 'mark_task_done', (index) => ({
      requestId: 'req-1',
      taskId: 'task-1',
      completedDetails: `by ${index}`,
    }));
    const accepted = marked.flatMap(({ refused }, index) => (refused ? [] : [`by ${index}`]));
    expect(accepted).toHaveLength(1);
    expect((await planOf('req-1'))[0]?.['completedDetails']).toBe(accepted[0]);
  });

  test('delete and mark the same tasks: each is gone or done, as its callers were told', async () => {
    const tasks = Array.from({ length: 20 }, (_, index) => ({ title: `t${index}`, description: '' }));
    await atOnce(1, 'request_planning', () => ({ originalRequest: 'r', tasks }));
    const call = (index: number): JsonObject => ({ requestId: 'req-1', taskId: `task-${(index % 20) + 1}` });
    const [deleted, marked] = await Promise.all([
      atOnce(20, 'delete_task', call),
      atOnce(20, 'mark_task_done', (index) => call(index + 3)),
    ]);
    const told = new Map(deleted.map(({ refused }, index) => [`task-${index + 1}`, refused]));
    const done = new Map(marked.map(({ refused }, index) => [`task-${((index + 3) % 20) + 1}`, !refused]));
    const left = new Map((await planOf('req-1')).map((task) => [textIn(task, 'id'), task['done']]));
    for (const [id, kept] of told) {
      expect(left.has(id), id).toBe(kept);
      expect(done.get(id), id).toBe(kept);
      if (kept) expect(left.get(id), id).toBe(true);
    }
  });
});
