import type { TaskContext } from './context.ts';
import { isOver } from './admission.ts';
import { keys, lastPart, under } from './keys.ts';
import { loadRecords, missingRecord, viewOf } from './record.ts';
import { TaskError } from './task.ts';
import { DamagedValueError } from '../store/task-store.ts';
import type { ListQuery, TaskView } from './task.ts';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
/** Rows looked at for one page with a filter; then the page ends early, with a cursor. */
const MAX_SCANNED = 2000;

/**
 * One page of a principal's tasks, newest first. The cursor is the last row of the page; it is of no use to another
 * principal.
 */
export async function listTasks(
  context: TaskContext,
  query: ListQuery,
): Promise<{ readonly tasks: readonly TaskView[]; readonly nextCursor?: string }> {
  const prefix = keys.listing(query.principal);
  const { to } = under(prefix);
  const limit = Math.max(1, Math.min(MAX_LIMIT, Math.trunc(query.limit ?? DEFAULT_LIMIT)));
  const tasks: TaskView[] = [];
  let from = query.cursor === undefined ? prefix : `${prefix}${decodeCursor(query.cursor, prefix)}\0`;
  for (let scanned = 0; scanned < MAX_SCANNED;) {
    const page = await context.store.range({ from, to, limit: limit + 1 });
    const rows = [...page.items.map(({ key }) => key), ...page.damaged].sort();
    for (const key of page.damaged) context.reportDamage(key, `${key}: an index row is damaged`);
    const views = await viewsOf(context, rows);
    for (const [index, row] of rows.entries()) {
      if (tasks.length === limit) return { tasks, nextCursor: encodeCursor(from.slice(0, -1), prefix) };
      const view = views[index];
      if (view !== undefined && matches(view, query)) tasks.push(view);
      from = `${row}\0`;
    }
    if (rows.length <= limit) return { tasks };
    scanned += rows.length;
  }
  return { tasks, nextCursor: encodeCursor(from.slice(0, -1), prefix) };
}

function matches(view: TaskView, { workflow, status }: ListQuery): boolean {
  return (workflow === undefined || view.workflow === workflow) && (status === undefined || view.status === status);
}

/** Views by id; tasks that are over or damaged (reported) have none. */
async function viewsOf(context: TaskContext, rows: readonly string[]): Promise<readonly (TaskView | undefined)[]> {
  const now = context.retention.now();
  const found = await loadRecords(context.store, rows.map(lastPart), context.reportDamage);
  for (const [index, row] of rows.entries()) if (found[index] === undefined) await reportIfMissing(context, row);
  return found.map((marked) =>
    marked === undefined || isOver(marked.record, now) ? undefined : viewOf(marked.record),
  );
}

async function reportIfMissing({ store, reportDamage }: TaskContext, row: string): Promise<void> {
  try {
    const damage = await missingRecord(store, row, lastPart(row));
    if (damage !== undefined) reportDamage(damage.key, damage.message);
  } catch (error) {
    // The row or the record is damaged, which is reported already.
    if (!(error instanceof DamagedValueError)) throw error;
  }
}

/** Enough of the principal's hash to tell a cursor that belongs to somebody else. */
function ownerOf(prefix: string): string {
  return prefix.slice('list:'.length, 'list:'.length + 8);
}

function encodeCursor(key: string, prefix: string): string {
  return Buffer.from(`${ownerOf(prefix)}:${key.slice(prefix.length)}`).toString('base64url');
}

function decodeCursor(cursor: string, prefix: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const match = /^([A-Za-z0-9_-]{8}):(\d{15}:(?:!\d{3}:)?[A-Za-z0-9_-]{1,100})$/.exec(text);
  if (match?.[1] !== ownerOf(prefix) || match[2] === undefined)
    throw new TaskError('invalid_cursor', 'the cursor is not valid');
  return match[2];
}
