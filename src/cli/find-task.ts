import type { Principal, TaskService, TaskView } from '../tasks/task.ts';
import { usageError } from './exit.ts';

const PAGE = 200;
const NAMED = 10;

/**
 * The task of an id, or of a beginning that no other id of this caller has.
 * @throws CommandError (2) that names the tasks where several ids begin so
 */
export async function findTask(tasks: TaskService, given: string, principal: Principal): Promise<TaskView> {
  const exact = await tasks.get(given, principal);
  if (exact !== undefined) return exact;
  const found = await beginningWith(tasks, given, principal);
  const [only, second] = found;
  if (only === undefined) throw unknownTask(given);
  if (second === undefined) return only;
  const named = found.slice(0, NAMED).map(({ taskId, workflow }) => `  ${taskId}  ${workflow}`);
  const more = found.length > NAMED ? '\n  …' : '';
  throw usageError(`several tasks begin with '${given}':\n${named.join('\n')}${more}`);
}

/** Up to one more than are named. */
async function beginningWith(tasks: TaskService, given: string, principal: Principal): Promise<readonly TaskView[]> {
  const found: TaskView[] = [];
  if (given === '') return found;
  for (let cursor: string | undefined; ;) {
    const query = { principal, limit: PAGE, ...(cursor !== undefined && { cursor }) };
    const page = await tasks.list(query);
    found.push(...page.tasks.filter(({ taskId }) => taskId.startsWith(given)));
    cursor = page.nextCursor;
    if (cursor === undefined || found.length > NAMED) return found;
  }
}

export function unknownTask(taskId: string): Error {
  return usageError(`no task '${taskId}': it is unknown, expired or another caller's (mcp-workflow tasks list)`);
}
