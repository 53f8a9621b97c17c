import type { PlannedTask, RequestEntry, RequestRow } from './plan.ts';
import { nextOf, stateOf, type TaskState } from './rules.ts';

/** What each change says, before the progress table. */
export const SAID = {
  planned: 'Request registered successfully.',
  done: 'Task marked as done. Awaiting approval.',
  approved: 'Task completion approved.',
  completed: 'Request completion approved. All done!',
  added: 'Tasks added to request.',
  updated: 'Task updated successfully.',
  deleted: 'Task deleted successfully.',
} as const;

const SIGN: { readonly [S in TaskState]: string } = { Pending: '❌', Done: '⏳', Approved: '✅' };

/** A Markdown table of the tasks: ❌ pending, ⏳ done and awaiting approval, ✅ approved. */
export function progressTable({ tasks }: RequestEntry): string {
  const rows = tasks.map((task) => [SIGN[stateOf(task)], task.title, task.description]);
  return `Task Progress:\n| Status | Task | Description |\n|--------|------|-------------|\n${rows.map(line).join('')}`;
}

/** A Markdown table of all requests. `Tasks Done` counts those that are approved. */
export function requestsTable(rows: readonly (RequestRow & { readonly requestId: string })[]): string {
  const lines = rows.map((row) =>
    line([row.requestId, row.originalRequest, String(row.tasksDone), String(row.totalTasks)]),
  );
  return (
    'Requests:\n| ID | Original Request | Tasks Done | Total Tasks |\n' +
    `|-----|-----------------|------------|-------------|\n${lines.join('')}`
  );
}

/** What is to be done next, with the progress table. */
export function nextText(entry: RequestEntry): string {
  const next = nextOf(entry);
  switch (next.kind) {
    case 'task':
      return `Next task: ${next.task.title}\n${next.task.description}\n${progressTable(entry)}`;
    case 'unapproved':
      return `All tasks are done but some need approval.\n${progressTable(entry)}`;
    case 'approved': {
      const then = entry.completed ? 'The request is completed.' : 'Awaiting request completion approval.';
      return `All tasks are done! ${then}\n${progressTable(entry)}`;
    }
  }
}

/** Everything about one task. */
export function detailsText(task: PlannedTask): string {
  const details = task.completedDetails === '' ? '' : `Completion Details: ${task.completedDetails}`;
  return (
    `Task Details:\nID: ${task.id}\nTitle: ${task.title}\nDescription: ${task.description}\n` +
    `Status: ${stateOf(task)}\n${details}`
  );
}

function line(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(' | ')} |\n`;
}

/** A cell ends at a bar and a row at a line end, so neither can stand in one. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/[\r\n\u2028\u2029]+/gu, ' ');
}
