import { describe, expect, test } from 'vitest';
import { exitCodeOf, runReport, taskReport } from '../../../src/cli/report.ts';
import { resultDocument } from '../../../src/cli/tasks-result.ts';
import type { Outcome } from '../../../src/core/outcome.ts';
import { taskView } from '../../support/task-view.ts';

const createdAt = Date.UTC(2026, 6, 28, 10);
const result = { content: [{ type: 'text', text: '{"a":1}' }], structuredContent: { a: 1 } };

describe('run --json', () => {
  test('a completed task, to the letter of the contract', () => {
    const outcome: Outcome = { kind: 'result', result, output: { a: 1 } };
    const view = taskView({ status: 'completed', endedAt: createdAt + 2000 });
    const steps = [
      {
        path: 'each[0]/get',
        status: 'completed' as const,
        attempts: 2,
        startedAt: createdAt,
        endedAt: createdAt + 1500,
      },
      { path: 'skip', status: 'skipped' as const, attempts: 0 },
    ];
    expect(runReport(view, outcome, steps)).toStrictEqual({
      taskId: 'task-1',
      status: 'completed',
      output: { a: 1 },
      steps: [
        {
          path: 'each[0]/get',
          status: 'completed',
          attempts: 2,
          startedAt: '2026-07-28T10:00:00.000Z',
          endedAt: '2026-07-28T10:00:01.500Z',
        },
        { path: 'skip', status: 'skipped', attempts: 0, startedAt: null, endedAt: null },
      ],
    });
  });

  test('a failed task names code, message and step; warnings are there when there are any', () => {
    const failure = { code: 'timeout', message: 'took too long', step: 'get', data: { secret: 1 } };
    const outcome: Outcome = { kind: 'result', result: { ...result, isError: true }, output: null, failure };
    const view = taskView({ status: 'failed', endedAt: createdAt + 1, failure, warnings: ['w'] });
    const steps = [{ path: 'get', status: 'failed' as const, attempts: 3, error: failure }];
    const report = runReport(view, outcome, steps);
    expect(report.error).toStrictEqual({ code: 'timeout', message: 'took too long', step: 'get' });
    expect(report.warnings).toEqual(['w']);
    expect(report.steps[0]?.error).toStrictEqual({ code: 'timeout', message: 'took too long', step: 'get' });
  });

  test('a cancelled task says who or what did it', () => {
    const view = taskView({ status: 'cancelled', endedAt: createdAt + 1 });
    expect(runReport(view, { kind: 'cancelled', reason: 'enough' }, []).error).toEqual({
      code: 'cancelled',
      message: 'enough',
    });
  });

  test('a task that has not ended has the output null', () => {
    expect(runReport(taskView(), undefined, []).output).toBeNull();
  });
});

test('tasks get --json has percent, phases and open questions beside it', () => {
  const request = { method: 'elicitation/create', params: { message: 'ok?' } };
  const view = taskView({
    status: 'input_required',
    inputs: [{ key: 'in-1', path: 'ask', request, requestedAt: createdAt }],
  });
  expect(taskReport(view, undefined, [])).toMatchObject({
    taskId: 'task-1',
    status: 'input_required',
    percent: 50,
    phases: [
      {
        name: 'collect',
        status: 'completed',
        startedAt: '1970-01-01T00:00:01.000Z',
        endedAt: '1970-01-01T00:00:02.000Z',
      },
      { name: 'write', status: 'working', endedAt: null },
    ],
    inputs: [{ key: 'in-1', path: 'ask', request }],
  });
});

test('tasks result --json is the tool result itself, or {error} where there is none', () => {
  expect(resultDocument({ kind: 'result', result, output: { a: 1 } })).toBe(result);
  expect(
    resultDocument({ kind: 'error', code: -32_050, message: 'm', failure: { code: '-32050', message: 'm' } }),
  ).toEqual({
    error: { code: -32_050, message: 'm' },
  });
});

test.each([
  ['completed', 0],
  ['failed', 1],
  ['cancelled', 1],
  ['input_required', 3],
] as const)('a task that is %s ends run with %i', (status, code) => {
  expect(exitCodeOf(status)).toBe(code);
});

test('tasks get --json says when a task that only waits goes on by itself (D2)', () => {
  expect(taskReport(taskView(), undefined, [])).not.toHaveProperty('wakeAt');
  expect(taskReport(taskView({ wakeAt: createdAt }), undefined, [])).toMatchObject({
    wakeAt: '2026-07-28T10:00:00.000Z',
  });
});
