import { expect, test } from 'vitest';
import type { Phase } from '../../../src/engine/ports.ts';
import { RECORD_VERSION } from '../../../src/tasks/record.ts';
import type { TaskRecord } from '../../../src/tasks/record.ts';
import { transition } from '../../../src/tasks/transition.ts';

const phases: readonly Phase[] = [
  { name: 'one', status: 'completed', startedAt: 1, endedAt: 2 },
  { name: 'two', status: 'working', startedAt: 2 },
  { name: 'three', status: 'pending' },
];

const open: TaskRecord = {
  version: RECORD_VERSION,
  id: 't',
  workflow: 'w',
  digest: 'd',
  principal: 'local',
  createdAt: 0,
  updatedAt: 0,
  expiresAt: null,
  pollInterval: 1000,
  depth: 0,
  rev: 1,
  epoch: 1,
  seq: 0,
  inputCount: 0,
  message: 'step 2 of 3: two',
  percent: 33,
  phases,
  warnings: [],
  state: { kind: 'open', runner: 'r', inputs: [], crashes: { count: 0, seq: 0 } },
};

test.each([
  ['failed', { type: 'settled', status: 'failed', warnings: [] }, ['completed', 'failed', 'skipped']],
  ['completed', { type: 'settled', status: 'completed', warnings: [] }, ['completed', 'completed', 'skipped']],
  ['cancelled', { type: 'cancelled', reason: 'enough' }, ['completed', 'skipped', 'skipped']],
] as const)('no phase of a task that %s is still under way or pending', (_name, event, expected) => {
  const ended = transition(open, event, 10);
  expect(ended.phases.map(({ status }) => status)).toEqual(expected);
  expect(ended.phases[1]?.endedAt).toBe(10);
});
