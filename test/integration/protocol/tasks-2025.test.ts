import { afterEach, describe, expect, test } from 'vitest';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import type { JsonObject } from '../../../src/core/json.ts';
import type { FakeRun } from '../../support/fake-task-service.ts';
import { protocolDeps } from '../../support/protocol-deps.ts';
import { serveHttp, servePipe, type Connected, type Served } from '../../support/scripted-client.ts';

const RELATED = 'io.modelcontextprotocol/related-task';
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u;
const ELICIT = { capabilities: { elicitation: {} } };

interface WireTask {
  readonly taskId: string;
  readonly status: string;
  readonly statusMessage?: string;
  readonly [field: string]: unknown;
}

const served: Served[] = [];
afterEach(async () => {
  for (const each of served.splice(0)) await each.close();
});

/** A gate that a scripted workflow waits at. */
function gate(): { readonly passed: Promise<undefined>; open: () => void } {
  let open: () => void = () => undefined;
  const passed = new Promise<undefined>((resolve) => {
    open = () => resolve(undefined);
  });
  return { passed, open };
}

function text(value: string): { content: { type: 'text'; text: string }[] } {
  return { content: [{ type: 'text', text: value }] };
}

async function ask(run: FakeRun): Promise<ReturnType<typeof text>> {
  const requestedSchema = { type: 'object', properties: { ok: { type: 'boolean' } } };
  const answer = await run.ask({ method: 'elicitation/create', params: { message: 'Go on?', requestedSchema } });
  return text(JSON.stringify(answer));
}

async function start(connected: Connected, name: string, more: JsonObject = {}): Promise<WireTask> {
  const { task } = await connected.raw('tools/call', { name, arguments: {}, task: {}, ...more });
  return task as WireTask;
}

async function get(connected: Connected, taskId: string): Promise<WireTask> {
  return (await connected.raw('tasks/get', { taskId })) as unknown as WireTask;
}

/** Asks until the task has this status; through the public method alone. */
async function reaches(connected: Connected, taskId: string, status: string): Promise<WireTask> {
  for (let reads = 0; reads < 2_000; reads += 1) {
    const task = await get(connected, taskId);
    if (task.status === status) return task;
  }
  throw new Error(`task ${taskId} did not become ${status}`);
}

