import type { Command } from 'commander';
import { LOCAL_PRINCIPAL } from '../tasks/task.ts';
import { addSettings, COMMON_SETTINGS } from './context.ts';
import type { CliContext } from './context.ts';
import { addTasksCancel } from './tasks-cancel.ts';
import { addTasksGet } from './tasks-get.ts';
import { addTasksList } from './tasks-list.ts';
import { addTasksRespond } from './tasks-respond.ts';
import { addTasksResult } from './tasks-result.ts';
import { addTasksResume } from './tasks-resume.ts';

/** `mcp-workflow tasks …`: look at tasks, answer them, end them, take them up again. Works beside a running server. */
export function addTasks(program: Command, context: CliContext): void {
  const tasks = program.command('tasks').description('look at tasks, answer them, cancel or resume them');
  addTasksList(tasks, context);
  addTasksGet(tasks, context);
  addTasksResult(tasks, context);
  addTasksCancel(tasks, context);
  addTasksRespond(tasks, context);
  addTasksResume(tasks, context);
  for (const command of tasks.commands) {
    command
      .option('--principal <NAME>', 'the caller whose tasks are meant', LOCAL_PRINCIPAL)
      .option('--json', 'print one JSON document and nothing else');
    addSettings(command, COMMON_SETTINGS);
  }
}
