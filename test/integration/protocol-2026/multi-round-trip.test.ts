import { afterEach, describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import type { Step } from '../../../src/definition/model.ts';
import type { InputRequest } from '../../../src/engine/journal.ts';
import { STATE_TTL_MS } from '../../../src/protocol/rev-2026-07-28/multi-round-trip.ts';
import type { FakeRun } from '../../support/fake-task-service.ts';
import { serveModern, taskIdOf, TASKS_CLIENT, type ModernHttp, type Reply } from '../../support/modern-http.ts';
import { protocolDeps } from '../../support/protocol-deps.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { DEFAULT_PROTOCOL_SETTINGS } from '../../../src/protocol/deps.ts';

const open: ModernHttp[] = [];
type Deps = ReturnType<typeof protocolDeps>;

async function serve(more: Parameters<typeof protocolDeps>[0] = {}): Promise<{ deps: Deps; http: ModernHttp }> {
  // Answers come at once here; a host's own decline is the subject of one test alone.
  const deps = protocolDeps({ settings: { ...DEFAULT_PROTOCOL_SETTINGS, instantDeclineMs: 0 }, ...more });
  const http = await serveModern(deps);
  open.push(http);
  return { deps, http };
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((http) => http.close()));
});

const FORMS = { elicitation: {} };
const requestedSchema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
const form = (message: string): InputRequest => ({
  method: 'elicitation/create',
  params: { message, requestedSchema },
});
const turn: InputRequest = {
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: 'Say hi.' } }], maxTokens: 10 },
};
const accept = (content: JsonObject): JsonObject => ({ action: 'accept', content });
const say = (value: JsonValue): { content: { type: string; text: string }[] } => ({
  content: [{ type: 'text', text: JSON.stringify(value) }],
});
const greet = async ({ ask }: FakeRun): Promise<ReturnType<typeof say>> => say(await ask(form('Name?'), 'user_name'));

function asked(reply: Reply): { readonly requests: JsonObject; readonly requestState: string } {
  expect(reply.result).toMatchObject({ resultType: 'input_required', requestState: expect.any(String) });
  return reply.result as unknown as { requests: JsonObject; requestState: string } & JsonObject;
}

