import { describe, expect, it } from 'vitest';
import { changed, changedOpen } from '../../../src/tasks/record.ts';
import type { OpenState, TaskRecord } from '../../../src/tasks/record.ts';

/** Every member a record can have: the compiler asks for those that are added later. */
const full: Required<TaskRecord> = {
  version: 1,
  id: 'a',
  workflow: 'w',
  digest: 'd',
  principal: 'p',
  createdAt: 1,
  nth: 14,
  updatedAt: 2,
  expiresAt: 3,
  pollInterval: 4,
  parent: { taskId: 'b', path: 'c' },
  root: 'e',
  depth: 5,
  samples: true,
  scheduleTime: '2026-01-01T00:00:00.000Z',
  idempotency: 'k',
  resumedAt: 6,
  turn: 7,
  begunAt: 8,
  rev: 9,
  epoch: 10,
  seq: 11,
  inputCount: 12,
  message: 'm',
  percent: 13,
  phases: [{ name: 'x', status: 'pending' }],
  warnings: ['y'],
  state: { kind: 'ended', status: 'failed', at: 14, failure: { code: 'z', message: 'z' } },
};
const waits: Required<OpenState> = {
  kind: 'open',
  runner: 'r',
  inputs: [{ key: 'in-1', path: 'ask', request: { method: 'elicitation/create', params: {} }, requestedAt: 1 }],
  crashes: { count: 1, seq: 2 },
  wakeAt: 3,
};

describe('a changed record', () => {
  it('keeps every member that is not changed', () => {
    expect(changed(full, {})).toEqual(full);
    expect(changed(full, { rev: 20, seq: 21, message: 'n' })).toEqual({ ...full, rev: 20, seq: 21, message: 'n' });
  });

  it('can lose its time to live', () => {
    expect(changed(full, { expiresAt: null }).expiresAt).toBeNull();
  });

  it('gets no member that the record did not have', () => {
    const {
      parent: _p,
      root: _o,
      scheduleTime: _s,
      samples: _l,
      idempotency: _i,
      resumedAt: _r,
      turn: _t,
      begunAt: _b,
      ...least
    } = full;
    expect(Object.keys(changed(least, {})).sort()).toEqual(Object.keys(least).sort());
  });
});

describe('a changed open state', () => {
  it('keeps every member but the time of waking, which is that of the change or none', () => {
    const { wakeAt: _w, ...rest } = waits;
    expect(changedOpen(waits, {})).toEqual(rest);
    expect(changedOpen(waits, { wakeAt: 9, runner: null })).toEqual({ ...rest, wakeAt: 9, runner: null });
  });
});
