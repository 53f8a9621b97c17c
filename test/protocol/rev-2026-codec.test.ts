import {
  CallToolResultV2Schema,
  CreateTaskResultV2Schema,
  GetTaskResultV2Schema,
  TaskStatusNotificationParamsV2Schema,
} from '@modelcontextprotocol/ext-tasks/core/v2';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/core/outcome.ts';
import {
  abilitiesOf,
  ALL_ABILITIES,
  canMeet,
  codec2026,
  declaresTasks,
  getTaskResult,
  requiredCapabilities,
} from '../../src/protocol/rev-2026-07-28/codec.ts';
import type { PendingInput, TaskView } from '../../src/tasks/task.ts';
import { taskView } from '../support/task-view.ts';

const question: PendingInput = {
  key: 'in-1',
  path: 'ask',
  request: {
    method: 'elicitation/create',
    params: { mode: 'form', message: 'Go on?', requestedSchema: { type: 'object', properties: {} } },
  },
  requestedAt: 0,
};
const turn: PendingInput = {
  key: 'in-2',
  path: 'write',
  request: {
    method: 'sampling/createMessage',
    params: { messages: [{ role: 'user', content: { type: 'text', text: 'Write.' } }], maxTokens: 10 },
  },
  requestedAt: 0,
};
const ended = { endedAt: Date.UTC(2026, 6, 28, 11) };
const good: Outcome = {
  kind: 'result',
  result: { content: [{ type: 'text', text: 'done' }], structuredContent: { n: 1 } },
  output: { n: 1 },
};
const bad: Outcome = {
  kind: 'result',
  result: { content: [{ type: 'text', text: "step 'x' failed (timeout): too slow" }], isError: true },
  output: null,
  failure: { code: 'timeout', message: 'too slow', step: 'x' },
};
const rpcError: Outcome = {
  kind: 'error',
  code: -32050,
  message: 'kaput',
  data: { why: 'test' },
  failure: { code: '-32050', message: 'kaput' },
};
const cancelled: Outcome = { kind: 'cancelled', reason: 'asked to' };

/** The status table of the design, row by row: what the record holds, and what goes out. */
const table: readonly {
  readonly record: string;
  readonly view: TaskView;
  readonly outcome: Outcome | undefined;
  readonly status: string;
  readonly carries: readonly string[];
}[] = [
  { record: 'working', view: taskView(), outcome: undefined, status: 'working', carries: [] },
  {
    record: 'input pending',
    view: taskView({ status: 'input_required', inputs: [question] }),
    outcome: undefined,
    status: 'input_required',
    carries: ['inputRequests'],
  },
  {
    record: 'tool result',
    view: taskView({ status: 'completed', ...ended }),
    outcome: good,
    status: 'completed',
    carries: ['result'],
  },
  {
    record: 'tool result with isError',
    view: taskView({ status: 'failed', ...ended }),
    outcome: bad,
    status: 'completed',
    carries: ['result'],
  },
  {
    record: 'JSON-RPC error',
    view: taskView({ status: 'failed', ...ended }),
    outcome: rpcError,
    status: 'failed',
    carries: ['error'],
  },
  {
    record: 'cancelled',
    view: taskView({ status: 'cancelled', ...ended }),
    outcome: cancelled,
    status: 'cancelled',
    carries: [],
  },
];
const payloadFields = ['inputRequests', 'result', 'error'];

describe('status table of 2026-07-28', () => {
  test.each(table)('$record is $status and carries exactly [$carries]', ({ view, outcome, status, carries }) => {
    const task = codec2026.task(view, outcome);
    expect(task['status']).toBe(status);
    expect(codec2026.status(view, outcome)).toBe(status);
    expect(payloadFields.filter((field) => field in task)).toEqual(carries);
  });

  test.each(table)('$record fits the schemas of the extension', ({ view, outcome }) => {
    expect(GetTaskResultV2Schema.safeParse(getTaskResult(view, outcome, ALL_ABILITIES)).error).toBeUndefined();
    expect(TaskStatusNotificationParamsV2Schema.safeParse(codec2026.task(view, outcome)).error).toBeUndefined();
    expect(CreateTaskResultV2Schema.safeParse(codec2026.created(view)).error).toBeUndefined();
  });

  test.each(table)(
    'W1: resultType of $record is "task" on creation and "complete" on tasks/get',
    ({ view, outcome }) => {
      expect(codec2026.created(view)['resultType']).toBe('task');
      expect(getTaskResult(view, outcome, ALL_ABILITIES)['resultType']).toBe('complete');
      expect(codec2026.task(view, outcome)).not.toHaveProperty('resultType');
    },
  );

  test.each(table)('W3: notification and tasks/get of $record differ in resultType alone', ({ view, outcome }) => {
    const { resultType, ...rest } = getTaskResult(view, outcome, ALL_ABILITIES);
    expect(resultType).toBe('complete');
    expect(codec2026.task(view, outcome)).toEqual(rest);
  });
});

test('a created task is flat: its fields, our progress, and nothing else', () => {
  expect(codec2026.created(taskView())).toEqual({
    resultType: 'task',
    taskId: 'task-1',
    status: 'working',
    statusMessage: 'step 1 of 2: collect',
    createdAt: '2026-07-28T10:00:00.000Z',
    lastUpdatedAt: '2026-07-28T10:00:05.000Z',
    ttlMs: 3_600_000,
    pollIntervalMs: 1_000,
    _meta: {
      'dev.mcp-workflow/progress': {
        percent: 50,
        phases: [
          {
            name: 'collect',
            status: 'completed',
            startedAt: '1970-01-01T00:00:01.000Z',
            endedAt: '1970-01-01T00:00:02.000Z',
          },
          { name: 'write', status: 'working', startedAt: '1970-01-01T00:00:02.000Z' },
        ],
      },
    },
  });
});