describe('a plain call of a workflow that asks', () => {
  test('is answered with the question under its step id, and with the result when it comes back with the answer', async () => {
    const { deps, http } = await serve();
    deps.publish('greet', greet);
    const first = await http.request('tools/call', { name: 'greet' }, { capabilities: FORMS });
    expect(first.result?.['inputRequests']).toEqual({ user_name: form('Name?') });
    const { requestState } = asked(first);
    const inputResponses = { user_name: accept({ name: 'Ada' }) };
    const second = await http.request(
      'tools/call',
      { name: 'greet', requestState, inputResponses },
      { capabilities: FORMS },
    );
    expect(second.result).toMatchObject({ resultType: 'complete', ...say(accept({ name: 'Ada' })) });
    expect((await deps.tasks.list({ principal: 'local' })).tasks).toHaveLength(1);
  });

  test('is asked round by round, each with a handle of its own', async () => {
    const { deps, http } = await serve();
    deps.publish('two', async ({ ask }) => say([await ask(form('One?'), 'step1'), await ask(form('Two?'), 'step2')]));
    const one = asked(await http.request('tools/call', { name: 'two' }, { capabilities: FORMS }));
    const again = await http.request(
      'tools/call',
      { name: 'two', requestState: one.requestState, inputResponses: { step1: accept({ name: 'a' }) } },
      { capabilities: FORMS },
    );
    expect(again.result?.['inputRequests']).toEqual({ step2: form('Two?') });
    const two = asked(again);
    expect(two.requestState).not.toBe(one.requestState);
    const last = await http.request(
      'tools/call',
      { name: 'two', requestState: two.requestState, inputResponses: { step2: accept({ name: 'b' }) } },
      { capabilities: FORMS },
    );
    expect(last.result).toMatchObject(say([accept({ name: 'a' }), accept({ name: 'b' })]));
  });

  test('gets the questions of parallel steps together, and only those it declared it can answer', async () => {
    const { deps, http } = await serve();
    deps.publish('many', async ({ ask }) => {
      const later = new Promise<void>((resolve) => setImmediate(resolve));
      return say(await Promise.all([ask(form('Name?'), 'p/user_name'), later.then(() => ask(turn, 'p/greeting'))]));
    });
    const both = await http.request(
      'tools/call',
      { name: 'many' },
      { capabilities: { elicitation: {}, sampling: {} } },
    );
    expect(both.result?.['inputRequests']).toEqual({ user_name: form('Name?'), greeting: turn });
    const one = await http.request('tools/call', { name: 'many' }, { capabilities: { sampling: {} } });
    expect(one.result?.['inputRequests']).toEqual({ greeting: turn });
  });

  test('two questions with the same step id are told apart by their keys', async () => {
    const { deps, http } = await serve();
    deps.publish('twins', async ({ ask }) =>
      say(await Promise.all([ask(form('A?'), 'each[0].q'), ask(form('B?'), 'each[1].q')])),
    );
    const { result } = await http.request('tools/call', { name: 'twins' }, { capabilities: FORMS });
    const keys = Object.keys(result?.['inputRequests'] as JsonObject);
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(key).toMatch(/^in-\d+$/u);
  });

  test('is asked again when the answer is missing or has another name', async () => {
    const { deps, http } = await serve();
    deps.publish('greet', greet);
    const { requestState } = asked(await http.request('tools/call', { name: 'greet' }, { capabilities: FORMS }));
    for (const inputResponses of [{}, { wrong: accept({ name: 'x' }) }]) {
      const reply = await http.request(
        'tools/call',
        { name: 'greet', requestState, inputResponses },
        { capabilities: FORMS },
      );
      expect(reply.result?.['inputRequests']).toEqual({ user_name: form('Name?') });
    }
  });

  test('takes an answer that came with the first call, and ignores what was not asked', async () => {
    const { deps, http } = await serve();
    deps.publish('greet', greet);
    const inputResponses = { user_name: accept({ name: 'Ada' }), other: accept({ name: 'x' }) };
    const { result } = await http.request('tools/call', { name: 'greet', inputResponses }, { capabilities: FORMS });
    expect(result).toMatchObject(say(accept({ name: 'Ada' })));
  });

  test('gets -32602 for an answer that does not fit, and can answer again', async () => {
    const { deps, http } = await serve();
    deps.publish('greet', greet);
    const { requestState } = asked(await http.request('tools/call', { name: 'greet' }, { capabilities: FORMS }));
    const bad = { user_name: { garbage: true } };
    const refused = await http.request(
      'tools/call',
      { name: 'greet', requestState, inputResponses: bad },
      { capabilities: FORMS },
    );
    expect(refused.error).toMatchObject({ code: -32602, message: 'content: does not fit the question' });
    const good = { user_name: accept({ name: 'Ada' }) };
    const taken = await http.request(
      'tools/call',
      { name: 'greet', requestState, inputResponses: good },
      { capabilities: FORMS },
    );
    expect(taken.result).toMatchObject(say(accept({ name: 'Ada' })));
  });

  test.each([
    ['a text', 'Ada', 'params/inputResponses'],
    ['a list', [], 'params/inputResponses'],
    ['null', null, 'params/inputResponses'],
    ['a text as an answer', { user_name: 'Ada' }, 'params/inputResponses/user_name'],
  ] as const)('gets -32602 for inputResponses that are malformed: %s', async (_, malformed, where) => {
    const { deps, http } = await serve();
    deps.publish('greet', greet);
    const { requestState } = asked(await http.request('tools/call', { name: 'greet' }, { capabilities: FORMS }));
    const { error } = await http.request(
      'tools/call',
      { name: 'greet', requestState, inputResponses: malformed as unknown as JsonObject },
      { capabilities: FORMS },
    );
    expect(error).toMatchObject({ code: -32602, message: `${where}: an object is expected` });
  });

  test('M1: a round that is sent again changes nothing and gives the same result', async () => {
    const { deps, http } = await serve();
    deps.publish('greet', greet);
    const { requestState } = asked(await http.request('tools/call', { name: 'greet' }, { capabilities: FORMS }));
    const call = (name: string): Promise<Reply> =>
      http.request(
        'tools/call',
        { name: 'greet', requestState, inputResponses: { user_name: accept({ name }) } },
        { capabilities: FORMS },
      );
    expect((await call('first')).result).toMatchObject(say(accept({ name: 'first' })));
    expect((await call('second')).result).toMatchObject(say(accept({ name: 'first' })));
  });

  test('M1: an old round does not answer the next question of the same step', async () => {
    const { deps, http } = await serve();
    deps.publish('loop', async ({ ask }) => say([await ask(form('Again?'), 'q'), await ask(form('Again?'), 'q')]));
    const { requestState } = asked(await http.request('tools/call', { name: 'loop' }, { capabilities: FORMS }));
    const round = { name: 'loop', requestState, inputResponses: { q: accept({ name: 'once' }) } };
    asked(await http.request('tools/call', round, { capabilities: FORMS }));
    asked(await http.request('tools/call', round, { capabilities: FORMS }));
    const [task] = (await deps.tasks.list({ principal: 'local' })).tasks;
    expect(task?.status).toBe('input_required');
  });

  test('can be answered from elsewhere: the retried call then has nothing left to ask', async () => {
    const { deps, http } = await serve();
    deps.publish('greet', greet);
    const { requestState } = asked(await http.request('tools/call', { name: 'greet' }, { capabilities: FORMS }));
    const [task] = (await deps.tasks.list({ principal: 'local' })).tasks;
    await deps.tasks.respond(task?.taskId ?? '', 'local', task?.inputs[0]?.key ?? '', accept({ name: 'Eve' }));
    const { result } = await http.request('tools/call', { name: 'greet', requestState }, { capabilities: FORMS });
    expect(result).toMatchObject(say(accept({ name: 'Eve' })));
  });

  test('whose host declines faster than anybody can read has not been answered', async () => {
    const { deps, http } = await serve({ settings: { ...DEFAULT_PROTOCOL_SETTINGS, instantDeclineMs: 60_000 } });
    deps.publish('greet', greet);
    const { requestState } = asked(await http.request('tools/call', { name: 'greet' }, { capabilities: FORMS }));
    const inputResponses = { user_name: { action: 'decline' } };
    const { result } = await http.request(
      'tools/call',
      { name: 'greet', requestState, inputResponses },
      { capabilities: FORMS },
    );
    expect(result).toMatchObject({ resultType: 'complete', structuredContent: { task: { status: 'input_required' } } });
  });
});

