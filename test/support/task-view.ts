import type { TaskView } from '../../src/tasks/task.ts';

/** A working task's view with fixed values; name what the test is about. */
export function taskView(changes: Partial<TaskView> = {}): TaskView {
  return {
    taskId: 'task-1',
    workflow: 'report',
    digest: 'd'.repeat(64),
    principal: 'local',
    status: 'working',
    statusMessage: 'step 1 of 2: collect',
    percent: 50,
    phases: [
      { name: 'collect', status: 'completed', startedAt: 1_000, endedAt: 2_000 },
      { name: 'write', status: 'working', startedAt: 2_000 },
    ],
    createdAt: Date.UTC(2026, 6, 28, 10),
    lastUpdatedAt: Date.UTC(2026, 6, 28, 10, 0, 5),
    ttl: 3_600_000,
    pollInterval: 1_000,
    inputs: [],
    rev: 3,
    warnings: [],
    ...changes,
  };
}
