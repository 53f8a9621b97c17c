import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stepFailure } from '../../../src/core/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/core/json.ts';
import { structured } from '../../support/engine-world.ts';
import { textAt } from '../../support/api-check.ts';
import { API, check, RestWorld } from '../../support/rest-world.ts';
import { WORKFLOWS } from './world-definitions.ts';

let world: RestWorld;
beforeEach(async () => {
  world = new RestWorld();
  for (const yaml of WORKFLOWS) world.define(yaml);
  await world.start();
});
afterEach(() => world.dispose());

const ALICE = { caller: { principal: 'alice', listsAll: true } };
const STRANGERS = { caller: { principal: 'local', listsAll: false } };

function listOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((each: JsonValue) => isJsonObject(each)) : [];
}

/** The key of the only open question of a task. */
async function keyOf(taskId: string): Promise<string> {
  const events = await world.events(`/tasks/${taskId}/events`, (all) =>
    all.some(({ data }) => isJsonObject(data) && data['status'] === 'input_required'),
  );
  const last = events.at(-1)?.data;
  const questions = isJsonObject(last) && isJsonObject(last['inputRequests']) ? last['inputRequests'] : {};
  return Object.keys(questions)[0] ?? 'none';
}

describe('starting a workflow over REST', () => {
  it('answers 201 with the task and where it is, and the task runs to its end', async () => {
    const { status, headers, object } = await world.post('/workflows/quick/tasks', { input: { n: 3 } });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`${API}/tasks/${textAt(object, 'taskId')}`);
    await world.events(`/tasks/${textAt(object, 'taskId')}/events`);
    const ended = await world.ask(`/tasks/${textAt(object, 'taskId')}`);
    expect(ended.object).toMatchObject({ status: 'completed', output: { n: 3 }, input: { n: 3 } });
  });

  it('gives the same task for the same idempotency key, in the header, in quotes or in the body', async () => {
    const keyed = (key: string): Promise<{ readonly object: JsonObject }> =>
      world.post('/workflows/quick/tasks', { input: { n: 1 } }, { headers: { 'idempotency-key': key } });
    const first = (await keyed('k1')).object['taskId'];
    expect((await keyed('"k1"')).object['taskId']).toBe(first);
    const inBody = await world.post('/workflows/quick/tasks', { input: { n: 1 }, idempotency_key: 'k1' });
    expect(inBody.object['taskId']).toBe(first);
    expect((await keyed('k2')).object['taskId']).not.toBe(first);
  });

  it('refuses an idempotency key with other input, and two keys that differ', async () => {
    await world.post('/workflows/quick/tasks', { input: { n: 1 }, idempotency_key: 'k' });
    const other = await world.post('/workflows/quick/tasks', { input: { n: 2 }, idempotency_key: 'k' });
    expect([other.status, other.object['code']]).toEqual([422, 'idempotency_conflict']);
    const two = await world.post(
      '/workflows/quick/tasks',
      { idempotency_key: 'a' },
      { headers: { 'idempotency-key': 'b' } },
    );
    expect([two.status, two.object['code']]).toEqual([400, 'invalid_request']);
  });

  it('refuses input that does not fit, a workflow that is not there, and a number that JSON cannot keep', async () => {
    const wrong = await world.post('/workflows/quick/tasks', { input: { n: 'x' } });
    expect([wrong.status, wrong.object['code']]).toEqual([422, 'invalid_arguments']);
    const huge = await world.ask('/workflows/quick/tasks', { text: '{"input":{"n":1e309}}' });
    expect([huge.status, huge.object['code']]).toEqual([422, 'invalid_arguments']);
    const unknown = await world.post('/workflows/quik/tasks');
    expect(unknown.object).toMatchObject({ code: 'unknown_workflow', detail: expect.stringContaining("'quick'") });
  });

  it('refuses a body that is not JSON, and one with members that it does not take', async () => {
    const text = await world.ask('/workflows/quick/tasks', { text: '{' });
    expect([text.status, text.object['code']]).toEqual([400, 'invalid_request']);
    const stray = await world.post('/workflows/quick/tasks', { inputs: {} });
    expect(stray.object['detail']).toContain('inputs');
  });

  it('starts nothing that is not published', async () => {
    world.settings = { ...world.settings, expose: { names: ['asks'], tags: [] } };
    await world.start();
    expect((await world.post('/workflows/quick/tasks')).status).toBe(404);
    expect(listOf((await world.ask('/workflows')).object['workflows'])).toMatchObject([{ name: 'asks' }]);
  });
});