describe('a requestState that must be refused: -32602, and nothing is answered', () => {
  const inputResponses = { user_name: accept({ name: 'Mallory' }) };

  async function prepared(): Promise<{
    deps: Deps;
    http: ModernHttp;
    requestState: string;
    later: (ms: number) => void;
  }> {
    let shift = 0;
    const clock = { ...systemClock, now: () => systemClock.now() + shift };
    const { deps, http } = await serve({ clock });
    deps.publish('greet', greet);
    deps.publish('other', greet);
    const first = await http.request(
      'tools/call',
      { name: 'greet', arguments: { n: 1 } },
      { capabilities: FORMS, principal: 'ann' },
    );
    return { deps, http, requestState: asked(first).requestState, later: (ms) => (shift += ms) };
  }

  async function refused(deps: Deps, reply: Promise<Reply>): Promise<void> {
    expect((await reply).error).toMatchObject({ code: -32602, message: 'Invalid or expired requestState' });
    const [task] = (await deps.tasks.list({ principal: 'ann' })).tasks;
    expect(task?.status).toBe('input_required');
  }

  test('tampered with', async () => {
    const { deps, http, requestState } = await prepared();
    const call = { name: 'greet', arguments: { n: 1 }, requestState: `${requestState}-TAMPERED`, inputResponses };
    await refused(deps, http.request('tools/call', call, { capabilities: FORMS, principal: 'ann' }));
  });

  test('of another principal', async () => {
    const { deps, http, requestState } = await prepared();
    const call = { name: 'greet', arguments: { n: 1 }, requestState, inputResponses };
    await refused(deps, http.request('tools/call', call, { capabilities: FORMS, principal: 'bob' }));
  });

  test('for another tool', async () => {
    const { deps, http, requestState } = await prepared();
    const call = { name: 'other', arguments: { n: 1 }, requestState, inputResponses };
    await refused(deps, http.request('tools/call', call, { capabilities: FORMS, principal: 'ann' }));
  });

  test('for other arguments', async () => {
    const { deps, http, requestState } = await prepared();
    const call = { name: 'greet', arguments: { n: 2 }, requestState, inputResponses };
    await refused(deps, http.request('tools/call', call, { capabilities: FORMS, principal: 'ann' }));
  });

  test('expired', async () => {
    const { deps, http, requestState, later } = await prepared();
    later(STATE_TTL_MS);
    const call = { name: 'greet', arguments: { n: 1 }, requestState, inputResponses };
    await refused(deps, http.request('tools/call', call, { capabilities: FORMS, principal: 'ann' }));
  });
});

