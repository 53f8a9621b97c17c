import { describe, expect, it, test } from 'vitest';
import type { JournalEntry, StoredEntry } from '../../../src/engine/journal.ts';
import { stepTable } from '../../../src/tasks/step-table.ts';

const started: StoredEntry = { seq: 1, at: 1_000, type: 'started', path: 'call', step: 'call', attempt: 1 };

describe('the step table of a task that goes on', () => {
  test('a wait step shows as waiting from its timer on (D2)', () => {
    const timer: StoredEntry = { seq: 1, at: 1_000, type: 'timer', path: 'pause!wait', wakeAt: 9_000 };
    expect(stepTable([timer], false)).toEqual([{ path: 'pause', status: 'waiting', attempts: 1, startedAt: 1_000 }]);
  });

  test('the deadline of a block makes no row of its own', () => {
    const timer: StoredEntry = { seq: 1, at: 1_000, type: 'timer', path: 'block!timeout', wakeAt: 9_000 };
    expect(stepTable([timer], false)).toEqual([]);
  });

  test('an attempt that failed waits for the next one', () => {
    const failure = { code: 'tool_error', message: 'no' };
    const failed: StoredEntry = {
      seq: 2,
      at: 2_000,
      type: 'attempt_failed',
      path: 'call',
      step: 'call',
      attempt: 1,
      failure,
    };
    expect(stepTable([started, failed], false)).toEqual([
      { path: 'call', status: 'waiting', attempts: 1, startedAt: 1_000, error: failure },
    ]);
  });
});

function journalOf(...entries: readonly JournalEntry[]): readonly StoredEntry[] {
  return entries.map((entry, index) => ({ ...entry, seq: index + 1, at: (index + 1) * 10 }));
}

const begun = (path: string, attempt = 1): JournalEntry => ({ type: 'started', path, step: path, attempt });
const failed = (path: string, attempts = 1): Extract<JournalEntry, { type: 'finished' }> => ({
  type: 'finished',
  path,
  step: path,
  kind: 'tool',
  startedAt: 0,
  result: { status: 'failed', output: null, attempts },
});
const retried = (path: string, attempt: number): JournalEntry => ({
  type: 'attempt_failed',
  path,
  step: path,
  attempt,
  failure: { code: 'tool_error', message: 'no' },
});

describe('the step table', () => {
  it('explains a call that was stopped because a sibling failed, as soon as the block has ended', () => {
    const entries = [begun('both/pay'), failed('both/bad')];
    expect(stepTable(journalOf(...entries), false)).toMatchObject([{ path: 'both/pay', status: 'working' }, {}]);
    expect(stepTable(journalOf(...entries, failed('both')), false)[0]).toMatchObject({
      path: 'both/pay',
      status: 'failed',
      endedAt: 30,
      error: { code: 'interrupted', message: expect.stringMatching(/stopped.*'both'.*took effect is unknown/) },
    });
  });

  it('ends what ran in an attempt of a block with that attempt, and leaves the next attempt and the neighbours alone', () => {
    const rows = stepTable(
      journalOf(
        begun('p/x'),
        begun('pq/x'),
        begun('p[0]/y'),
        retried('p', 1),
        begun('p#2/x'),
        retried('p', 2),
        begun('p#3/x'),
      ),
      false,
    );
    expect(rows.map(({ path, status }) => `${path} ${status}`)).toEqual([
      'p/x failed',
      'pq/x working',
      'p[0]/y failed',
      'p waiting',
      'p#2/x failed',
      'p#3/x working',
    ]);
  });

  it('of a task that has ended says what is unknown, and lets its clean-up work on', () => {
    const journal = journalOf(begun('pay'), { type: 'timer', path: 'pause', wakeAt: 1 }, begun('cleanup/undo'));
    expect(stepTable(journal, true, true)).toMatchObject([
      {
        status: 'failed',
        error: { message: 'the task ended before the step did; whether its call took effect is unknown' },
      },
      { status: 'failed', error: { message: 'the task ended before the step did' } },
      { path: 'cleanup/undo', status: 'working' },
    ]);
    expect(stepTable(journal, true)[2]).toMatchObject({ path: 'cleanup/undo', status: 'failed' });
  });

  it('of a task that has ended counts no time after its end, and a step that went on after a crash from its first process', () => {
    const again: JournalEntry = { ...failed('pay'), startedAt: 25 };
    const end: JournalEntry = { type: 'settled', status: 'failed' };
    expect(stepTable(journalOf(begun('pay'), begun('other'), begun('pay'), again, end), true)).toMatchObject([
      { path: 'pay', startedAt: 10, endedAt: 40 },
      { path: 'other', startedAt: 20, endedAt: 50, status: 'failed' },
    ]);
  });

  it('shows a step that waits because its child asks something', () => {
    const request = { method: 'elicitation/create', params: {} };
    const journal = journalOf({ type: 'input_requested', path: 'both/sub!name', key: 'in-1', request });
    expect(stepTable(journal, false)).toEqual([{ path: 'both/sub', status: 'waiting', attempts: 1, startedAt: 10 }]);
  });

  it('shows a question of a later attempt on the row of its step', () => {
    const request = { method: 'elicitation/create', params: {} };
    const journal = journalOf(retried('ask', 1), { type: 'input_requested', path: 'ask#2', key: 'in-2', request });
    expect(stepTable(journal, false)).toMatchObject([{ path: 'ask', status: 'waiting' }]);
  });

  it('shows the step whose child asks somebody, from the question on', () => {
    const request = { method: 'elicitation/create', params: {} };
    const journal = journalOf({ type: 'input_requested', path: 'kid!ask', key: 'in-1', request });
    const row = { path: 'kid', attempts: 1, startedAt: 10 };
    expect(stepTable(journal, false)).toEqual([{ ...row, status: 'waiting' }]);
    const after: JournalEntry = { ...failed('kid'), kind: 'workflow', startedAt: 500 };
    expect(stepTable([...journal, { ...after, seq: 2, at: 600 }], false)).toMatchObject([{ ...row, endedAt: 600 }]);
  });
});
