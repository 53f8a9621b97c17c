import { isTerminal } from '../../protocol/task-object.ts';
import type { TaskInside, TaskService, TaskView } from '../../tasks/task.ts';
import type { ServerEvent } from '../route.ts';
import { journalEvent, taskBody } from '../views.ts';

/** Where a reader of a task's events is: the last `seq` of the journal it has, and whether it has seen the end. */
export interface TaskCursor {
  readonly seq: number;
  readonly ended: boolean;
}

const ENDED = '.end';

/** Reads `Last-Event-ID` or `after`; `undefined` when it is neither. */
export function taskCursor(text: string): TaskCursor | undefined {
  const groups = /^(?<seq>\d{1,15})(?<ended>\.end)?$/u.exec(text)?.groups;
  if (groups === undefined) return undefined;
  return { seq: Number(groups['seq']), ended: groups['ended'] !== undefined };
}

/**
 * The events of a task from a cursor on: `journal` for each entry, with its `seq` as id; `task` for each state that was
 * seen; `end` behind the last of them. What is read is the journal in the store, so the cursor holds over a restart and
 * in every process: entries come in order, none is left out, none comes twice. States in between may be left out, the
 * newest never. Rejects when the task is no more, or on abort.
 */
export async function* taskEvents(
  tasks: TaskService,
  start: TaskView,
  from: number,
  hide: TaskInside['hide'],
  signal: AbortSignal,
): AsyncGenerator<ServerEvent> {
  const { taskId, principal } = start;
  let seq = from;
  const fresh = async function* (): AsyncGenerator<ServerEvent> {
    for (const entry of await tasks.journal(taskId, principal, seq)) {
      yield { event: 'journal', id: String(entry.seq), data: journalEvent(entry, hide) };
      ({ seq } = entry);
    }
  };
  for (let view = start; ;) {
    // Behind the view: all that it follows from is in the journal by now.
    yield* fresh();
    yield { event: 'task', data: taskBody(view) };
    if (isTerminal(view)) {
      await tasks.cleanedUp(taskId, principal, signal);
      yield* fresh();
      yield { event: 'end', id: `${seq}${ENDED}`, data: { taskId, status: view.status } };
      return;
    }
    view = await tasks.waitForChange(taskId, principal, view.rev, signal);
  }
}
