/*
 * The state rules of the planner, without a store.
 *
 * P1 A task goes Pending → Done → Approved, and never back.
 * P2 A task that is done or approved is neither changed nor deleted.
 * P3 Only a task that is done can be approved.
 * P4 A request is completed only while all of its tasks are approved; new tasks make it incomplete again.
 * P5 What is asked for a second time, and is so already, is answered as the first time and changes nothing: the same
 *    value comes back.
 */
import { PlannerRefusal } from './refusal.ts';
import type { PlannedTask, RequestEntry, RequestRow } from './plan.ts';

/** A task as somebody asks for it. */
export interface TaskDraft {
  readonly title: string;
  readonly description: string;
}

/** A request as somebody asks for it. */
export interface RequestDraft {
  readonly originalRequest: string;
  readonly splitDetails?: string | undefined;
  readonly tasks: readonly TaskDraft[];
}

/** Gives out the id of a new task. */
export type NextTaskId = () => string;

/** What is to be done next. `unapproved`: all are done, some wait for an approval. `approved`: all are approved. */
export type Next =
  | { readonly kind: 'task'; readonly task: PlannedTask }
  | { readonly kind: 'unapproved' }
  | { readonly kind: 'approved' };

/** Where a task is on its way. */
export type TaskState = 'Pending' | 'Done' | 'Approved';

export function requestOf(requestId: string, draft: RequestDraft, nextId: NextTaskId): RequestEntry {
  const { originalRequest, splitDetails = '' } = draft;
  const tasks = draft.tasks.map((task) => taskOf(task, nextId));
  return { requestId, originalRequest, splitDetails, tasks, completed: false };
}

export function withTasks(entry: RequestEntry, drafts: readonly TaskDraft[], nextId: NextTaskId): RequestEntry {
  const added = drafts.map((task) => taskOf(task, nextId));
  return { ...entry, tasks: [...entry.tasks, ...added], completed: false };
}

/** The first task that is not done, in order. */
export function nextOf({ tasks }: RequestEntry): Next {
  const task = tasks.find(({ done }) => !done);
  if (task !== undefined) return { kind: 'task', task };
  return { kind: tasks.every(({ approved }) => approved) ? 'approved' : 'unapproved' };
}

export function markDone(entry: RequestEntry, taskId: string, details: string | undefined): RequestEntry {
  const task = taskIn(entry, taskId);
  if (task.done) {
    if (details === undefined || details === task.completedDetails) return entry;
    throw finished('update');
  }
  return replacing(entry, { ...task, done: true, completedDetails: details ?? '' });
}

export function approveTask(entry: RequestEntry, taskId: string): RequestEntry {
  const task = taskIn(entry, taskId);
  if (!task.done) throw new PlannerRefusal('not_allowed', 'Task is not done yet');
  return task.approved ? entry : replacing(entry, { ...task, approved: true });
}

export function approveRequest(entry: RequestEntry): RequestEntry {
  if (entry.tasks.some(({ approved }) => !approved)) {
    throw new PlannerRefusal('not_allowed', 'Not all tasks are approved yet');
  }
  return entry.completed ? entry : { ...entry, completed: true };
}

export function updateTask(
  entry: RequestEntry,
  taskId: string,
  change: { readonly title?: string | undefined; readonly description?: string | undefined },
): RequestEntry {
  const task = taskIn(entry, taskId);
  if (task.done) throw finished('update');
  const { title = task.title, description = task.description } = change;
  return title === task.title && description === task.description
    ? entry
    : replacing(entry, { ...task, title, description });
}

export function deleteTask(entry: RequestEntry, taskId: string): RequestEntry {
  if (taskIn(entry, taskId).done) throw finished('delete');
  return { ...entry, tasks: entry.tasks.filter(({ id }) => id !== taskId) };
}

export function stateOf({ done, approved }: PlannedTask): TaskState {
  if (approved) return 'Approved';
  return done ? 'Done' : 'Pending';
}

/** Throws `Task not found`. */
export function taskIn(entry: RequestEntry, taskId: string): PlannedTask {
  const task = entry.tasks.find(({ id }) => id === taskId);
  if (task === undefined) throw taskNotFound();
  return task;
}

/** One text for what never was, was deleted, or is somebody else's. */
export function taskNotFound(): PlannerRefusal {
  return new PlannerRefusal('not_found', 'Task not found');
}

/** One text for what never was, is kept no longer, or is somebody else's. */
export function requestNotFound(): PlannerRefusal {
  return new PlannerRefusal('not_found', 'Request not found');
}

const SHOWN_CHARS = 200;

/** The request as the inventory shows it; a long text is cut. */
export function rowOf({ originalRequest, tasks, completed }: RequestEntry): RequestRow {
  const text = Array.from(originalRequest.slice(0, 2 * SHOWN_CHARS + 2));
  return {
    originalRequest: text.length <= SHOWN_CHARS ? originalRequest : `${text.slice(0, SHOWN_CHARS).join('')}…`,
    tasksDone: tasks.filter(({ approved }) => approved).length,
    totalTasks: tasks.length,
    completed,
  };
}

function taskOf({ title, description }: TaskDraft, nextId: NextTaskId): PlannedTask {
  return { id: nextId(), title, description, done: false, approved: false, completedDetails: '' };
}

function replacing(entry: RequestEntry, task: PlannedTask): RequestEntry {
  return { ...entry, tasks: entry.tasks.map((one) => (one.id === task.id ? task : one)) };
}

function finished(act: 'update' | 'delete'): PlannerRefusal {
  return new PlannerRefusal('not_allowed', `Cannot ${act} completed or approved tasks`);
}