describe('tasks over REST', () => {
  it('pages newest first, each task once, and filters by workflow and state', async () => {
    const ids = [await world.run('quick'), await world.run('each', { count: 1 }), await world.run('quick')];
    const seen: unknown[] = [];
    for (let cursor = ''; ;) {
      const { object } = await world.ask(`/tasks?limit=1${cursor}`);
      seen.push(...listOf(object['tasks']).map(({ taskId }) => taskId));
      if (typeof object['nextCursor'] !== 'string') break;
      cursor = `&cursor=${encodeURIComponent(object['nextCursor'])}`;
    }
    expect(seen).toEqual(ids.toReversed());
    const each = await world.ask('/tasks?workflow=each&status=completed');
    expect(listOf(each.object['tasks'])).toHaveLength(1);
    expect(listOf((await world.ask('/tasks?status=failed')).object['tasks'])).toEqual([]);
  });

  it('refuses a cursor that is none, a limit beyond 200 and a filter that there is not', async () => {
    expect((await world.ask('/tasks?cursor=zzz')).object['code']).toBe('invalid_cursor');
    for (const query of ['limit=201', 'limit=x', 'status=done', 'wrokflow=a']) {
      expect((await world.ask(`/tasks?${query}`)).object['code']).toBe('invalid_request');
    }
  });

  it("answers somebody else's task and an unknown one alike, on every route and method", async () => {
    const id = await world.begin('asks');
    const key = await keyOf(id);
    const routes: readonly (readonly [string, JsonObject?])[] = [
      [''],
      ['/result'],
      ['/steps'],
      ['/steps/ask'],
      ['/journal'],
      ['/graph'],
      ['/events'],
      ['/cancel', {}],
      ['/resume', {}],
      [`/answers/${key}`, { action: 'accept', content: { name: 'Eve' } }],
    ];
    for (const [route, body] of routes) {
      const answers = await Promise.all(
        [id, 'no-such-task'].map((each) =>
          world.ask(`/tasks/${each}${route}`, { ...ALICE, ...(body !== undefined && { body }) }),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual([404, 404]);
      expect(answers[0]?.text).toBe(answers[1]?.text);
    }
    expect(listOf((await world.ask('/tasks', ALICE)).object['tasks'])).toEqual([]);
    expect((await world.ask(`/tasks/${id}`)).object['status']).toBe('input_required');
  });

  it('shows no list where callers are not told apart, but a task to whom knows its id', async () => {
    const id = await world.run('quick');
    for (const path of ['/tasks', '/tasks/events', '/servers']) {
      expect((await world.ask(path, STRANGERS)).object['code']).toBe('not_identified');
    }
    for (const what of ['pause', 'resume', 'run-now']) {
      expect((await world.post(`/schedules/hourly/${what}`, undefined, STRANGERS)).status).toBe(403);
    }
    expect((await world.ask(`/tasks/${id}`, STRANGERS)).status).toBe(200);
  });

  it('keeps a large result out of the task and gives it whole as its result', async () => {
    world.settings = { ...world.settings, resultLimitBytes: 1024 };
    world.define(
      "name: big\ninput_schema: { type: object }\noutput: { text: '{{input.text}}' }\nsteps: [{ id: a, type: set, values: { n: 1 } }]\n",
    );
    await world.start();
    const text = 'x'.repeat(5000);
    const id = await world.run('big', { text });
    const { object } = await world.ask(`/tasks/${id}`);
    expect([object['output'], object['outputBytes']]).toEqual([undefined, 5011]);
    expect((await world.ask(`/tasks/${id}/result`)).object).toMatchObject({ status: 'completed', output: { text } });
  });

  it('has no result before the end, and says how a cancelled and a failed task ended', async () => {
    const id = await world.begin('asks');
    await keyOf(id);
    expect((await world.ask(`/tasks/${id}/result`)).object['code']).toBe('not_ended');
    expect((await world.post(`/tasks/${id}/cancel`, { reason: 'enough' })).object['status']).toBe('cancelled');
    expect((await world.ask(`/tasks/${id}/result`)).object['cancelled']).toEqual({ reason: expect.any(String) });
    expect((await world.post(`/tasks/${id}/cancel`)).object['code']).toBe('already_terminal');
  });
});

describe('answers over REST', () => {
  it('takes the first valid answer, tells the second that it is too late, and keeps the question after a wrong one', async () => {
    const id = await world.begin('asks');
    const key = await keyOf(id);
    const wrong = await world.post(`/tasks/${id}/answers/${key}`, { action: 'accept', content: { name: '' } });
    expect([wrong.status, wrong.object['code']]).toEqual([422, 'invalid_input_response']);
    const first = await world.post(`/tasks/${id}/answers/${key}`, { action: 'accept', content: { name: 'Ann' } });
    expect(first.object).toEqual({ taskId: id, key, answer: 'accepted' });
    const second = await world.post(`/tasks/${id}/answers/${key}`, { action: 'accept', content: { name: 'Bob' } });
    expect([second.status, second.object['code']]).toEqual([409, 'question_closed']);
    await world.events(`/tasks/${id}/events`);
    expect((await world.ask(`/tasks/${id}`)).object['output']).toEqual({ name: 'Ann' });
  });
});

describe('steps over REST', () => {
  it('pages a thousand iterations and counts them without sending them', async () => {
    const id = await world.run('each', { count: 1000 });
    const { object } = await world.ask(`/tasks/${id}/steps?limit=10&cursor=990&under=all[`);
    expect(listOf(object['steps'])).toHaveLength(10);
    expect(object).toMatchObject({ total: 1000, counts: { completed: 1000 } });
    expect(object['nextCursor']).toBeUndefined();
    const first = listOf((await world.ask(`/tasks/${id}/steps?limit=1&under=all[`)).object['steps'])[0];
    const path = textAt(first, 'path');
    const step = await world.ask(`/tasks/${id}/steps/${encodeURIComponent(path)}`);
    expect(step.object).toMatchObject({ path, output: { n: 1 } });
    expect((await world.ask(`/tasks/${id}/steps/nowhere`)).object['code']).toBe('unknown_step');
  });

  it('shows the attempts of a step and hides the values of secret inputs everywhere', async () => {
    world.world.downstream.tools['flaky'] = (args) =>
      Promise.reject(stepFailure('tool_error', `refused ${textAt(args, 'pin')}`));
    const id = await world.run('breaks', { pin: 'hunter2' });
    const step = await world.ask(`/tasks/${id}/steps/call`);
    expect(step.object).toMatchObject({ attempts: 2, input: { pin: '***' } });
    expect(listOf(step.object['history'])).toMatchObject([{ attempt: 1 }, { attempt: 2 }]);
    const events = await world.events(`/tasks/${id}/events`);
    const texts = [
      step.text,
      (await world.ask(`/tasks/${id}/steps/before?full=true`)).text,
      (await world.ask(`/tasks/${id}/journal`)).text,
      JSON.stringify(events.filter(({ event }) => event === 'journal')),
      (await world.ask(`/tasks/${id}/steps`)).text,
    ];
    for (const text of texts) expect(text).not.toContain('hunter2');
  });

  it('runs a failed task again from its failed step', async () => {
    world.world.downstream.tools['flaky'] = (_args, _context, count) =>
      count <= 2 ? Promise.reject(stepFailure('tool_error', 'not now')) : structured({ ok: true });
    const id = await world.run('breaks', { pin: '1' });
    expect((await world.ask(`/tasks/${id}`)).object['status']).toBe('failed');
    const { status, object } = await world.post(`/tasks/${id}/resume`);
    expect(status).toBe(200);
    expect(object['task']).toMatchObject({ taskId: id, status: 'working' });
    await world.events(`/tasks/${id}/events`);
    expect((await world.ask(`/tasks/${id}`)).object['status']).toBe('completed');
    expect((await world.post(`/tasks/${id}/resume`)).object['code']).toBe('not_resumable');
  });
});

describe('workflows, schedules and servers over REST', () => {
  it('shows a workflow with its definition, what is wrong with its file, and its picture', async () => {
    world.issues = [
      { severity: 'warning', file: 'test.yaml', line: 3, column: 1, code: 'odd', message: 'odd', path: '/steps' },
      { severity: 'error', file: 'other.yaml', line: 1, column: 1, code: 'bad', message: 'bad' },
    ];
    const { object } = await world.ask('/workflows/quick');
    expect(object).toMatchObject({
      name: 'quick',
      definition: { name: 'quick' },
      findings: [{ code: 'odd', line: 3 }],
    });
    const picture = await world.ask('/workflows/quick/graph');
    expect(picture.headers.get('content-type')).toBe('image/svg+xml');
    expect(picture.text).toContain('<svg');
    expect((await world.ask('/workflows/none')).status).toBe(404);
    const id = await world.run('quick');
    const coloured = await world.ask(`/tasks/${id}/graph`);
    expect(coloured.text).not.toBe(picture.text);
    world.define(WORKFLOWS[0]?.replace('Answers at once', 'Answers') ?? '');
    expect((await world.ask(`/tasks/${id}/graph`)).object['code']).toBe('not_drawable');
  });

  it('pauses, resumes and runs a schedule, and names its tasks to their owner alone', async () => {
    expect((await world.ask('/schedules/hourly')).object['upcoming']).toHaveLength(10);
    expect((await world.post('/schedules/hourly/pause')).object).toMatchObject({ state: 'paused', next: null });
    expect(listOf((await world.ask('/schedules')).object['schedules'])).toMatchObject([{ state: 'paused' }]);
    expect((await world.post('/schedules/hourly/resume')).object['state']).toBe('active');
    const own = await world.post('/schedules/hourly/run-now');
    expect(own.object).toMatchObject({ workflow: 'hourly', task: { workflow: 'hourly' } });
    const other = await world.post('/schedules/hourly/run-now', undefined, ALICE);
    expect([other.status, other.object]).toEqual([201, { workflow: 'hourly' }]);
    expect((await world.ask('/schedules/quick')).object['code']).toBe('unknown_schedule');
    expect((await world.post('/schedules/none/pause')).object['code']).toBe('unknown_schedule');
  });

  it('shows servers, and explains every problem where its type leads to', async () => {
    world.servers = [
      { server: 's', kind: 'stdio', state: 'ready', tools: 2, starts: 1, active: 0, queued: 0, lastError: 'it died' },
    ];
    expect(listOf((await world.ask('/servers')).object['servers'])).toMatchObject([{ server: 's', tools: 2 }]);
    const { object } = await world.ask('/tasks/none');
    const type = textAt(object, 'type');
    expect((await world.ask(type.slice(API.length))).object).toMatchObject({ code: 'not_found', status: 404 });
    expect((await world.ask('/problems/none')).object['code']).toBe('unknown_route');
  });
});

describe('what is not there', () => {
  it('answers a problem for unknown paths and for methods that a path does not take', async () => {
    const nowhere = await world.raw('/nowhere');
    expect([nowhere.status, nowhere.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
    const other = await world.raw('/tasks', { method: 'DELETE' });
    expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('says nothing of a bug but an id, under which the log has the cause', async () => {
    Object.defineProperty(world, 'servers', {
      get: () => {
        throw new Error('the secret cause');
      },
    });
    const answer = await world.ask('/servers');
    expect([answer.status, answer.object['code']]).toEqual([500, 'internal_error']);
    expect(answer.text).not.toContain('secret cause');
    expect(world.logged).toMatchObject([{ correlationId: answer.object['correlationId'] }]);
  });
});

afterAll(() => {
  // Answers of these two are of the tests of events and of the document.
  const elsewhere = /events 20[04]|openapi\.json/u;
  const missing = check.promised().filter((name) => !check.seen.has(name) && !elsewhere.test(name));
  expect(missing).toEqual([]);
});
