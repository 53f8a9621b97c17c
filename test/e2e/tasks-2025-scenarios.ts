import { expect } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { afterReading } from '../support/after-reading.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { RpcError, WireClient } from '../support/wire-client.ts';

/** A server under test: how to reach it, and what its tools of each kind are called. */
export interface Subject {
  readonly connect: (capabilities?: JsonObject) => Promise<WireClient>;
  /** Another requestor, where the transport tells them apart. */
  readonly stranger?: () => Promise<WireClient>;
  readonly tools: {
    /** Takes `{n}`, ends at once, gives the same result for the same arguments. */
    readonly quick: string;
    /** Takes `{seconds}`. */
    readonly slow: string;
    readonly required: string;
    readonly forbidden: string;
    /** Asks by a form for a `name`, and has it in its result. */
    readonly asks: string;
    /** A tool result with `isError` whose text tells `failsWith`. */
    readonly fails: string;
    readonly failsWith: string;
    /** A JSON-RPC error with this code and message. */
    readonly errs: string;
    readonly error: { readonly code: number; readonly message: string; readonly data?: JsonObject };
    /** Reports progress in numbers, and lasts longer than a call. */
    readonly talks: string;
  };
}

/** What a server of 2025-11-25 Tasks is held to, by requirement (`requirements-2025-tasks.ts`). */
export interface Scenario {
  readonly name: string;
  readonly cites: readonly string[];
  /** Only where the transport tells requestors apart. */
  readonly needsStranger?: true;
  readonly run: (subject: Subject) => Promise<void>;
}

const RELATED = 'io.modelcontextprotocol/related-task';
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/u;
const ELICITS: JsonObject = { elicitation: {} };
const TERMINAL = ['completed', 'failed', 'cancelled'];

async function start(client: WireClient, name: string, more: JsonObject = {}): Promise<JsonObject> {
  const { task } = await client.request('tools/call', { name, arguments: {}, task: {}, ...more });
  return task as JsonObject; // of a CreateTaskResult, which the client has checked
}

function textIn(object: JsonObject, name: string): string {
  const value = object[name];
  if (typeof value !== 'string') throw new Error(`${name} is no text: ${JSON.stringify(object)}`);
  return value;
}

const idOf = (task: JsonObject): string => textIn(task, 'taskId');

async function reaches(client: WireClient, taskId: string, ...wanted: readonly string[]): Promise<JsonObject> {
  return waitUntil(`the task is ${wanted.join(' or ')}`, async () => {
    const task = await client.request('tasks/get', { taskId });
    return wanted.includes(textIn(task, 'status')) ? task : undefined;
  });
}

async function codeOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => 'ok',
    (error: RpcError) => error.code,
  );
}

async function errorOf(call: Promise<unknown>): Promise<{ code: number; message: string; data: unknown }> {
  return call.then(
    () => Promise.reject(new Error('it succeeded')),
    ({ code, message, data }: RpcError) => ({ code, message, data }),
  );
}

