import { RECORD_VERSION, type TaskRecord } from '../../src/tasks/record.ts';

/** The record of a task that has just begun; runner `r`, epoch 1. */
export const OPEN_RECORD: TaskRecord = {
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
  message: 'created',
  percent: 0,
  phases: [],
  warnings: [],
  state: { kind: 'open', runner: 'r', inputs: [], crashes: { count: 0, seq: 0 } },
};
