import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/core/outcome.ts';
import { codec2025 } from '../../src/protocol/rev-2025-11-25/codec.ts';
import type { TaskView } from '../../src/tasks/task.ts';

const VIEW: TaskView = {
  taskId: 't-1',
  workflow: 'w',
  digest: 'd',
  principal: 'local',
  status: 'working',
  statusMessage: 'step 1 of 2: a',
  percent: 50,
  phases: [{ name: 'a', status: 'completed', startedAt: 0, endedAt: 1_000 }],
  createdAt: 0,
  lastUpdatedAt: 1_000,
  ttl: null,
  pollInterval: 500,
  inputs: [],
  rev: 3,
  warnings: [],
};

const RESULT: Outcome = { kind: 'result', result: { content: [] }, output: null };

describe('status table of 2025-11-25', () => {
  test.each([
    ['working', 'working'],
    ['input_required', 'input_required'],
    ['completed', 'completed'],
    ['failed', 'failed'],
    ['cancelled', 'cancelled'],
  ] as const)('%s is %s on the wire', (neutral, wire) => {
    expect(codec2025.status({ ...VIEW, status: neutral }, RESULT)).toBe(wire);
  });
});

test('a task has exactly the fields of the page, with times as ISO 8601 and an unlimited ttl as null', () => {
  expect(codec2025.task(VIEW, undefined)).toEqual({
    taskId: 't-1',
    status: 'working',
    statusMessage: 'step 1 of 2: a',
    createdAt: '1970-01-01T00:00:00.000Z',
    lastUpdatedAt: '1970-01-01T00:00:01.000Z',
    ttl: null,
    pollInterval: 500,
  });
});

test('the message of a failed task is its diagnosis', () => {
  const failure = { code: 'timeout', message: 'no answer in 5 s', step: 'fetch' };
  expect(codec2025.task({ ...VIEW, status: 'failed', failure }, undefined)['statusMessage']).toBe(
    "step 'fetch' failed (timeout): no answer in 5 s",
  );
});

test('a created task says working, whatever has happened since, with progress and a sentence for the model', () => {
  const created = codec2025.created({ ...VIEW, status: 'completed', endedAt: 2_000 });
  expect(created['task']).toMatchObject({ status: 'working', taskId: 't-1' });
  expect(created['_meta']).toEqual({
    'dev.mcp-workflow/progress': {
      percent: 50,
      phases: [
        {
          name: 'a',
          status: 'completed',
          startedAt: '1970-01-01T00:00:00.000Z',
          endedAt: '1970-01-01T00:00:01.000Z',
        },
      ],
    },
    'io.modelcontextprotocol/model-immediate-response': expect.stringContaining('t-1') as string,
  });
});

describe('the result of a terminal task', () => {
  test('a tool result is itself', () => {
    const result = { content: [{ type: 'text', text: 'x' }], structuredContent: { a: 1 }, isError: true };
    expect(codec2025.toolResult({ kind: 'result', result, output: null })).toEqual(result);
  });

  test('a JSON-RPC error is thrown with its number, text and data', () => {
    const outcome: Outcome = {
      kind: 'error',
      code: -32050,
      message: 'kaput',
      data: { a: 1 },
      failure: { code: '-32050', message: 'kaput' },
    };
    expect(() => codec2025.toolResult(outcome)).toThrow(
      expect.objectContaining({ code: -32050, message: 'kaput', data: { a: 1 } }) as Error,
    );
  });

  test('a cancelled task is an error of its own', () => {
    expect(() => codec2025.toolResult({ kind: 'cancelled', reason: 'by request' })).toThrow(
      expect.objectContaining({ code: -31010, message: 'Task was cancelled: by request' }) as Error,
    );
  });
});