test('a handle of one server is taken up by another with the same key', async () => {
  const requestStateKey = new Uint8Array(32).fill(3);
  const { deps, http } = await serve({ requestStateKey });
  deps.publish('greet', greet);
  const { requestState } = asked(await http.request('tools/call', { name: 'greet' }, { capabilities: FORMS }));
  const other = await serveModern(deps);
  open.push(other);
  const inputResponses = { user_name: accept({ name: 'Ada' }) };
  const { result } = await other.request(
    'tools/call',
    { name: 'greet', requestState, inputResponses },
    { capabilities: FORMS },
  );
  expect(result).toMatchObject(say(accept({ name: 'Ada' })));
});

describe('questions before and inside a task', () => {
  const step = (id: string, more: Partial<Step> = {}): Step => ({ id, type: 'elicit', message: 'Name?', ...more });

  test('a required workflow asks its leading questions in the call, and then gives its handle', async () => {
    const { deps, http } = await serve();
    deps.publish('job', greet, { task: 'required', steps: [step('user_name'), step('work', { type: 'tool' })] });
    const first = await http.request('tools/call', { name: 'job' }, { capabilities: TASKS_CLIENT });
    expect(first.result).not.toHaveProperty('taskId');
    const { requestState } = asked(first);
    const inputResponses = { user_name: accept({ name: 'Alice' }) };
    const second = await http.request(
      'tools/call',
      { name: 'job', requestState, inputResponses },
      { capabilities: TASKS_CLIENT },
    );
    expect(second.result).toMatchObject({ resultType: 'task', status: 'working' });
    const done = await waitUntil('the task ends', async () => {
      const taskId = taskIdOf(second);
      const { result } = await http.request('tasks/get', { taskId }, { capabilities: TASKS_CLIENT });
      return result?.['status'] === 'completed' ? result : undefined;
    });
    expect(JSON.stringify(done)).toContain('Alice');
  });

  test.each([
    ['that it may skip', [step('user_name', { when: '{{input.ask}}' })]],
    ['that is not its first step', [step('prepare', { type: 'tool' }), step('user_name')]],
  ])('a question %s is asked inside the task', async (_name, steps) => {
    const { deps, http } = await serve();
    deps.publish('job', greet, { task: 'required', steps });
    const { result } = await http.request('tools/call', { name: 'job' }, { capabilities: TASKS_CLIENT });
    expect(result).toMatchObject({ resultType: 'task' });
  });

  test('an optional workflow asks inside its task, and is answered by tasks/update, in parts', async () => {
    const { deps, http } = await serve();
    deps.publish('ask', async ({ ask }) => say(await Promise.all([ask(form('A?'), 'a'), ask(form('B?'), 'b')])), {
      steps: [step('a'), step('b')],
    });
    const created = await http.request('tools/call', { name: 'ask' }, { capabilities: TASKS_CLIENT });
    expect(created.result).toMatchObject({ resultType: 'task' });
    const taskId = taskIdOf(created);
    const get = async (): Promise<JsonObject> =>
      (await http.request('tasks/get', { taskId }, { capabilities: TASKS_CLIENT })).result ?? {};
    const update = (inputResponses: JsonObject): Promise<Reply> =>
      http.request('tasks/update', { taskId, inputResponses }, { capabilities: TASKS_CLIENT });
    const before = await get();
    expect(before['status']).toBe('input_required');
    const [a, b] = Object.keys(before['inputRequests'] as JsonObject);
    const ack = await update({ [String(a)]: accept({ name: 'x' }), unknown: accept({ name: 'y' }) });
    expect(Object.keys(ack.result ?? {}).sort()).toEqual(['_meta', 'resultType']);
    expect(ack.result?.['resultType']).toBe('complete');
    expect(Object.keys((await get())['inputRequests'] as JsonObject)).toEqual([b]);
    const wrong = await update({ [String(b)]: { garbage: true } });
    expect(wrong.error?.code).toBe(-32602);
    const shapeless = await update({ [String(b)]: 'yes' });
    expect(shapeless.error).toMatchObject({ code: -32602, message: expect.stringContaining(String(b)) });
    await update({ [String(b)]: accept({ name: 'z' }) });
    await update({ [String(b)]: accept({ name: 'too late' }) });
    const done = await waitUntil('the task ends', async () => {
      const now = await get();
      return now['status'] === 'completed' ? now : undefined;
    });
    expect(JSON.stringify(done)).toContain('z');
    expect(JSON.stringify(done)).not.toContain('too late');
  });
});