test('a task that is kept for ever has ttlMs null, and an empty status message is left out', () => {
  const task = codec2026.created(taskView({ ttl: null, statusMessage: '' }));
  expect(task['ttlMs']).toBeNull();
  expect(task).not.toHaveProperty('statusMessage');
});

test('an inlined result is what the plain call would have answered', () => {
  const view = taskView({ status: 'failed', ...ended });
  for (const outcome of [good, bad]) {
    const plain = codec2026.toolResult(outcome);
    expect(codec2026.task(view, outcome)['result']).toEqual(plain);
    expect(CallToolResultV2Schema.safeParse(plain).error).toBeUndefined();
  }
});

test('a JSON-RPC outcome is that error, number, text and data, in a task and in a plain call', () => {
  const expected = { code: -32050, message: 'kaput', data: { why: 'test' } };
  expect(codec2026.task(taskView({ status: 'failed', ...ended }), rpcError)['error']).toEqual(expected);
  expect(() => codec2026.toolResult(rpcError)).toThrow(expect.objectContaining(expected));
});

test('a plain call whose task was cancelled is answered with an error that says so', () => {
  expect(() => codec2026.toolResult(cancelled)).toThrow(
    expect.objectContaining({ code: -31010, message: 'The task was cancelled: asked to' }),
  );
});

test('a page to visit goes out without the id of the older generation', () => {
  const params = { mode: 'url', message: 'Sign', url: 'https://example.com/sign' };
  const request = { method: 'elicitation/create', params: { ...params, elicitationId: 'e-1' } };
  const view = taskView({ status: 'input_required', inputs: [{ ...question, request }] });
  expect(codec2026.task(view, undefined)['inputRequests']).toEqual({ 'in-1': { ...request, params } });
});

test("the capabilities that requests take are named in the client's own shape", () => {
  const url = { method: 'elicitation/create', params: { mode: 'url' } };
  expect(requiredCapabilities([question.request, turn.request])).toEqual({ elicitation: {}, sampling: {} });
  expect(requiredCapabilities([url])).toEqual({ elicitation: { url: {} } });
  expect(requiredCapabilities([{ ...turn.request, params: { tools: [] } }])).toEqual({ sampling: { tools: {} } });
  expect(requiredCapabilities([{ method: 'roots/list', params: {} }])).toEqual({ roots: {} });
});

describe('client capabilities', () => {
  test.each([
    [{ elicitation: {} }, { elicitForm: true, elicitUrl: false }],
    [{ elicitation: { form: {} } }, { elicitForm: true, elicitUrl: false }],
    [{ elicitation: { url: {} } }, { elicitForm: false, elicitUrl: true }],
    [{ elicitation: { form: {}, url: {} } }, { elicitForm: true, elicitUrl: true }],
    [{ sampling: {} }, { sampling: true, samplingTools: false }],
    [{ sampling: { tools: {} } }, { sampling: true, samplingTools: true }],
    [{ roots: {} }, { roots: true }],
  ])('%j can meet %j and nothing else', (capabilities, abilities) => {
    const none = { elicitForm: false, elicitUrl: false, sampling: false, samplingTools: false, roots: false };
    expect(abilitiesOf(capabilities)).toEqual({ ...none, ...abilities });
  });

  test.each([[undefined], [null], ['x'], [[]], [{}]])('%j can meet nothing and declares no tasks', (capabilities) => {
    expect(Object.values(abilitiesOf(capabilities))).not.toContain(true);
    expect(declaresTasks(capabilities)).toBe(false);
  });

  test('the extension counts as declared only under its own identifier', () => {
    expect(declaresTasks({ extensions: { 'io.modelcontextprotocol/tasks': {} } })).toBe(true);
    expect(declaresTasks({ extensions: { 'io.modelcontextprotocol/ui': {} } })).toBe(false);
    expect(declaresTasks({ tasks: {} })).toBe(false);
  });

  test('W4: requests that the client did not declare are left out of the task', () => {
    const view = taskView({ status: 'input_required', inputs: [question, turn] });
    const keys = (capabilities: unknown): readonly string[] =>
      Object.keys(getTaskResult(view, undefined, abilitiesOf(capabilities))['inputRequests'] ?? {});
    expect(keys({ elicitation: {}, sampling: {} })).toEqual(['in-1', 'in-2']);
    expect(keys({ sampling: {} })).toEqual(['in-2']);
    expect(keys({})).toEqual([]);
  });

  test('a model turn with tools needs sampling.tools, an address to open needs elicitation.url, an unknown method is never sent', () => {
    const withTools = { method: 'sampling/createMessage', params: { ...turn.request.params, tools: [] } };
    expect(canMeet(withTools, abilitiesOf({ sampling: {} }))).toBe(false);
    expect(canMeet(withTools, abilitiesOf({ sampling: { tools: {} } }))).toBe(true);
    const url = { method: 'elicitation/create', params: { mode: 'url', message: 'Sign', url: 'https://example.com' } };
    expect(canMeet(url, abilitiesOf({ elicitation: {} }))).toBe(false);
    expect(canMeet(url, abilitiesOf({ elicitation: { url: {} } }))).toBe(true);
    expect(canMeet({ method: 'ping', params: {} }, ALL_ABILITIES)).toBe(false);
  });
});
