import { z } from 'zod';
import { isTerminal } from '../../protocol/task-object.ts';
import { listEvents } from '../events/list-events.ts';
import { taskCursor, taskEvents, type TaskCursor } from '../events/task-events.ts';
import { ProblemError } from '../problem.ts';
import { route } from '../route.ts';
import { JournalEvent, ListReady, Task, TaskEnd } from '../schemas.ts';
import { mayList, taskOf, taskParams } from './tasks.ts';

const RESUMED = { 'Last-Event-ID': 'The id of the last event that was read; the stream goes on behind it.' };
const NOTHING = { about: 'There is nothing more to come: an EventSource stays away.' };

const followTask = route({
  method: 'get',
  path: '/tasks/{id}/events',
  operationId: 'followTask',
  summary: 'What happens in a task, as it happens; ids are the `seq` of its journal',
  params: taskParams,
  query: z.strictObject({ after: z.string().max(30).optional().describe('As Last-Event-ID, which goes before it.') }),
  headers: RESUMED,
  answers: {
    200: { about: 'A stream that ends with the task.', events: { journal: JournalEvent, task: Task, end: TaskEnd } },
    204: NOTHING,
  },
  problems: ['not_found', 'invalid_cursor'],
  handle: async ({ params: { id }, query: { after }, caller, signal, header }, { tasks }) => {
    const view = await taskOf(tasks, id, caller);
    const cursor = cursorOf(header('last-event-id') ?? after);
    if (cursor.ended && isTerminal(view)) {
      const more = await tasks.journal(id, caller.principal, cursor.seq);
      if (more.length === 0) return { status: 204 };
    }
    const { hide } = await tasks.inside(id, caller.principal, '');
    return { status: 200, events: taskEvents(tasks, view, cursor.seq, hide, signal) };
  },
});

function cursorOf(text: string | undefined): TaskCursor {
  const cursor = taskCursor(text ?? '0');
  if (cursor === undefined) throw new ProblemError('invalid_cursor', 'the cursor is not the id of an event of a task');
  return cursor;
}

const followTasks = route({
  method: 'get',
  path: '/tasks/events',
  operationId: 'followTasks',
  summary: 'The tasks of the caller as they change, in their newest state',
  query: z.strictObject({
    workflow: z.string().optional().describe('Only tasks of this workflow.'),
    after: z
      .string()
      .regex(/^\d{1,15}$/u)
      .optional()
      .describe('As Last-Event-ID, which goes before it.'),
  }),
  headers: RESUMED,
  answers: { 200: { about: 'A stream without an end.', events: { ready: ListReady, task: Task } } },
  problems: ['invalid_cursor', 'not_identified'],
  handle: ({ query: { workflow, after }, caller, signal, header }, { tasks, clock }) => {
    mayList(caller);
    const since = header('last-event-id') ?? after;
    if (since !== undefined && !/^\d{1,15}$/u.test(since)) {
      throw new ProblemError('invalid_cursor', 'the cursor is not the id of an event of a list');
    }
    const told = { tasks, clock, principal: caller.principal, ...(workflow !== undefined && { workflow }) };
    const events = listEvents(told, since === undefined ? undefined : Number(since), signal);
    return Promise.resolve({ status: 200, events });
  },
});

/** The list's stands before a task's: `events` is no id of a task. */
export const eventRoutes = [followTasks, followTask];