describe.each([
  ['a pipe', servePipe],
  ['HTTP', serveHttp],
])('tasks of 2025-11-25 over %s', (_name, serve) => {
  async function setUp(settings: Parameters<typeof protocolDeps>[0] = {}): Promise<{
    deps: ReturnType<typeof protocolDeps>;
    front: Served;
  }> {
    const deps = protocolDeps(settings);
    const front = await serve(deps);
    served.push(front);
    return { deps, front };
  }

  test('[T25-CAP-1] the capability has exactly the shape of the page', async () => {
    const { front } = await setUp();
    const { client } = await front.connect();
    expect(client.getServerCapabilities()?.tasks).toEqual({
      list: {},
      cancel: {},
      requests: { tools: { call: {} } },
    });
  });

  test('[T25-NEG-1] [T25-NEG-2] [T25-NEG-3] taskSupport decides which way a tool can be called', async () => {
    const { deps, front } = await setUp();
    for (const task of ['optional', 'required', 'forbidden'] as const) {
      deps.publish(task, async () => text('ok'), { task });
    }
    const connected = await front.connect();
    const codeOf = async (name: string, more: object): Promise<unknown> =>
      connected.raw('tools/call', { name, arguments: {}, ...more }).then(
        () => 'ok',
        (error: unknown) => (error as { code: number }).code,
      );
    expect(await codeOf('optional', {})).toBe('ok');
    expect(await codeOf('optional', { task: {} })).toBe('ok');
    expect(await codeOf('required', {})).toBe(-32601);
    expect(await codeOf('required', { task: {} })).toBe('ok');
    expect(await codeOf('forbidden', {})).toBe('ok');
    expect(await codeOf('forbidden', { task: {} })).toBe(-32601);
    expect(await codeOf('tasks_get', { task: {} })).toBe(-32601);
  });

  test('[T25-RES-1] [T25-RES-2] [T25-LIFE-1] [T25-ID-1] [T25-ID-2] [T25-TTL-4] a call becomes a working task at once', async () => {
    const { deps, front } = await setUp();
    deps.publish('endless', () => new Promise(() => undefined));
    const connected = await front.connect();
    const result = await connected.raw('tools/call', {
      name: 'endless',
      arguments: {},
      task: { ttl: 60_000, taskId: 'mine' },
    });
    const task = result['task'] as WireTask;
    expect(task).toMatchObject({ status: 'working', ttl: 60_000, pollInterval: 1_000 });
    expect(typeof task.taskId).toBe('string');
    expect(task.taskId).not.toBe('mine');
    expect(Object.keys(result).sort()).toEqual(['_meta', 'task']);
  });

  test('[T25-LIFE-1] a task that asks at once is created as working all the same', async () => {
    const { deps, front } = await setUp();
    deps.publish('asks', ask);
    const connected = await front.connect();
    expect((await start(connected, 'asks')).status).toBe('working');
  });

  test('[T25-ID-3] ids are unique', async () => {
    const { deps, front } = await setUp();
    deps.publish('quick', async () => text('ok'));
    const connected = await front.connect();
    const ids = await Promise.all(Array.from({ length: 50 }, async () => (await start(connected, 'quick')).taskId));
    expect(new Set(ids).size).toBe(50);
  });

  test('[T25-TTL-1] [T25-TTL-2] [T25-TTL-3] [T25-REL-3] every task response has its times and ttl, and no related-task', async () => {
    const { deps, front } = await setUp();
    deps.publish('endless', () => new Promise(() => undefined));
    const connected = await front.connect();
    const created = await start(connected, 'endless', { task: { ttl: 5_000 } });
    const listed = ((await connected.raw('tasks/list'))['tasks'] as WireTask[])[0];
    const seen = await get(connected, created.taskId);
    const cancelled = (await connected.raw('tasks/cancel', { taskId: created.taskId })) as unknown as WireTask;
    for (const task of [created, listed, seen, cancelled]) {
      expect(task?.['createdAt']).toMatch(ISO);
      expect(task?.['lastUpdatedAt']).toMatch(ISO);
      expect(task?.['ttl']).toBe(5_000);
      expect(JSON.stringify(task)).not.toContain(RELATED);
    }
  });

  test('[T25-RES-4] [T25-RES-5] [T25-REL-4] tasks/result blocks until the end and returns what the plain call returns', async () => {
    const { deps, front } = await setUp();
    const end = gate();
    const result = { ...text('done'), structuredContent: { n: 1 }, _meta: { 'x/y': 1 } };
    deps.publish('slow', async () => {
      await end.passed;
      return result;
    });
    const connected = await front.connect();
    const { taskId } = await start(connected, 'slow');
    let answered = false;
    const waiting = connected.raw('tasks/result', { taskId }).finally(() => {
      answered = true;
    });
    expect((await get(connected, taskId)).status).toBe('working');
    expect(answered).toBe(false);
    end.open();
    const { _meta: meta, ...rest } = await waiting;
    const plain = await connected.raw('tools/call', { name: 'slow', arguments: {} });
    expect({ ...rest, _meta: { 'x/y': 1 } }).toEqual(plain);
    expect(meta).toMatchObject({ [RELATED]: { taskId }, 'x/y': 1, 'dev.mcp-workflow/progress': { percent: 100 } });
  });

  test('[T25-RES-3] several waiters and a later one get the same result', async () => {
    const { deps, front } = await setUp();
    const end = gate();
    deps.publish('slow', async () => {
      await end.passed;
      return text('done');
    });
    const connected = await front.connect();
    const { taskId } = await start(connected, 'slow');
    const waiters = [1, 2, 3].map(() => connected.raw('tasks/result', { taskId }));
    const other = await front.connect();
    waiters.push(other.raw('tasks/result', { taskId }));
    await get(connected, taskId);
    end.open();
    const results = [...(await Promise.all(waiters)), await other.raw('tasks/result', { taskId })];
    expect(new Set(results.map((each) => JSON.stringify(each))).size).toBe(1);
  });

  test('[T25-REL-2] the taskId parameter wins over related-task metadata', async () => {
    const { deps, front } = await setUp();
    deps.publish('quick', async ({ input }) => text(JSON.stringify(input)));
    const connected = await front.connect();
    const one = await start(connected, 'quick', { arguments: { n: 1 } });
    const two = await start(connected, 'quick', { arguments: { n: 2 } });
    const misleading = { taskId: one.taskId, _meta: { [RELATED]: { taskId: two.taskId } } };
    expect((await connected.raw('tasks/get', misleading))['taskId']).toBe(one.taskId);
    expect(await connected.raw('tasks/result', misleading)).toMatchObject(text('{"n":1}'));
  });

  test('[T25-EXE-1] [T25-EXE-2] a tool result with isError is a failed task with its diagnosis', async () => {
    const { deps, front } = await setUp();
    deps.publish('broken', async () => {
      throw new Error('the printer is on fire');
    });
    const connected = await front.connect();
    const { taskId } = await start(connected, 'broken');
    const result = await connected.raw('tasks/result', { taskId });
    expect(result).toMatchObject({ isError: true });
    const task = await get(connected, taskId);
    expect(task).toMatchObject({
      status: 'failed',
      statusMessage: "step 's' failed (tool_error): the printer is on fire",
    });
  });

  test('[T25-EXE-3] [T25-RES-5] a JSON-RPC error is the very same error of tasks/result and of the plain call', async () => {
    const { deps, front } = await setUp();
    deps.publish('refused', async () => ({
      kind: 'error',
      code: -32050,
      message: 'kaput',
      data: { why: 'test' },
      failure: { code: '-32050', message: 'kaput' },
    }));
    const connected = await front.connect();
    const { taskId } = await start(connected, 'refused');
    await expect(connected.raw('tasks/result', { taskId })).rejects.toThrow();
    await expect(connected.raw('tools/call', { name: 'refused', arguments: {} })).rejects.toThrow();
    const errors = connected.received.flatMap((message) => ('error' in message ? [message.error] : []));
    expect(errors).toEqual([
      { code: -32050, message: 'kaput', data: { why: 'test' } },
      { code: -32050, message: 'kaput', data: { why: 'test' } },
    ]);
    expect((await get(connected, taskId)).status).toBe('failed');
  });

  test('[T25-CAN-1] [T25-CAN-2] [T25-CAN-3] [T25-CAN-4] [T25-LIFE-3] cancel is done when it is answered, and stays', async () => {
    const { deps, front } = await setUp();
    const end = gate();
    let stopped = false;
    deps.publish('slow', async ({ signal }) => {
      signal.addEventListener('abort', () => {
        stopped = true;
      });
      await end.passed;
      return text('too late');
    });
    const connected = await front.connect();
    const { taskId } = await start(connected, 'slow');
    const waiting = connected.raw('tasks/result', { taskId });
    waiting.catch(() => undefined);
    const cancelled = await connected.raw('tasks/cancel', { taskId });
    expect(cancelled['status']).toBe('cancelled');
    expect(stopped).toBe(true);
    await expect(waiting).rejects.toMatchObject({ code: -31010 });
    end.open();
    await end.passed;
    expect((await get(connected, taskId)).status).toBe('cancelled');
    await expect(connected.raw('tasks/cancel', { taskId })).rejects.toMatchObject({ code: -32602 });
    expect((await get(connected, taskId)).status).toBe('cancelled');
  });

  test('[T25-CAN-1] [T25-ERR-4] a finished task cannot be cancelled, and the error says why', async () => {
    const { deps, front } = await setUp();
    deps.publish('quick', async () => text('ok'));
    const connected = await front.connect();
    const { taskId } = await start(connected, 'quick');
    await connected.raw('tasks/result', { taskId });
    await expect(connected.raw('tasks/cancel', { taskId })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('completed') as string,
    });
  });

  test('[T25-ERR-1] unknown ids, wrong types and missing ids are -32602', async () => {
    const { front } = await setUp();
    const connected = await front.connect();
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
      for (const params of [{ taskId: 'no-such-task' }, { taskId: '' }, { taskId: 7 }, {}]) {
        await expect(connected.raw(method, params)).rejects.toMatchObject({ code: -32602 });
      }
    }
  });

  test('[T25-SEC-1] [T25-SEC-2] [T25-SEC-3] [T25-ERR-1] a foreign task reads exactly like an unknown one', async () => {
    const { deps, front } = await setUp();
    deps.publish('quick', async () => text('ok'));
    const foreign = await deps.tasks.create({ workflow: 'quick', arguments: {}, principal: 'somebody else' });
    const connected = await front.connect();
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
      const answers = await Promise.all(
        [foreign.taskId, 'no-such-task'].map((taskId) =>
          connected.raw(method, { taskId }).catch((error: unknown) => {
            const { code, message, data } = error as { code: number; message: string; data?: unknown };
            return { code, message, data };
          }),
        ),
      );
      expect(answers[0]).toEqual(answers[1]);
    }
    expect((await connected.raw('tasks/list'))['tasks']).toEqual([]);
  });

  test('[T25-LIST-1] [T25-LIST-2] [T25-LIST-3] pages hold every task once', async () => {
    const { deps, front } = await setUp();
    deps.publish('quick', async () => text('ok'));
    const connected = await front.connect();
    const started = new Set<string>();
    for (let index = 0; index < 120; index += 1) started.add((await start(connected, 'quick')).taskId);
    const seen: string[] = [];
    let cursor: unknown;
    let pages = 0;
    do {
      const page = await connected.raw('tasks/list', cursor === undefined ? {} : { cursor });
      seen.push(...(page['tasks'] as WireTask[]).map((task) => task.taskId));
      cursor = page['nextCursor'];
      pages += 1;
    } while (cursor !== undefined);
    expect(pages).toBe(3);
    expect(seen).toHaveLength(120);
    expect(new Set(seen)).toEqual(started);
  });

  test('[T25-ERR-2] a cursor that is none is -32602', async () => {
    const { front } = await setUp();
    const connected = await front.connect();
    for (const cursor of ['forged', '', 7]) {
      await expect(connected.raw('tasks/list', { cursor })).rejects.toMatchObject({ code: -32602 });
    }
  });

  test('[T25-ERR-3] an unexpected error is -32603 with a correlation id and nothing of its cause', async () => {
    const { deps, front } = await setUp({ ids: () => 'correlation-1' });
    deps.publish('quick', async () => text('ok'));
    deps.tasks.rejects.set('quick', new Error('secret path /root/x'));
    const connected = await front.connect();
    await expect(connected.raw('tools/call', { name: 'quick', arguments: {} })).rejects.toThrow();
    const errors = connected.received.flatMap((message) => ('error' in message ? [message.error] : []));
    expect(errors).toEqual([{ code: -32603, message: 'Internal error', data: { correlationId: 'correlation-1' } }]);
  });

  test('[T25-INP-1] [T25-INP-2] [T25-INP-3] [T25-REL-1] [T25-LIFE-2] a question goes out on tasks/result and the answer lets the task go on', async () => {
    const { deps, front } = await setUp();
    deps.publish('asks', ask);
    const connected = await front.connect(ELICIT.capabilities);
    const questions: unknown[] = [];
    connected.client.setRequestHandler(ElicitRequestSchema, (request) => {
      questions.push(request.params);
      return { action: 'accept', content: { ok: true } };
    });
    const { taskId } = await start(connected, 'asks');
    await reaches(connected, taskId, 'input_required');
    expect(questions).toEqual([]);
    const result = await connected.raw('tasks/result', { taskId });
    expect(result).toMatchObject(text('{"action":"accept","content":{"ok":true}}'));
    expect(questions).toEqual([
      {
        message: 'Go on?',
        requestedSchema: { type: 'object', properties: { ok: { type: 'boolean' } } },
        _meta: { [RELATED]: { taskId } },
      },
    ]);
    expect((await get(connected, taskId)).status).toBe('completed');
  });

  test('[T25-INP-2] a question that nobody answered on one connection is answered on the next', async () => {
    const { deps, front } = await setUp();
    deps.publish('asks', ask);
    const first = await front.connect(ELICIT.capabilities);
    const asked = gate();
    first.client.setRequestHandler(ElicitRequestSchema, () => {
      asked.open();
      return new Promise(() => undefined);
    });
    const { taskId } = await start(first, 'asks');
    first.raw('tasks/result', { taskId }).catch(() => undefined);
    await asked.passed;
    await first.client.close();
    const second = await front.connect(ELICIT.capabilities);
    second.client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { ok: false } }));
    expect(await second.raw('tasks/result', { taskId })).toMatchObject(
      text('{"action":"accept","content":{"ok":false}}'),
    );
  });

  test('an answer from one connection withdraws the question from the other, and both get the result', async () => {
    const { deps, front } = await setUp();
    deps.publish('asks', ask);
    const first = await front.connect(ELICIT.capabilities);
    const asked = gate();
    first.client.setRequestHandler(ElicitRequestSchema, () => {
      asked.open();
      return new Promise(() => undefined);
    });
    const { taskId } = await start(first, 'asks');
    const waiting = first.raw('tasks/result', { taskId });
    await asked.passed;
    const second = await front.connect(ELICIT.capabilities);
    second.client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { ok: true } }));
    const results = await Promise.all([waiting, second.raw('tasks/result', { taskId })]);
    expect(results[0]).toEqual(results[1]);
    const withdrawn = await first.message(
      (message) => 'method' in message && message.method === 'notifications/cancelled',
    );
    expect(withdrawn).toBeDefined();
  });

  test.each([
    ['fits', { action: 'accept', content: { ok: true } }],
    ['never fits', { action: 'perhaps' }],
  ])('a question that was answered is not cancelled afterwards, when the answer %s', async (_, answer) => {
    const { deps, front } = await setUp();
    deps.publish('asks', ask);
    const connected = await front.connect(ELICIT.capabilities);
    // What does not fit is refused by the SDK's client already, so this one answers by itself.
    connected.client.fallbackRequestHandler = () => Promise.resolve(answer);
    await connected.raw('tools/call', { name: 'asks', arguments: {} });
    await connected.client.ping();
    const methods = connected.received.flatMap((message) => ('method' in message ? [message.method] : []));
    expect(methods).toContain('elicitation/create');
    expect(methods).not.toContain('notifications/cancelled');
  });

  test('a plain call asks too, without related-task, since its client knows of no task', async () => {
    const { deps, front } = await setUp();
    deps.publish('asks', ask);
    const connected = await front.connect(ELICIT.capabilities);
    let meta: unknown;
    connected.client.setRequestHandler(ElicitRequestSchema, (request) => {
      meta = request.params._meta;
      return { action: 'accept', content: { ok: true } };
    });
    expect(await connected.raw('tools/call', { name: 'asks', arguments: {} })).toEqual(
      text('{"action":"accept","content":{"ok":true}}'),
    );
    expect(meta).toBeUndefined();
  });

  test('a plain call of a client that cannot be asked is answered with the task and the question at once', async () => {
    const { deps, front } = await setUp();
    deps.publish('asks', ask);
    const connected = await front.connect();
    const deferred = await connected.raw('tools/call', { name: 'asks', arguments: {} });
    const { task } = deferred['structuredContent'] as { task: WireTask & { inputRequests: JsonObject } };
    expect(task).toMatchObject({ status: 'input_required' });
    const [key] = Object.keys(task.inputRequests);
    const updated = await connected.raw('tools/call', {
      name: 'tasks_update',
      arguments: {
        taskId: task.taskId,
        inputResponses: { [String(key)]: { action: 'accept', content: { ok: true } } },
      },
    });
    expect(updated['structuredContent']).toMatchObject({ accepted: [key], ignored: [] });
    const result = await connected.raw('tools/call', { name: 'tasks_result', arguments: { taskId: task.taskId } });
    expect(result).toEqual(text('{"action":"accept","content":{"ok":true}}'));
  });

  test('a host that declines at once has shown nothing: the question stays open', async () => {
    const { deps, front } = await setUp();
    deps.publish('asks', ask);
    const connected = await front.connect(ELICIT.capabilities);
    connected.client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'decline' }));
    const answer = await connected.raw('tools/call', { name: 'asks', arguments: {} });
    expect(answer['structuredContent']).toMatchObject({ task: { status: 'input_required' } });
  });

  test('sampling goes to a client that declares it', async () => {
    const { deps, front } = await setUp();
    deps.publish('thinks', async (run) =>
      text(
        JSON.stringify(
          await run.ask({
            method: 'sampling/createMessage',
            params: { messages: [{ role: 'user', content: { type: 'text', text: '2+2?' } }], maxTokens: 10 },
          }),
        ),
      ),
    );
    const connected = await front.connect({ sampling: {} });
    connected.client.setRequestHandler(CreateMessageRequestSchema, () => ({
      model: 'm',
      role: 'assistant',
      content: { type: 'text', text: '4' },
    }));
    const { taskId } = await start(connected, 'thinks');
    const result = await connected.raw('tasks/result', { taskId });
    expect(JSON.stringify(result)).toContain('\\"text\\":\\"4\\"');
  });

  test('[T25-NOTE-1] [T25-NOTE-2] [T25-LIFE-2] each change of status is announced with the full task, after the answer that created it', async () => {
    const { deps, front } = await setUp();
    const go = gate();
    deps.publish('asks', async (run) => {
      await go.passed;
      return ask(run);
    });
    const connected = await front.connect(ELICIT.capabilities);
    connected.client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: {} }));
    const { taskId } = await start(connected, 'asks');
    await get(connected, taskId);
    go.open();
    await reaches(connected, taskId, 'input_required');
    await connected.raw('tasks/result', { taskId });
    const announcement = (message: object): WireTask | undefined =>
      'method' in message && message.method === 'notifications/tasks/status' && 'params' in message
        ? (message.params as WireTask)
        : undefined;
    await connected.message((message) => announcement(message)?.status === 'completed');
    const announced = connected.received.flatMap((message) => announcement(message) ?? []);
    expect(announced.map((task) => task.status)).toEqual(['input_required', 'working', 'completed']);
    for (const task of announced) {
      expect(task).toMatchObject({ taskId, ttl: 3_600_000, pollInterval: 1_000 });
      expect(JSON.stringify(task)).not.toContain(RELATED);
    }
  });

  test('[T25-PROG-1] [T25-REL-1] the progress token works after the task was created, grows, and ends with the task', async () => {
    const { deps, front } = await setUp();
    const go = gate();
    deps.publish('slow', async (run) => {
      await go.passed;
      run.report({ percent: 25, message: 'a' });
      run.report({ percent: 20, message: 'b' });
      run.report({ percent: 50, message: 'c' });
      return text('done');
    });
    const connected = await front.connect();
    const { taskId } = await start(connected, 'slow', { _meta: { progressToken: 'p1' } });
    await get(connected, taskId);
    go.open();
    await connected.message(
      (message) =>
        'method' in message &&
        message.method === 'notifications/tasks/status' &&
        message.params?.['status'] === 'completed',
    );
    const ticks = connected.received.flatMap((message) =>
      'method' in message && message.method === 'notifications/progress' ? [message.params] : [],
    );
    expect(ticks).toEqual([
      { progressToken: 'p1', progress: 25, total: 100, message: 'a', _meta: { [RELATED]: { taskId } } },
      { progressToken: 'p1', progress: 50, total: 100, message: 'c', _meta: { [RELATED]: { taskId } } },
    ]);
  });

  test('a plain call reports the numbers of the workflow as they are, and its words as log messages', async () => {
    const { deps, front } = await setUp();
    deps.publish('talks', async (run) => {
      run.report({ percent: 0, message: 'step 1' });
      run.emit({ message: 'begin', progress: 0, total: 3 });
      run.report({ percent: 33 });
      run.emit({ message: 'middle', progress: 2, total: 3 });
      run.emit({ message: 'look out', level: 'warning' });
      run.emit({ message: 'details', level: 'debug' });
      return text('done');
    });
    const connected = await front.connect();
    await connected.raw('tools/call', { name: 'talks', arguments: {}, _meta: { progressToken: 1 } });
    const params = (method: string): unknown[] =>
      connected.received.flatMap((message) =>
        'method' in message && message.method === method ? [message.params] : [],
      );
    expect(params('notifications/progress')).toEqual([
      { progressToken: 1, progress: 0, total: 3, message: 'begin' },
      { progressToken: 1, progress: 2, total: 3, message: 'middle' },
    ]);
    expect(params('notifications/message')).toEqual([{ level: 'warning', logger: 'workflow', data: 'look out' }]);
  });

  test('after the soft deadline a plain call is answered with its task, which goes on to its result', async () => {
    const { deps, front } = await setUp({
      settings: {
        inlineWaitMs: 20,
        resultLimitBytes: 1_000,
        compact: false,
        instantDeclineMs: 100,
        messageBounds: { values: 100_000, depth: 200 },
      },
    });
    const end = gate();
    deps.publish('slow', async () => {
      await end.passed;
      return { ...text('x'.repeat(5_000)), structuredContent: { big: 'x' } };
    });
    const connected = await front.connect();
    const answer = await connected.raw('tools/call', { name: 'slow', arguments: {} });
    expect(answer['isError']).toBeUndefined();
    const { task } = answer['structuredContent'] as { task: WireTask };
    expect(task.status).toBe('working');
    expect(JSON.stringify(answer['content'])).toContain(task.taskId);
    const polling = connected.raw('tools/call', {
      name: 'tasks_get',
      arguments: { taskId: task.taskId, wait_seconds: 45 },
    });
    end.open();
    expect((await polling)['structuredContent']).toMatchObject({ taskId: task.taskId, status: 'completed' });
    const result = await connected.raw('tools/call', { name: 'tasks_result', arguments: { taskId: task.taskId } });
    const link = (result['content'] as JsonObject[])[1];
    expect(link).toMatchObject({ type: 'resource_link', uri: `workflow://tasks/${task.taskId}/result` });
    const whole = await connected.raw('resources/read', { uri: link?.['uri'] });
    expect(JSON.stringify(whole)).toContain('x'.repeat(5_000));
    const exact = await connected.raw('tasks/result', { taskId: task.taskId });
    expect(exact['structuredContent']).toEqual({ big: 'x' });
  });

  test('a result that is too large gives way to its task where an output schema promises something, and fits the published schema', async () => {
    const { deps, front } = await setUp({
      settings: {
        inlineWaitMs: 60_000,
        resultLimitBytes: 1_000,
        compact: false,
        instantDeclineMs: 100,
        messageBounds: { values: 100_000, depth: 200 },
      },
    });
    const own = { type: 'object', properties: { big: { type: 'string' } }, required: ['big'] };
    const large = { ...text('x'.repeat(5_000)), structuredContent: { big: 'x'.repeat(5_000) } };
    deps.publish('large', async () => large, { output_schema: own });
    const connected = await front.connect();
    const answer = await connected.raw('tools/call', { name: 'large', arguments: {} });
    expect(JSON.stringify(answer).length).toBeLessThan(4_000);
    const { task } = answer['structuredContent'] as { task: WireTask };
    expect(task.status).toBe('completed');
    const { tools } = (await connected.raw('tools/list', {})) as {
      tools: { name: string; outputSchema: JsonObject }[];
    };
    const published = tools.find(({ name }) => name === 'large')?.outputSchema ?? {};
    expect(new Ajv2020({ strict: false }).compile(published)(answer['structuredContent'])).toBe(true);
  });

  test('a client that withdraws a plain call cancels the run; with an idempotency key it goes on', async () => {
    const { deps, front } = await setUp();
    deps.publish('endless', () => new Promise(() => undefined));
    const connected = await front.connect();
    for (const [meta, status] of [
      [{}, 'cancelled'],
      [{ 'dev.mcp-workflow/idempotency-key': 'k' }, 'working'],
    ] as const) {
      const before = (await deps.tasks.list({ principal: 'local' })).tasks.length;
      const withdraw = new AbortController();
      const call = connected.raw(
        'tools/call',
        { name: 'endless', arguments: {}, _meta: meta },
        { signal: withdraw.signal },
      );
      call.catch(() => undefined);
      let taskId: string | undefined;
      while (taskId === undefined) {
        const { tasks } = await connected.raw('tasks/list');
        const list = tasks as WireTask[];
        if (list.length > before) taskId = list[0]?.taskId;
      }
      withdraw.abort();
      await expect(call).rejects.toThrow();
      // The notification has been handled when a later request is answered.
      await connected.raw('ping');
      expect((await reaches(connected, taskId, status)).status).toBe(status);
    }
  });

  test('withdrawing a task call or a tasks/result leaves the task alone', async () => {
    const { deps, front } = await setUp();
    const end = gate();
    deps.publish('slow', async () => {
      await end.passed;
      return text('done');
    });
    const connected = await front.connect();
    const { taskId } = await start(connected, 'slow');
    const withdraw = new AbortController();
    const waiting = connected.raw('tasks/result', { taskId }, { signal: withdraw.signal });
    waiting.catch(() => undefined);
    await get(connected, taskId);
    withdraw.abort();
    await expect(waiting).rejects.toThrow();
    expect((await get(connected, taskId)).status).toBe('working');
    end.open();
    expect(await connected.raw('tasks/result', { taskId })).toMatchObject(text('done'));
  });

  test('the same idempotency key is the same task; other arguments under it are an error', async () => {
    const { deps, front } = await setUp();
    deps.publish('quick', async () => text('ok'));
    const connected = await front.connect();
    const keyed = { _meta: { 'dev.mcp-workflow/idempotency-key': 'k1' } };
    const one = await start(connected, 'quick', keyed);
    const two = await start(connected, 'quick', keyed);
    expect(two.taskId).toBe(one.taskId);
    await expect(start(connected, 'quick', { ...keyed, arguments: { other: 1 } })).rejects.toMatchObject({
      code: -32602,
    });
  });

  test('nothing stays subscribed when connections have gone', async () => {
    const { deps, front } = await setUp();
    deps.publish('endless', () => new Promise(() => undefined));
    const connected = await front.connect();
    const { taskId } = await start(connected, 'endless');
    await connected.raw('resources/subscribe', { uri: `workflow://tasks/${taskId}` });
    connected.raw('tasks/result', { taskId }).catch(() => undefined);
    await get(connected, taskId);
    expect(deps.tasks.subscriberCount).toBeGreaterThan(0);
    await front.close();
    expect(deps.tasks.subscriberCount).toBe(0);
  });
});

// Over HTTP the answer and the news travel on connections of their own, so a client may see them in either order.
test('N1 nothing about a task is sent before the answer that names it, however early it changes', async () => {
  const deps = protocolDeps();
  const front = await servePipe(deps);
  served.push(front);
  deps.publish('busy', async (run) => {
    for (let turn = 0; turn < 200; turn += 1) {
      run.report({ percent: turn / 4, message: `turn ${turn}` });
      await Promise.resolve();
    }
    return text('done');
  });
  const connected = await front.connect();
  const { taskId } = await start(connected, 'busy', { _meta: { progressToken: 'p' } });
  await connected.message(
    (message) => 'method' in message && JSON.stringify(message.params).includes('"status":"completed"'),
  );
  const about = connected.received.filter((message) => JSON.stringify(message).includes(taskId));
  expect(about[0]).toHaveProperty('result.task.taskId', taskId);
  expect(about.length).toBeGreaterThan(1);
});
