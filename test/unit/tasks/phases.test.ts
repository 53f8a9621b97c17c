import { expect, test } from 'vitest';
import type { Phase } from '../../../src/engine/ports.ts';
import type { TaskRecord } from '../../../src/tasks/record.ts';
import { transition } from '../../../src/tasks/transition.ts';
import { OPEN_RECORD } from '../../support/open-record.ts';

const phases: readonly Phase[] = [
  { name: 'one', status: 'completed', startedAt: 1, endedAt: 2 },
  { name: 'two', status: 'working', startedAt: 2 },
  { name: 'three', status: 'pending' },
];

const open: TaskRecord = { ...OPEN_RECORD, message: 'step 2 of 3: two', percent: 33, phases };

test.each([
  ['failed', { type: 'settled', status: 'failed', warnings: [] }, ['completed', 'failed', 'skipped']],
  ['completed', { type: 'settled', status: 'completed', warnings: [] }, ['completed', 'completed', 'skipped']],
  ['cancelled', { type: 'cancelled', reason: 'enough' }, ['completed', 'skipped', 'skipped']],
] as const)('no phase of a task that %s is still under way or pending', (_name, event, expected) => {
  const ended = transition(open, event, 10);
  expect(ended.phases.map(({ status }) => status)).toEqual(expected);
  expect(ended.phases[1]?.endedAt).toBe(10);
});
