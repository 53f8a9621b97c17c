import { describe, expect, test } from 'vitest';
import type { StoredEntry } from '../../../src/engine/journal.ts';
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
