import { z } from 'zod';
import type { JsonObject } from '../../core/json.ts';
import { mayHaveCleanUp } from '../../protocol/clean-up.ts';
import { isTerminal } from '../../protocol/task-object.ts';
import type { ListQuery, TaskService, TaskView } from '../../tasks/task.ts';
import { TaskError } from '../../tasks/task.ts';
import type { RestCaller } from '../ports.ts';
import { ProblemError } from '../problem.ts';
import { route } from '../route.ts';
import { JournalPage, TASK_STATUSES, TaskDetail, TaskPage, TaskResult } from '../schemas.ts';
import { bytesOf, journalEvent, outcomeBody, taskBody } from '../views.ts';

export const taskParams = z.object({ id: z.string().describe('The id of the task.') });

/** The task, where it is the caller's. Unknown, expired and somebody else's are one and the same problem. */
export async function taskOf(tasks: TaskService, id: string, { principal }: RestCaller): Promise<TaskView> {
  const view = await tasks.get(id, principal);
  if (view === undefined) throw new TaskError('not_found', 'Task not found');
  return view;
}

/** Refuses what shows ids of tasks where callers are not told apart. */
export function mayList({ listsAll }: RestCaller): void {
  if (listsAll) return;
  throw new ProblemError('not_identified', 'callers are not told apart here, so nothing that lists tasks is answered');
}

const listTasks = route({
  method: 'get',
  path: '/tasks',
  operationId: 'listTasks',
  summary: 'The tasks of the caller, newest first',
  query: z.strictObject({
    workflow: z.string().optional().describe('Only tasks of this workflow.'),
    status: z.enum(TASK_STATUSES).optional().describe('Only tasks in this state.'),
    limit: z.coerce.number().int().min(1).max(200).optional().describe('Default 50.'),
    cursor: z.string().max(500).optional().describe('`nextCursor` of the page before.'),
  }),
  answers: { 200: { about: 'A page; it may be empty and still have a next one.', schema: TaskPage } },
  problems: ['invalid_cursor', 'not_identified'],
  handle: async ({ query, caller }, { tasks }) => {
    mayList(caller);
    const { workflow, status, limit, cursor } = query;
    const asked: ListQuery = {
      principal: caller.principal,
      ...(workflow !== undefined && { workflow }),
      ...(status !== undefined && { status }),
      ...(limit !== undefined && { limit }),
      ...(cursor !== undefined && { cursor }),
    };
    const page = await tasks.list(asked);
    const { nextCursor } = page;
    return { status: 200, body: { tasks: page.tasks.map(taskBody), ...(nextCursor !== undefined && { nextCursor }) } };
  },
});

const getTask = route({
  method: 'get',
  path: '/tasks/{id}',
  operationId: 'getTask',
  summary: 'A task: where it stands, what it asks, what it was called with, and its result',
  params: taskParams,
  answers: { 200: { about: 'The task.', schema: TaskDetail } },
  problems: ['not_found'],
  handle: async ({ params: { id }, caller }, { tasks, settings }) => {
    const view = await taskOf(tasks, id, caller);
    const inside = await tasks.inside(id, caller.principal);
    const state = mayHaveCleanUp(view) ? await tasks.cleanUp(id, caller.principal) : undefined;
    const cleanUp = state && { status: state.status, compensation: state.undone, warnings: state.warnings };
    return {
      status: 200,
      body: {
        ...taskBody(view),
        digest: view.digest,
        input: inside.input,
        usage: { ...inside.usage },
        ...(await outputOf(tasks, view, caller, settings.resultLimitBytes)),
        ...(cleanUp !== undefined && { cleanUp }),
      },
    };
  },
});

/** The output where it is not large, else its size. */
async function outputOf(tasks: TaskService, view: TaskView, caller: RestCaller, limit: number): Promise<JsonObject> {
  const outcome = isTerminal(view) ? await tasks.outcome(view.taskId, caller.principal) : undefined;
  if (outcome?.kind !== 'result' || outcome.failure !== undefined) return {};
  const bytes = bytesOf(outcome.output);
  return bytes > limit ? { outputBytes: bytes } : { output: outcome.output };
}

const getResult = route({
  method: 'get',
  path: '/tasks/{id}/result',
  operationId: 'getTaskResult',
  summary: 'The whole result of a task that has ended, however large',
  params: taskParams,
  answers: { 200: { about: 'How it ended.', schema: TaskResult } },
  problems: ['not_found', 'not_ended'],
  handle: async ({ params: { id }, caller }, { tasks }) => {
    const view = await taskOf(tasks, id, caller);
    const outcome = await tasks.outcome(id, caller.principal);
    if (outcome === undefined) throw new ProblemError('not_ended', `the task is ${view.status}: ${view.statusMessage}`);
    // It may have ended since the first look.
    const { status } = await taskOf(tasks, id, caller);
    return { status: 200, body: { taskId: id, status, ...outcomeBody(outcome) } };
  },
});

const getJournal = route({
  method: 'get',
  path: '/tasks/{id}/journal',
  operationId: 'getTaskJournal',
  summary: 'What happened, in order',
  params: taskParams,
  query: z.strictObject({
    after: z.coerce.number().int().min(0).optional().describe('Entries above this `seq` only.'),
    limit: z.coerce.number().int().min(1).max(5000).optional().describe('Default 1000.'),
  }),
  answers: { 200: { about: 'Entries; `nextAfter` where there are more.', schema: JournalPage } },
  problems: ['not_found'],
  handle: async ({ params: { id }, query: { after = 0, limit = 1000 }, caller }, { tasks }) => {
    const { hide } = await tasks.inside(id, caller.principal, '');
    const all = await tasks.journal(id, caller.principal, after);
    const entries = all.slice(0, limit);
    const last = entries.at(-1);
    const more = last !== undefined && all.length > entries.length ? { nextAfter: last.seq } : {};
    return { status: 200, body: { entries: entries.map((entry) => journalEvent(entry, hide)), ...more } };
  },
});

export const taskRoutes = [listTasks, getTask, getResult, getJournal];