describe('tasks/get, tasks/update and tasks/cancel', () => {
  test.each(['tasks/get', 'tasks/update', 'tasks/cancel'])(
    '%s without the extension is -32021 with HTTP 400',
    async (method) => {
      const { http } = await serve();
      const reply = await http.request(method, { taskId: 'x', inputResponses: {} }, { capabilities: FORMS });
      expect([reply.status, reply.error?.code]).toEqual([400, -32021]);
    },
  );

  test.each(['tasks/get', 'tasks/update', 'tasks/cancel'])(
    '%s: an unknown and a foreign task are the same -32602',
    async (method) => {
      const { deps, http } = await serve();
      deps.publish('greet', greet);
      const view = await deps.tasks.create({ workflow: 'greet', arguments: {}, principal: 'ann' });
      const errors = await Promise.all(
        [view.taskId, 'none'].map((taskId) =>
          http.request(method, { taskId, inputResponses: {} }, { capabilities: TASKS_CLIENT, principal: 'bob' }),
        ),
      );
      expect(errors.map((reply) => reply.error)).toEqual([
        { code: -32602, message: 'Task not found' },
        { code: -32602, message: 'Task not found' },
      ]);
    },
  );

  test('tasks/cancel is an empty acknowledgement, also for a task that has ended', async () => {
    const { deps, http } = await serve();
    deps.publish('greet', greet);
    const { taskId } = await deps.tasks.create({ workflow: 'greet', arguments: {}, principal: 'local' });
    for (let time = 0; time < 2; time += 1) {
      const { result } = await http.request('tasks/cancel', { taskId }, { capabilities: TASKS_CLIENT });
      expect(Object.keys(result ?? {}).sort()).toEqual(['_meta', 'resultType']);
    }
    const { result } = await http.request('tasks/get', { taskId }, { capabilities: TASKS_CLIENT });
    expect(result).toMatchObject({ resultType: 'complete', status: 'cancelled' });
  });

  test('tasks/update without inputResponses is -32602', async () => {
    const { deps, http } = await serve();
    deps.publish('greet', greet);
    const { taskId } = await deps.tasks.create({ workflow: 'greet', arguments: {}, principal: 'local' });
    const { error } = await http.request('tasks/update', { taskId }, { capabilities: TASKS_CLIENT });
    expect(error).toMatchObject({ code: -32602, message: 'params/inputResponses: an object is expected' });
  });
});
