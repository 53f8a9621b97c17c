import { describe, expect, it } from 'vitest';
import { explain } from '../../../src/cli/tasks-get.ts';
import type { JournalEntry, StoredEntry } from '../../../src/engine/journal.ts';
import { stepTable } from '../../../src/tasks/step-table.ts';
import type { TaskView } from '../../../src/tasks/task.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';

const LONG = `it said ${'no '.repeat(60)}and that was that`;

const view: TaskView = {
  taskId: 'task-1',
  workflow: 'w',
  digest: 'd'.repeat(64),
  principal: 'local',
  status: 'failed',
  statusMessage: 'failed (timeout): the workflow did not end within 1.0 s',
  createdAt: 1000,
  lastUpdatedAt: 9000,
  endedAt: 9000,
  ttl: null,
  pollInterval: 1000,
  rev: 3,
  percent: 0,
  phases: [],
  inputs: [],
  warnings: [],
};

function journalOf(...entries: readonly JournalEntry[]): readonly StoredEntry[] {
  return entries.map((entry, index) => ({ ...entry, seq: index + 1, at: 1000 * (index + 1) }));
}

function told(entries: readonly JournalEntry[], more: Partial<TaskView> = {}, isTerminal = true, isRun = true): string {
  const journal = journalOf(...entries);
  const steps = stepTable(journal, true);
  const terminal = new FakeTerminal(isTerminal);
  return explain(
    { view: { ...view, ...more }, outcome: undefined, steps, cleanUp: undefined, isRun },
    journal,
    60_000,
    terminal,
  );
}

const failed = (
  path: string,
  message: string,
  kind = 'tool',
  more: object = {},
): Extract<JournalEntry, { type: 'finished' }> => ({
  type: 'finished',
  path,
  step: path,
  kind,
  startedAt: 1000,
  result: { status: 'failed', output: null, attempts: 1, error: { code: 'tool_error', message }, ...more },
});

describe('tasks get', () => {
  it.each([true, false])('shows every error whole, however narrow the screen is (terminal: %s)', (isTerminal) => {
    const text = told([failed('a', LONG), failed('b', 'short')], {}, isTerminal);
    expect(text).toContain(`      tool_error: ${LONG}`);
    expect(text).toMatch(/✖ b {2}tool_error: short/u);
  });

  it('says the state once, and lets no step of a task that has ended go on in time', () => {
    const started: JournalEntry = { type: 'started', path: 'a', step: 'a', attempt: 1 };
    const text = told([started, { type: 'settled', status: 'failed' }]);
    expect(text).toContain('state     failed (timeout): the workflow');
    expect(text).toMatch(/✖ a .* 1\.0 s/u);
    expect(text).toContain('interrupted: the task ended before the step did; whether its call took effect is unknown');
    expect(text).toContain('run the rest again: mcp-workflow tasks resume task-1');
  });

  it('tells when it was resumed, and counts no attempt that this took back', () => {
    const attempt: JournalEntry = {
      type: 'attempt_failed',
      path: 'a',
      step: 'a',
      attempt: 1,
      failure: { code: 'tool_error', message: 'before' },
    };
    const text = told([attempt, failed('a', 'no'), { type: 'resumed', dropped: ['a'] }, failed('a', 'again')]);
    expect(text).toMatch(/resumed {3}19(?:69|70)-\d\d-\d\d \d\d:\d\d:03, from the failed step/u);
    expect(text).not.toContain('before');
    expect(told([failed('a', 'no'), { type: 'resumed', from: 'a', dropped: ['a'] }])).toContain('from step a');
  });

  it('names the task of a child that failed, and offers no resume where finished steps were undone', () => {
    const text = told([
      failed('kid', 'the child failed', 'workflow', { view: { task_id: 'child-1' } }),
      { ...failed('cleanup/undo', ''), result: { status: 'completed', output: null, attempts: 1 } },
    ]);
    expect(text).toContain('      its task: mcp-workflow tasks get child-1');
    expect(text).not.toContain('tasks resume');
    expect(text).toContain('it cannot be resumed');
  });

  it('says of an open task that no living process has it', () => {
    const open = { status: 'working', statusMessage: 'step 1 of 2: a' } as const;
    expect(told([], open, true, false)).toContain('nobody runs it now: the next server goes on with it');
    expect(told([], open)).not.toContain('nobody runs');
  });

  it('names the step that asks, not the note under which it does', () => {
    const request = { method: 'elicitation/create', params: { message: 'What now?' } };
    const input = { key: 'in-1', path: 'c!interrupted-4', request, requestedAt: 1000 };
    expect(told([], { inputs: [input] })).toContain('in-1, asked by step c: What now?');
  });
});
