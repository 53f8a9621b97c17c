import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { titlesOf } from '../support/test-titles.ts';

/**
 * A behaviour of the DAG executor and the task manager that seed 004 describes: a line of it, and the test that proves
 * ours.
 */
interface Behaviour {
  readonly says: string;
  readonly file: string;
  readonly test: string;
}

const BEHAVIOURS: readonly Behaviour[] = [
  {
    says: 'Lifecycle states: `working`, `input_required`, `completed`, `failed`, `cancelled`',
    file: 'test/property/task-life.property.test.ts',
    test: 'loses no acknowledged create, cancel or answer, goes never back, and ends every task once',
  },
  {
    says: 'Tasks are created as a side effect when a tool returns a CreateTaskResult',
    file: 'test/unit/tasks/life.test.ts',
    test: 'is durable and working when create resolves, and completed with its outcome at the end (D1, T4)',
  },
  {
    says: 'GetTaskRequestSchema (tasks/get) - Get task status and progress',
    file: 'test/unit/tasks/life.test.ts',
    test: 'tells progress with the next commit, by itself at most once a second, and never lets percent go back',
  },
  {
    says: 'ListTasksRequestSchema (tasks/list) - List all tasks',
    file: 'test/unit/tasks/life.test.ts',
    test: 'pages newest first without loss or repeat, filters, and hides others’ tasks',
  },
  {
    says: 'GetTaskPayloadRequestSchema (tasks/result) - Get final task result payload',
    file: 'test/unit/tasks/life.test.ts',
    test: 'writes what the run left to its outcome in the same commit as the outcome (T4)',
  },
  {
    says: 'CancelTaskRequestSchema (tasks/cancel) - Cancel an in-progress task',
    file: 'test/unit/tasks/life.test.ts',
    test: 'is durable when it resolves, aborts the run and lets no later step count (D8)',
  },
  {
    says: "Task not found: ${taskId}', 'TASK_NOT_FOUND'",
    file: 'test/unit/tasks/life.test.ts',
    test: 'is the principal’s alone: unknown and foreign tasks get the same answer',
  },
  {
    says: 'Multi-phase deployment validation with test failure tracking',
    file: 'test/unit/engine/workflow-level.test.ts',
    test: 'has the phases that the steps name, in order of appearance',
  },
  {
    says: "status: 'pending' | 'working' | 'completed' | 'failed'",
    file: 'test/steps/nodes.test.ts',
    test: 'phases are pending, working and completed while their nodes are, with the times of both ends',
  },
  {
    says: 'Map phases to progress (0-14-28-42-57-71-85-100%)',
    file: 'test/steps/nodes.test.ts',
    test: 'seven phases are 0, 14, 28, 42, 57, 71, 85 and 100 percent',
  },
  {
    says: 'Each DAG node becomes a sub-task',
    file: 'test/steps/nodes.test.ts',
    test: 'each node of a graph has a state of its own while the others run',
  },
  {
    says: 'Parent task tracks overall DAG execution; Add progress aggregation',
    file: 'test/steps/nodes.test.ts',
    test: 'the task adds the nodes of a graph up to its own progress',
  },
  {
    says: 'Preserve parallel execution benefits',
    file: 'test/steps/group.test.ts',
    test: 'runs no more steps at once than max_concurrency',
  },
  {
    says: 'Parallel task execution with dependency resolution',
    file: 'test/steps/group.test.ts',
    test: 'is a graph as soon as one step says depends_on; at the top level too',
  },
  {
    says: 'Step dependencies, retry logic, conditional execution: dependsOn',
    file: 'test/steps/group.test.ts',
    test: 'skips what depends on a failed step, lets the others go on, and fails at its end',
  },
  {
    says: 'Custom step tracking with dependsOn, retryable, conditional: conditional',
    file: 'test/unit/engine/rules.test.ts',
    test: 'skips a step, and a retried or restarted step is not asked again',
  },
  {
    says: 'Custom `TaskNode` interface with retryCount, retryDelay',
    file: 'test/steps/nodes.test.ts',
    test: 'a node is tried again after its delay, as often as it says, before its dependents run',
  },
  {
    says: 'Custom `TaskNode` interface with canFailSafely',
    file: 'test/steps/group.test.ts',
    test: 'runs the dependents of a step that can fail safely, and completes',
  },
  {
    says: 'Support cancellation between phases',
    file: 'test/steps/nodes.test.ts',
    test: 'a cancel between two phases lets no node of the second one start',
  },
  {
    says: 'Session-based with persistent state across tool calls',
    file: 'test/unit/tasks/life.test.ts',
    test: 'keeps saved variables for the next run of the same workflow and principal',
  },
  {
    says: 'Add task persistence',
    file: 'test/unit/tasks/recovery.test.ts',
    test: 'a task goes on from its last checkpoint; a committed step never runs again (D2, D3)',
  },
  {
    says: 'Track research sub-operations as nested progress',
    file: 'test/unit/engine/workflow-level.test.ts',
    test: 'has a phase for each top-level step, floor percent that never goes back, and says where it stands',
  },
  {
    says: 'Map step execution to sub-tasks',
    file: 'test/unit/tasks/children.test.ts',
    test: 'is a task of its own, of the same principal, linked to its parent',
  },
  {
    says: 'result?: TaskResult; // Final result when completed — error?: string; // Error message when failed',
    file: 'test/unit/tasks/life.test.ts',
    test: 'fails with the failure of its workflow in view and outcome',
  },
];

const root = new URL('../../', import.meta.url);

describe('what seed 004 says of the DAG executor and the task manager', () => {
  it.each(BEHAVIOURS)('$says: $file', ({ file, test }) => {
    expect(existsSync(new URL(file, root))).toBe(true);
    expect(titlesOf(file)).toContain(test);
  });
});
