import type { Clock } from '../core/clock.ts';
import type { Principal, TaskService, TaskView } from '../tasks/task.ts';
import { firstAbort } from './first-abort.ts';
import { isTerminal } from './task-object.ts';

/**
 * Follows a task until it has ended: `onView` sees the first view and every later one. Resolves with the terminal view;
 * rejects with the signal's reason on abort, which leaves the task as it is.
 */
export async function follow(
  tasks: Pick<TaskService, 'waitForChange'>,
  start: TaskView,
  principal: Principal,
  signal: AbortSignal,
  onView: (view: TaskView) => void = () => undefined,
): Promise<TaskView> {
  let view = start;
  onView(view);
  while (!isTerminal(view)) {
    signal.throwIfAborted();
    view = await tasks.waitForChange(view.taskId, principal, view.rev, signal);
    onView(view);
  }
  return view;
}

/**
 * Waits until `enough(view)`, at most `ms` milliseconds, and resolves with the newest view either way. Rejects only
 * when
 * `signal` aborts, or as the task service does.
 */
export async function waitAtMost(
  tasks: Pick<TaskService, 'waitForChange'>,
  clock: Clock,
  start: TaskView,
  principal: Principal,
  wait: { readonly ms: number; readonly enough: (view: TaskView) => boolean; readonly signal: AbortSignal },
): Promise<TaskView> {
  let view = start;
  if (wait.ms <= 0 || wait.enough(view)) return view;
  const timer = new AbortController();
  const ended = new AbortController();
  clock.sleep(wait.ms, ended.signal).then(
    () => timer.abort(),
    () => undefined,
  );
  const either = firstAbort(wait.signal, timer.signal);
  try {
    while (!wait.enough(view)) view = await tasks.waitForChange(view.taskId, principal, view.rev, either.signal);
  } catch (error) {
    if (wait.signal.aborted || !timer.signal.aborted) throw error;
  } finally {
    ended.abort();
    either.dispose();
  }
  return view;
}
