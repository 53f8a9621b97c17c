import type { TaskStatus } from '../core/outcome.ts';
import type { TaskView } from '../tasks/task.ts';
import type { Caller } from './caller.ts';
import type { ProtocolDeps } from './deps.ts';
import { invalidParams } from './errors.ts';

/**
 * The tasks that this connection has started or named, newest first: all that may be listed where callers are not told
 * apart. Throws `invalidParams` for a cursor that is none of this list.
 */
export async function listKnown(
  caller: Caller,
  deps: Pick<ProtocolDeps, 'tasks'>,
  query: {
    readonly limit: number;
    readonly cursor?: string | undefined;
    readonly workflow?: string;
    readonly status?: TaskStatus;
  },
): Promise<{ readonly tasks: readonly TaskView[]; readonly nextCursor?: string }> {
  const ids = caller.known.list();
  const from = query.cursor === undefined ? 0 : ids.indexOf(query.cursor) + 1;
  if (query.cursor !== undefined && from === 0) throw invalidParams('cursor: not a cursor of this list');
  const tasks: TaskView[] = [];
  for (const taskId of ids.slice(from)) {
    const view = await deps.tasks.get(taskId, caller.principal);
    if (view === undefined) continue;
    if (query.workflow !== undefined && view.workflow !== query.workflow) continue;
    if (query.status !== undefined && view.status !== query.status) continue;
    const last = tasks.at(-1);
    // One more than the page: there is a next one.
    if (tasks.length === query.limit && last !== undefined) return { tasks, nextCursor: last.taskId };
    tasks.push(view);
  }
  return { tasks };
}