function notifications(client: WireClient, method: string): JsonObject[] {
  return client.received.flatMap((message) => (message['method'] === method ? [message['params'] as JsonObject] : [])); // an object by its schema
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'the capability is declared in the handshake',
    cites: ['T25-CAP-1'],
    run: async ({ connect }) => {
      const client = await connect();
      expect(client.greeting['capabilities']).toMatchObject({
        tasks: { cancel: {}, requests: { tools: { call: {} } } },
      });
    },
  },
  {
    name: 'taskSupport decides which way a tool can be called',
    cites: ['T25-NEG-1', 'T25-NEG-2', 'T25-NEG-3'],
    run: async ({ connect, tools }) => {
      const client = await connect();
      const call = (name: string, more: JsonObject): Promise<unknown> =>
        codeOf(client.request('tools/call', { name, arguments: {}, ...more }));
      expect(await call(tools.quick, {})).toBe('ok');
      expect(await call(tools.quick, { task: {} })).toBe('ok');
      expect(await call(tools.required, {})).toBe(-32601);
      expect(await call(tools.required, { task: {} })).toBe('ok');
      expect(await call(tools.forbidden, {})).toBe('ok');
      expect(await call(tools.forbidden, { task: {} })).toBe(-32601);
    },
  },
  {
    name: 'a call becomes a working task before its work is done, with an id that the server has made',
    cites: ['T25-RES-1', 'T25-RES-2', 'T25-LIFE-1', 'T25-ID-1', 'T25-ID-2', 'T25-ID-3', 'T25-TTL-4'],
    run: async ({ connect, tools }) => {
      const client = await connect();
      const tasks = await Promise.all(
        Array.from({ length: 10 }, () =>
          start(client, tools.slow, { arguments: { seconds: 60 }, task: { ttl: 60_000, taskId: 'mine' } }),
        ),
      );
      expect(new Set(tasks.map(idOf)).size).toBe(10);
      for (const task of tasks) {
        expect(task).toMatchObject({ status: 'working', taskId: expect.any(String), ttl: expect.any(Number) });
        expect(task['taskId']).not.toBe('mine');
        if (task['pollInterval'] !== undefined) expect(task['pollInterval']).toBeGreaterThan(0);
        await client.request('tasks/cancel', { taskId: idOf(task) });
      }
      expect(await start(client, tools.asks)).toMatchObject({ status: 'working' });
    },
  },
  {
    name: 'every task response has its times and its ttl, and no related-task metadata',
    cites: ['T25-TTL-1', 'T25-TTL-2', 'T25-TTL-3', 'T25-REL-3'],
    run: async ({ connect, tools }) => {
      const client = await connect();
      const created = await start(client, tools.slow, { arguments: { seconds: 60 }, task: { ttl: 50_000 } });
      const taskId = idOf(created);
      const answers = [created, await client.request('tasks/get', { taskId })];
      const { capabilities } = client.greeting as { capabilities: { tasks: JsonObject } };
      if (capabilities.tasks['list'] !== undefined) {
        const { tasks } = await client.request('tasks/list');
        answers.push((tasks as JsonObject[])[0] ?? {});
      }
      answers.push(await client.request('tasks/cancel', { taskId }));
      for (const task of answers) {
        expect(task).toMatchObject({ taskId, createdAt: expect.stringMatching(ISO) as string });
        expect(task['lastUpdatedAt']).toMatch(ISO);
        expect([null, 'number']).toContain(task['ttl'] === null ? null : typeof task['ttl']);
        expect(JSON.stringify(task)).not.toContain(RELATED);
      }
    },
  },
  {
    name: 'tasks/result blocks until the end and gives what the plain call gives, to every waiter',
    cites: ['T25-RES-3', 'T25-RES-4', 'T25-RES-5', 'T25-REL-4'],
    run: async ({ connect, tools }) => {
      const client = await connect();
      const task = await start(client, tools.slow, { arguments: { seconds: 1 } });
      const taskId = idOf(task);
      let answered = false;
      const waiting = [1, 2].map(() =>
        client.request('tasks/result', { taskId }).finally(() => {
          answered = true;
        }),
      );
      expect(await client.request('tasks/get', { taskId })).toMatchObject({ status: 'working' });
      expect(answered).toBe(false);
      const results = await Promise.all(waiting);
      results.push(await client.request('tasks/result', { taskId }));
      const plain = await client.request('tools/call', { name: tools.slow, arguments: { seconds: 1 } });
      for (const { _meta: meta, ...rest } of results) {
        expect(meta).toMatchObject({ [RELATED]: { taskId } });
        const { _meta: _, ...expected } = plain;
        expect(rest).toEqual(expected);
      }
      const again = await start(client, tools.quick, { arguments: { n: 7 } });
      const late = await client.request('tasks/result', { taskId: idOf(again) });
      const direct = await client.request('tools/call', { name: tools.quick, arguments: { n: 7 } });
      expect({ ...late, _meta: null }).toEqual({ ...direct, _meta: null });
    },
  },
  {
    name: 'the taskId parameter alone says which task is meant',
    cites: ['T25-REL-2'],
    run: async ({ connect, tools }) => {
      const client = await connect();
      const [one, two] = [
        await start(client, tools.quick, { arguments: { n: 1 } }),
        await start(client, tools.quick, { arguments: { n: 2 } }),
      ];
      const misleading = { taskId: idOf(one), _meta: { [RELATED]: { taskId: idOf(two) } } };
      expect(await client.request('tasks/get', misleading)).toMatchObject({ taskId: idOf(one) });
      const plain = await client.request('tools/call', { name: tools.quick, arguments: { n: 1 } });
      const result = await client.request('tasks/result', misleading);
      expect({ ...result, _meta: null }).toEqual({ ...plain, _meta: null });
      expect(result['_meta']).toMatchObject({ [RELATED]: { taskId: idOf(one) } });
    },
  },
  {
    name: 'a tool result with isError is a failed task that tells what failed',
    cites: ['T25-EXE-1', 'T25-EXE-2', 'T25-LIFE-2'],
    run: async ({ connect, tools }) => {
      const client = await connect();
      const task = await start(client, tools.fails);
      const result = await client.request('tasks/result', { taskId: idOf(task) });
      expect(result).toMatchObject({ isError: true });
      expect(JSON.stringify(result['content'])).toContain(tools.failsWith);
      const seen = await client.request('tasks/get', { taskId: idOf(task) });
      expect(seen['status']).toBe('failed');
      expect(seen['statusMessage']).toContain(tools.failsWith);
    },
  },
  {
    name: 'a JSON-RPC error is the very same error of tasks/result and of the plain call',
    cites: ['T25-EXE-3', 'T25-RES-3', 'T25-RES-5'],
    run: async ({ connect, tools }) => {
      const client = await connect();
      const task = await start(client, tools.errs);
      const byTask = await errorOf(client.request('tasks/result', { taskId: idOf(task) }));
      const plain = await errorOf(client.request('tools/call', { name: tools.errs, arguments: {} }));
      expect(byTask).toEqual(plain);
      expect(plain).toMatchObject(tools.error);
      expect((await client.request('tasks/get', { taskId: idOf(task) }))['status']).toBe('failed');
    },
  },
  {
    name: 'a cancellation is done when it is answered, ends the work, and stays',
    cites: ['T25-CAN-1', 'T25-CAN-2', 'T25-CAN-3', 'T25-CAN-4', 'T25-LIFE-3'],
    run: async ({ connect, tools }) => {
      const client = await connect();
      const task = await start(client, tools.slow, { arguments: { seconds: 1 } });
      const taskId = idOf(task);
      const waiting = codeOf(client.request('tasks/result', { taskId }));
      expect(await client.request('tasks/cancel', { taskId })).toMatchObject({ taskId, status: 'cancelled' });
      // The waiter is told at once and not after the second that the work would have taken.
      expect(typeof (await waiting)).toBe('number');
      expect(await codeOf(client.request('tasks/cancel', { taskId }))).toBe(-32602);
      const longer = await start(client, tools.slow, { arguments: { seconds: 1.2 } });
      await client.request('tasks/result', { taskId: idOf(longer) });
      expect(await client.request('tasks/get', { taskId })).toMatchObject({ status: 'cancelled' });
    },
  },
  {
    name: 'a task that has ended cannot be cancelled, and the error says why',
    cites: ['T25-CAN-1', 'T25-ERR-4', 'T25-LIFE-3'],
    run: async ({ connect, tools }) => {
      const client = await connect();
      const endings = [
        await start(client, tools.quick, { arguments: { n: 1 } }),
        await start(client, tools.fails),
        await start(client, tools.errs),
      ];
      for (const task of endings) {
        const taskId = idOf(task);
        const status = textIn(await reaches(client, taskId, ...TERMINAL), 'status');
        const { code, message } = await errorOf(client.request('tasks/cancel', { taskId }));
        expect(code).toBe(-32602);
        expect(message).toContain(status);
        expect((await client.request('tasks/get', { taskId }))['status']).toBe(status);
      }
    },
  },
  {
    name: 'ids that are unknown, of a wrong type or missing are -32602',
    cites: ['T25-ERR-1'],
    run: async ({ connect }) => {
      const client = await connect();
      for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
        for (const params of [{ taskId: 'no-such-task' }, { taskId: '' }, { taskId: 7 }, {}] as JsonObject[]) {
          expect(await codeOf(client.request(method, params))).toBe(-32602);
        }
      }
    },
  },
  {
    name: 'pages of tasks/list hold every task of the requestor once',
    cites: ['T25-LIST-1', 'T25-LIST-2', 'T25-LIST-3', 'T25-ERR-2'],
    run: async ({ connect, tools }) => {
      const client = await connect();
      const started = new Set<string>();
      const create = async (): Promise<void> => {
        started.add(idOf(await start(client, tools.quick, { arguments: { n: started.size } })));
      };
      for (let round = 0; round < 13; round += 1) await Promise.all(Array.from({ length: 5 }, create));
      const seen: string[] = [];
      let cursor: JsonObject = {};
      for (let pages = 1; ; pages += 1) {
        const { tasks, nextCursor } = await client.request('tasks/list', cursor);
        seen.push(...(tasks as JsonObject[]).map(idOf));
        if (nextCursor === undefined) {
          expect(pages).toBeGreaterThan(1);
          break;
        }
        cursor = { cursor: nextCursor };
      }
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toEqual(expect.arrayContaining([...started]));
      for (const forged of ['forged', '', 7]) {
        expect(await codeOf(client.request('tasks/list', { cursor: forged }))).toBe(-32602);
      }
    },
  },
  {
    name: 'a question makes the task input_required, goes out on tasks/result, and its answer lets the task go on',
    cites: ['T25-INP-1', 'T25-INP-2', 'T25-INP-3', 'T25-REL-1', 'T25-LIFE-2'],
    run: async ({ connect, tools }) => {
      const client = await connect(ELICITS);
      const asked: JsonObject[] = [];
      client.answer('elicitation/create', (params) => {
        asked.push(params);
        return { action: 'accept', content: { name: 'Ada' } };
      });
      const task = await start(client, tools.asks);
      const taskId = idOf(task);
      await reaches(client, taskId, 'input_required');
      expect(asked).toEqual([]);
      const result = await client.request('tasks/result', { taskId });
      expect(JSON.stringify(result)).toContain('Ada');
      expect(asked).toHaveLength(1);
      expect(asked[0]).toMatchObject({ _meta: { [RELATED]: { taskId } } });
      expect(await client.request('tasks/get', { taskId })).toMatchObject({ status: 'completed' });
    },
  },
  {
    name: 'two requests that wait for one task show its question once',
    cites: ['T25-INP-2', 'T25-RES-4'],
    run: async ({ connect, tools }) => {
      const client = await connect(ELICITS);
      let shown = 0;
      client.answer('elicitation/create', async () => {
        shown += 1;
        return afterReading({ action: 'accept', content: { name: 'Ada' } });
      });
      const task = await start(client, tools.asks);
      const results = await Promise.all([1, 2, 3].map(() => client.request('tasks/result', { taskId: idOf(task) })));
      for (const result of results) expect(JSON.stringify(result)).toContain('Ada');
      expect(shown).toBe(1);
    },
  },
  {
    name: 'a question that one connection left unanswered is answered on the next',
    cites: ['T25-INP-2', 'T25-INP-3'],
    run: async ({ connect, tools }) => {
      const first = await connect(ELICITS);
      first.answer('elicitation/create', () => new Promise(() => undefined));
      const task = await start(first, tools.asks);
      const taskId = idOf(task);
      first.request('tasks/result', { taskId }).catch(() => undefined);
      await first.message((message) => message['method'] === 'elicitation/create');
      await first.close();
      const second = await connect(ELICITS);
      second.answer('elicitation/create', () => ({ action: 'accept', content: { name: 'Grace' } }));
      expect(JSON.stringify(await second.request('tasks/result', { taskId }))).toContain('Grace');
    },
  },
  {
    name: 'each change of status is announced with the full task',
    cites: ['T25-NOTE-1', 'T25-NOTE-2', 'T25-LIFE-2'],
    run: async ({ connect, tools }) => {
      const client = await connect(ELICITS);
      client.answer('elicitation/create', () => ({ action: 'accept', content: { name: 'Ada' } }));
      const task = await start(client, tools.asks);
      const taskId = idOf(task);
      await reaches(client, taskId, 'input_required');
      await client.request('tasks/result', { taskId });
      const of = (message: JsonObject): JsonObject | undefined =>
        message['method'] === 'notifications/tasks/status' ? (message['params'] as JsonObject) : undefined; // by its schema
      await client.message((message) => of(message)?.['status'] === 'completed');
      const announced: JsonObject[] = client.received.map(of).filter((seen) => seen !== undefined);
      const statuses = announced.map((seen) => textIn(seen, 'status'));
      expect(statuses.filter((status, index) => status !== statuses[index - 1])).toEqual([
        'input_required',
        'working',
        'completed',
      ]);
      for (const one of announced) {
        expect(one).toMatchObject({ taskId, createdAt: expect.stringMatching(ISO) as string });
        expect(JSON.stringify(one)).not.toContain(RELATED);
      }
    },
  },
  {
    name: 'the progress token stays valid after the task was created, and its values grow',
    cites: ['T25-PROG-1', 'T25-REL-1'],
    run: async ({ connect, tools }) => {
      const client = await connect();
      const task = await start(client, tools.talks, { _meta: { progressToken: 'p1' } });
      await client.request('tasks/result', { taskId: idOf(task) });
      await client.message(
        (message) =>
          message['method'] === 'notifications/progress' && (message['params'] as JsonObject)['progress'] === 2,
      );
      const ticks = notifications(client, 'notifications/progress');
      for (const tick of ticks) {
        expect(tick).toMatchObject({ progressToken: 'p1', _meta: { [RELATED]: { taskId: idOf(task) } } });
      }
      const values = ticks.map((tick) => Number(tick['progress']));
      expect(values).toEqual([...values].sort((a, b) => a - b));
      expect(new Set(values).size).toBe(values.length);
    },
  },
  {
    name: 'a foreign task reads exactly like an unknown one, and is in nobody else’s list',
    cites: ['T25-SEC-1', 'T25-SEC-2', 'T25-SEC-3'],
    needsStranger: true,
    run: async ({ connect, stranger, tools }) => {
      if (stranger === undefined) throw new Error('needs a transport that tells requestors apart');
      const client = await connect();
      const foreign = idOf(await start(client, tools.slow, { arguments: { seconds: 60 } }));
      const other = await stranger();
      for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
        const unknown = await errorOf(other.request(method, { taskId: 'no-such-task' }));
        expect(await errorOf(other.request(method, { taskId: foreign }))).toEqual(unknown);
        expect(unknown.code).toBe(-32602);
      }
      const { tasks } = await other.request('tasks/list');
      expect(tasks).toEqual([]);
      expect(await client.request('tasks/cancel', { taskId: foreign })).toMatchObject({ status: 'cancelled' });
    },
  },
];
